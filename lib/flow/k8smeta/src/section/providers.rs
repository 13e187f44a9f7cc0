//! Who tells pods, as the section says it.

use component::config::{Caution, Problems};

use super::{AssociationConfig, Config, SourceConfig};
use crate::view::{Filter, Server};

/// Who can tell pods, in the order of the last word.
const PROVIDERS: [&str; 4] = ["path", "cri", "kubelet", "apiserver"];

impl Config {
    /// One of [`PROVIDERS`] tells pods.
    pub(crate) fn asks(&self, provider: &str) -> bool {
        if !self.providers.is_empty() {
            return self.providers.iter().any(|it| it == provider);
        }
        match provider {
            "cri" => self.cri.is_some(),
            "kubelet" => self.kubelet.is_some(),
            "apiserver" => self.cri.is_none() && self.kubelet.is_none(),
            _ => false,
        }
    }

    /// For what the API server is asked.
    pub(super) fn server(&self) -> Server {
        if self.asks("apiserver") {
            Server::Pods
        } else if self.providers.is_empty() {
            Server::Others
        } else {
            Server::Nothing
        }
    }

    /// For readers of log files: pods are found by their uid, which stands in the path, unless something else is said.
    #[must_use]
    pub fn by_uid(mut self) -> Self {
        if self.pod_association.is_empty() {
            let (from, name) = ("resource_attribute".to_owned(), "k8s.pod.uid".to_owned());
            self.pod_association
                .push(AssociationConfig { sources: vec![SourceConfig { from, name }] });
        }
        self
    }

    /// Which pods are known.
    pub fn selectors(&self) -> Filter {
        Filter { server: self.server(), ..self.filter.read() }
    }

    pub(super) fn providers_are_right(&self, problems: &mut Problems) {
        for (at, name) in self.providers.iter().enumerate() {
            if !PROVIDERS.contains(&name.as_str()) {
                let text = format!("providers: {name:?} tells no pods");
                problems.at("", text).one_of(&format!("providers::{at}"), &PROVIDERS);
            }
        }
        for (name, is_there) in [("cri", self.cri.is_some()), ("kubelet", self.kubelet.is_some())] {
            if is_there && !self.asks(name) {
                let text = format!("{name} has no effect: it is not among the providers");
                problems.warn(Caution::NoEffect, "", text).remove(name);
            }
        }
        if self.asks("cri") || self.asks("kubelet") {
            self.filter.fits_node(problems);
        }
    }
}
