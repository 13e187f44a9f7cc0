//! Feature gates: what `--feature-gates` accepts and what `featuregate` lists.
//!
//! A gate of the Collector is a switch in its program. Here most are not switches: what they stand for
//! is always on or always off, and a request for the other way is a warning in the log.

mod table;

use std::fmt::Write as _;

use component::GateView;
use confmap::closest;
use tracing::warn;

use table::{GATES, GONE};

/// A switch of the Collector.
#[derive(Debug)]
pub struct Gate {
    /// As in `--feature-gates`.
    pub id: &'static str,
    /// How settled it is.
    pub stage: Stage,
    /// The release that brought it; empty where none is recorded.
    pub from: &'static str,
    /// The release that removes it; empty where none is planned.
    pub to: &'static str,
    /// What this program does.
    pub ours: Ours,
    /// One sentence.
    pub about: &'static str,
}

/// How settled a gate is: beta and stable are on unless asked otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Off by default.
    Alpha,
    /// On by default.
    Beta,
    /// On for good.
    Stable,
    /// Off for good.
    Deprecated,
}

/// What this program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    /// As asked.
    Switched,
    /// Always as if on.
    On,
    /// Always as if off.
    Off,
    /// It switches something inside the Go program that has no counterpart.
    Irrelevant,
}

impl Gate {
    /// True unless asked otherwise.
    fn is_on(&self) -> bool {
        matches!(self.stage, Stage::Beta | Stage::Stable)
    }
}

/// What `--feature-gates` asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gates {
    asked: Vec<(&'static str, bool)>,
}

impl Gates {
    /// Reads `a,+b,-c`.
    ///
    /// # Errors
    /// The Collector's text, one for each gate that cannot be set.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut gates = Self::default();
        let mut errors = Vec::new();
        let items = list.split(',').enumerate().filter(|_| !list.is_empty());
        for (at, item) in items {
            let (id, on) = match item.strip_prefix('-') {
                Some(id) => (id, false),
                None => (item.strip_prefix('+').unwrap_or(item), true),
            };
            match find(id, on) {
                _ if id.is_empty() => {
                    errors.push(format!("empty feature gate identifier at index {at}"));
                }
                Ok(id) => gates.asked.push((id, on)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(gates) } else { Err(errors.join("; ")) }
    }

    /// True for a gate that is asked for and switched here.
    pub fn is_on(&self, id: &str) -> bool {
        self.asked.iter().rfind(|it| it.0 == id).is_some_and(|it| it.1)
    }

    /// All gates, as they are now.
    pub fn view(&self) -> Vec<GateView> {
        let view = |gate: &Gate| GateView {
            id: gate.id,
            stage: match gate.stage {
                Stage::Alpha => "Alpha",
                Stage::Beta => "Beta",
                Stage::Stable => "Stable",
                Stage::Deprecated => "Deprecated",
            },
            is_on: match gate.ours {
                Ours::On => true,
                Ours::Off => false,
                Ours::Switched => self.is_on(gate.id),
                Ours::Irrelevant => gate.is_on(),
            },
            from: gate.from,
            to: gate.to,
            about: gate.about,
        };
        GATES.iter().map(view).collect()
    }

    /// Adds what another flag asked for.
    pub fn extend(&mut self, other: Self) {
        self.asked.extend(other.asked);
    }

    /// Says in the log which requests change nothing.
    pub fn warn(&self) {
        for (id, on) in &self.asked {
            match GATES.iter().find(|it| it.id == *id) {
                None => warn!(id, "Feature gate of an old release; it has no effect"),
                Some(gate) if !matches!(gate.stage, Stage::Alpha | Stage::Beta) => {
                    warn!(id, "Feature gate is {:?}; setting it has no effect", gate.stage);
                }
                Some(gate) if gate.ours == if *on { Ours::Off } else { Ours::On } => {
                    let kept = if *on { "disabled" } else { "enabled" };
                    warn!(id, "Feature gate cannot be switched here: it stays {kept}");
                }
                Some(_) => {}
            }
        }
    }
}

/// The gate's own spelling, when it may be set so.
fn find(id: &str, on: bool) -> Result<&'static str, String> {
    if let Some(gate) = GATES.iter().find(|it| it.id == id) {
        return match gate.stage {
            Stage::Stable if !on => {
                Err(format!("feature gate \"{id}\" is stable, can not be disabled"))
            }
            Stage::Deprecated if on => {
                Err(format!("feature gate \"{id}\" is deprecated, can not be enabled"))
            }
            _ => Ok(gate.id),
        };
    }
    if let Some(gone) = GONE.iter().find(|it| **it == id) {
        return Ok(gone);
    }
    let ids = || GATES.iter().map(|it| it.id);
    let meant = closest(id, ids()).map_or(String::new(), |it| format!(" (did you mean \"{it}\"?)"));
    let valid = ids().collect::<Vec<_>>().join(" ");
    Err(format!("no such feature gate \"{id}\"{meant}. valid gates: [{valid}]"))
}

/// What `featuregate ID` prints.
///
/// # Errors
/// There is no such gate.
pub fn describe(id: &str) -> Result<String, String> {
    let gate = GATES.iter().find(|it| it.id == id);
    let gate = gate.ok_or_else(|| format!("feature \"{id}\" not found"))?;
    // The Collector prints a version that is not recorded so.
    let version = |it: &'static str| if it.is_empty() { "v<nil>" } else { it };
    Ok(format!(
        "Feature: {}\nEnabled: {}\nStage: {:?}\nDescription: {}\nFrom Version: {}\nTo Version: {}\n",
        gate.id,
        gate.is_on(),
        gate.stage,
        gate.about,
        version(gate.from),
        version(gate.to)
    ))
}

/// What `featuregate` prints.
pub fn list() -> String {
    let width = GATES.iter().map(|it| it.id.len()).max().unwrap_or(0);
    let mut out = format!("{:width$}  Enabled  {:10}  Description\n", "ID", "Stage");
    for it in GATES {
        let (stage, on) = (format!("{:?}", it.stage), it.is_on().to_string());
        let _ = writeln!(out, "{:width$}  {on:7}  {stage:10}  {}", it.id, it.about);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(list: &str, want: &str) {
        let text = Gates::parse(list).unwrap_err();
        assert!(text.starts_with(want), "{text}");
    }

    #[test]
    fn gates_are_switched_by_sign() {
        let want = vec![
            ("filelog.allowFileDeletion", true),
            ("filelog.mtimeSortType", true),
            ("confighttp.framedSnappy", false),
        ];
        let list = "filelog.allowFileDeletion,+filelog.mtimeSortType,-confighttp.framedSnappy";
        assert_eq!(Gates::parse(list).unwrap().asked, want);
        assert_eq!(Gates::parse("").unwrap(), Gates::default());
    }

    #[test]
    fn what_old_charts_pass_is_accepted() {
        for list in ["-component.UseLocalHostAsDefaultHost", "+confmap.unifyEnvVarExpansion"] {
            assert!(Gates::parse(list).is_ok(), "{list}");
        }
    }

    #[test]
    fn what_cannot_be_set_gets_the_collectors_text() {
        refused(
            "nope.gate",
            "no such feature gate \"nope.gate\". valid gates: [confighttp.framedSnappy ",
        );
        refused("a,,b", "no such feature gate \"a\"");
        refused("filelog.mtimeSortType,", "empty feature gate identifier at index 1");
        refused(
            "-filelog.decompressFingerprint",
            "feature gate \"filelog.decompressFingerprint\" is stable, can not be disabled",
        );
        refused(
            "k8sattr.labelsAnnotationsSingular.allow",
            "feature gate \"k8sattr.labelsAnnotationsSingular.allow\" is deprecated, can not be enabled",
        );
        let near = "filelog.allowFileDelition";
        assert!(
            Gates::parse(near).unwrap_err().contains("did you mean \"filelog.allowFileDeletion\"?")
        );
    }

    #[test]
    fn the_table_is_sorted_and_has_no_id_twice() {
        let ids: Vec<&str> = GATES.iter().map(|it| it.id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(GONE.is_sorted_by(|a, b| a < b));
        assert!(!GONE.iter().any(|it| ids.contains(it)));
    }

    #[test]
    fn a_gate_that_will_be_removed_says_when() {
        let stages = [Stage::Stable, Stage::Deprecated];
        assert!(GATES.iter().filter(|it| stages.contains(&it.stage)).all(|it| !it.to.is_empty()));
        let text = describe("filelog.decompressFingerprint").unwrap();
        assert!(text.ends_with("From Version: v0.128.0\nTo Version: v0.142.0\n"), "{text}");
        assert_eq!(describe("nope").unwrap_err(), "feature \"nope\" not found");
    }
}
