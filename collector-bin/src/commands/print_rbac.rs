//! `sluice print-rbac`: what a configuration has to be allowed in Kubernetes.

use std::process::ExitCode;

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations, read};
use crate::cli::{Command, Flag, Matches, Takes};
use crate::components::components;
use crate::console::{refuse, say};

/// `sluice print-rbac`.
pub const COMMAND: Command = Command {
    name: "print-rbac",
    aliases: &[],
    about: "Print the Kubernetes rights that a configuration needs",
    text: "\
Print the least ClusterRole with which a configuration works, and the binding to a service account, as YAML for
kubectl apply -f -. What is printed follows from what the components of its pipelines watch.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &NAME, &NAMESPACE],
    run,
};

const NAME: Flag = Flag {
    name: "name",
    short: None,
    takes: Takes::Text("name"),
    default: "sluice",
    about: "Name of the role, the binding and the service account",
};

const NAMESPACE: Flag = Flag {
    name: "namespace",
    short: Some('n'),
    takes: Takes::Text("namespace"),
    default: "default",
    about: "Namespace of the service account",
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    feature_gates(matches)?;
    let settings = match read(&locations(matches)?, &components(), false) {
        Ok((_, settings)) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let (name, namespace) = (matches.value(&NAME), matches.value(&NAMESPACE));
    let role = kube::cluster_role(name, &settings.rights());
    say(&format!(
        "{role}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {name}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {name}
subjects:
  - kind: ServiceAccount
    name: {name}
    namespace: {namespace}
"
    ))
}
