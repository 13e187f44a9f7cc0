//! The runtime's own stream of what happens to containers, where listening to it does no harm.
//!
//! containerd 1.7 gives each event to one listener only and so takes it from the kubelet (containerd issue 7318). containerd 2 and
//! CRI-O give it to all; there a listener that does not read holds up the start of pods, so events are read as fast as they come
//! and nothing of them is kept: who is told asks the runtime for what it wants to know.

use crate::messages::VersionResponse;
use crate::runtime::Runtime;

/// The first containerd that gives each event to all listeners.
const CONTAINERD_MIN: u32 = 2;

/// Whether a second listener does no harm to this runtime.
///
/// # Errors
/// It does, and why.
pub fn are_safe(version: &VersionResponse) -> Result<(), String> {
    let VersionResponse { runtime_name: name, runtime_version } = version;
    let number = runtime_version.trim_start_matches('v');
    let major = number.split('.').next().and_then(|it| it.parse::<u32>().ok());
    match (name.as_str(), major) {
        ("containerd", Some(CONTAINERD_MIN..)) | ("cri-o", _) => Ok(()),
        ("containerd", Some(_)) => Err(format!(
            "containerd {runtime_version} gives each event to one listener only, which would take it from the kubelet; it is \
             safe since containerd {CONTAINERD_MIN}"
        )),
        _ => Err(format!("it is not known to be safe with {name} {runtime_version}")),
    }
}

impl Runtime {
    /// Calls `told` for each event until the runtime ends the stream.
    ///
    /// # Errors
    /// The stream broke; with what helps.
    pub async fn listen(&self, told: impl Fn()) -> Result<(), String> {
        let mut events = self.events().await?;
        while self.event(&mut events).await?.is_some() {
            told();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_for_runtimes_that_give_them_to_all() {
        let safe = |name: &str, version: &str| {
            let (runtime_name, runtime_version) = (name.to_owned(), version.to_owned());
            are_safe(&VersionResponse { runtime_name, runtime_version }).is_ok()
        };
        assert!(safe("containerd", "v2.0.1") && safe("containerd", "2.1.4~ds2"));
        assert!(safe("cri-o", "1.30.0"));
        assert!(!safe("containerd", "1.7.24") && !safe("containerd", "v1.6.20"));
        assert!(!safe("containerd", "") && !safe("docker", "24.0"));
    }
}
