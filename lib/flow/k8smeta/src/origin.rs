//! Who tells about pods, and who has the last word.

/// A source of what is known of pods. Of two that know the same the later one here is right: it knows more, and later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The container runtime of this node: a pod as it was when it was made.
    Runtime,
    /// The kubelet of this node: its pods as they are.
    Kubelet,
    /// The API server.
    #[default]
    ApiServer,
}

impl Origin {
    /// All, the last word last.
    pub(crate) const ALL: [Self; 3] = [Self::Runtime, Self::Kubelet, Self::ApiServer];

    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runtime => "cri",
            Self::Kubelet => "kubelet",
            Self::ApiServer => "apiserver",
        }
    }

    /// Its place among [`Self::ALL`].
    pub(crate) const fn at(self) -> usize {
        self as usize
    }
}
