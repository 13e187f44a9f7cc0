//! What will keep the collector from starting, known before anything starts.
//!
//! Upstream notices these mistakes only when it starts the component: an authenticator or a storage that
//! nobody offers, two servers on one address. Each is reported at its key, in the words of the start.

use std::collections::BTreeMap;

use component::config::{Fault, Need, Remedy, Right, Stage};
use component::{BuildInfo, Id, Kind, Offers};
use confmap::code;

use crate::complete::nearest;
use crate::issue::{Hint, Issue, Problem, of_fault};
use crate::registry::Registry;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::unknown::missing_here;

/// In which order components start.
const ORDER: [Kind; 5] =
    [Kind::Extension, Kind::Exporter, Kind::Connector, Kind::Processor, Kind::Receiver];

/// What the Collector prints about a component that does not start.
pub(crate) fn start_text(kind: Kind, id: &Id, why: &str) -> String {
    match kind {
        Kind::Extension => format!("failed to start extensions: {why}"),
        _ => format!("cannot start pipelines: failed to start \"{id}\" {kind}: {why}"),
    }
}

/// Why own telemetry does not start.
pub(crate) fn telemetry_issue(fault: &Fault) -> Issue {
    of_fault(&["service", "telemetry"], fault, fault.text.clone())
}

impl Settings {
    /// Says whether the collector can start, as far as that is known.
    ///
    /// # Errors
    /// The first mistake in the order of the start; the others are behind it.
    pub fn can_start(&self, registry: &Registry, build: &BuildInfo) -> Result<(), Problem> {
        self.can_start_with(&Telemetry::new(&self.service.telemetry, build, registry), registry)
    }

    /// The same for own telemetry that was made already.
    pub(crate) fn can_start_with(
        &self,
        telemetry: &Telemetry,
        registry: &Registry,
    ) -> Result<(), Problem> {
        let own = telemetry.refused().map(telemetry_issue);
        let mut found = self.unmet(registry);
        found.extend(self.said.at_start.iter().filter(|it| self.starts(it.kind, &it.id)).map(
            |it| {
                let line = start_text(it.kind, &it.id, &it.issue.text);
                (it.kind, Issue { headline: Some(line), ..it.issue.clone() })
            },
        ));
        found.sort_by_key(|it| ORDER.iter().position(|kind| *kind == it.0));
        let mut issues = own.into_iter().chain(found.into_iter().map(|it| it.1));
        let Some(first) = issues.next() else { return Ok(()) };
        Err(Problem { more: issues.collect(), ..Problem::new(Stage::Start, vec![first]) })
    }

    /// What components that start need to be allowed at the API server of Kubernetes.
    pub fn rights(&self) -> Vec<Right> {
        let needs = self.said.needs.iter().filter(|it| self.starts(it.kind, &it.id));
        let rights = needs.filter_map(|it| match &it.need {
            Need::Right(right) => Some(right.clone()),
            _ => None,
        });
        rights.collect()
    }

    /// What components need and do not get.
    fn unmet(&self, registry: &Registry) -> Vec<(Kind, Issue)> {
        let mut found = Vec::new();
        let mut taken = BTreeMap::new();
        for (path, address) in self.service.telemetry.metrics.addresses() {
            // The servers that start later are at fault.
            let _ = clash(&address, &path, &mut taken);
        }
        for kind in ORDER {
            let needs = self.said.needs.iter().filter(|it| it.kind == kind);
            for needed in needs.filter(|it| self.starts(it.kind, &it.id)) {
                let why = match &needed.need {
                    Need::Storage(id) => self.lacks(id, Offers::Storage, registry),
                    Need::ServerAuth(id) => self.lacks(id, Offers::ServerAuth, registry),
                    Need::ClientAuth(id) => self.lacks(id, Offers::ClientAuth, registry),
                    Need::Middleware(side, id) => {
                        self.lacks(id, Offers::Middleware(*side), registry)
                    }
                    Need::Policies(id) => self.lacks(id, Offers::Policies, registry),
                    Need::LeaderElection(id) => self.lacks(id, Offers::LeaderElection, registry),
                    Need::Observer(id) => self.lacks(id, Offers::Observer, registry),
                    Need::Address(address) => clash(address, &needed.path.join("::"), &mut taken),
                    // Only the API server knows, and the component goes on without.
                    Need::Right(_) => None,
                };
                found.extend(why.map(|(text, line)| {
                    let mut issue = Issue::new(needed.path.clone(), text).code(code::START);
                    // What cannot be had at all need not be defined.
                    issue.follows =
                        self.said.at_start.iter().any(|it| it.issue.path == needed.path);
                    issue.headline = Some(start_text(kind, &needed.id, &line));
                    (kind, self.listing(issue, &needed.need, registry))
                }));
            }
        }
        found
    }

    /// An extension that is defined has only to be listed, and a server can have the next port.
    fn listing(&self, issue: Issue, need: &Need, registry: &Registry) -> Issue {
        let id = match need {
            Need::Storage(id)
            | Need::ServerAuth(id)
            | Need::ClientAuth(id)
            | Need::Middleware(_, id)
            | Need::Policies(id)
            | Need::LeaderElection(id)
            | Need::Observer(id) => id,
            Need::Address(address) => return next_port(issue, address),
            Need::Right(_) => return issue,
        };
        let Ok(id) = id.parse::<Id>() else {
            // An exporter whose `auth` names nobody sends as it would without.
            if let (Need::ClientAuth(_), Some((_, section))) =
                (need, issue.path.clone().split_last())
            {
                return issue.hint(section.to_vec(), Remedy::Remove);
            }
            return issue.advice("write the id of an extension, as it stands in `extensions`");
        };
        if self.section(Kind::Extension, &id).is_none() {
            return self.undefined_extension(issue, &id, registry);
        }
        if self.service.extensions.contains(&id) {
            return issue;
        }
        let cause =
            format!("the extension `{id}` is defined, but `service: extensions` does not list it");
        let listed = self.service.extensions.iter().chain([&id]).map(ToString::to_string);
        let list = listed.collect::<Vec<_>>().join(", ");
        issue.cause(cause).set(&["service", "extensions"], format!("[{list}]"))
    }

    /// The extension that was probably meant, or where one could come from.
    fn undefined_extension(&self, issue: Issue, id: &Id, registry: &Registry) -> Issue {
        let issue = issue.cause(format!(
            "no extension `{id}` is defined: define it in `extensions`, and list it in `service: extensions`"
        ));
        let defined: Vec<String> =
            self.of(Kind::Extension).iter().map(|it| it.0.to_string()).collect();
        if let Some(near) = nearest(id, &defined) {
            return issue.hinted(Hint::Rename(near));
        }
        let help = missing_here(registry, &[Kind::Extension], id.type_name());
        issue.advice(help.unwrap_or_else(|| format!("define `{id}`")))
    }

    /// True for what a pipeline or the service lists.
    fn starts(&self, kind: Kind, id: &Id) -> bool {
        let mut pipelines = self.service.pipelines.iter().map(|it| &it.1);
        match kind {
            Kind::Extension => self.service.extensions.contains(id),
            Kind::Receiver => pipelines.any(|it| it.receivers.contains(id)),
            Kind::Processor => pipelines.any(|it| it.processors.contains(id)),
            Kind::Exporter => pipelines.any(|it| it.exporters.contains(id)),
            Kind::Connector => pipelines.any(|it| it.exporters.contains(id)),
        }
    }

    /// The text of the mistake and that of the Collector.
    fn lacks(&self, id: &str, wanted: Offers, registry: &Registry) -> Option<(String, String)> {
        let text = match id.parse::<Id>() {
            Ok(id) if self.service.extensions.contains(&id) => {
                let entry = registry.find(Kind::Extension, id.type_name());
                if entry.is_some_and(|it| it.offers.contains(&wanted)) {
                    return None;
                }
                wanted.not_offered()
            }
            Err(_) if wanted == Offers::Storage => return None,
            _ => wanted.not_listed(id),
        };
        Some((text.clone(), text))
    }
}

fn next_port(issue: Issue, address: &str) -> Issue {
    let Some((host, port)) = address.rsplit_once(':') else { return issue };
    let next = port.parse::<u16>().ok().and_then(|it| it.checked_add(1));
    let path: Vec<String> = issue.path.clone();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match next {
        Some(next) => issue.set(&path, format!("{host}:{next}")),
        None => issue,
    }
}

/// Two servers on one address.
fn clash(
    address: &str,
    path: &str,
    taken: &mut BTreeMap<String, Vec<(String, String)>>,
) -> Option<(String, String)> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => (address, ""),
    };
    // The system chooses one that is free.
    if port == "0" {
        return None;
    }
    let host = match host.trim_matches(['[', ']']) {
        "" | "0.0.0.0" | "::" => "*",
        "localhost" => "127.0.0.1",
        host => host,
    };
    let others = taken.entry(port.to_owned()).or_default();
    let same = |other: &str| other == host || (!port.is_empty() && (other == "*" || host == "*"));
    let other = others.iter().find(|it| same(&it.0)).map(|it| it.1.clone());
    others.push((host.to_owned(), path.to_owned()));
    let other = other?;
    let line = if port.is_empty() {
        format!("listen unix {address}: bind: address already in use")
    } else {
        let host = if host == "*" { "" } else { host };
        format!("listen tcp {host}:{port}: bind: address already in use")
    };
    Some((format!("{address} is taken by {other}"), line))
}
