//! The section and its defaults. `internal/memorylimiter/config.go`, v0.165.

use component::Problems;
use component::config::{Caution, Duration, Section};
use serde::{Deserialize, Serialize};

/// `memory_limiter:`, of a processor or an extension.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "memorylimiter.Config")]
pub struct Config {
    /// How often memory is looked at. Required.
    pub check_interval: Duration,
    /// Hard limit in MiB; wins over the percentage. Default 0: not set.
    pub limit_mib: u32,
    /// What the soft limit is below the hard one, in MiB. Default 0: 20 % of the hard limit.
    pub spike_limit_mib: u32,
    /// Hard limit in percent of the memory that the process may use. Default 0: not set.
    pub limit_percentage: u32,
    /// What the soft limit is below the hard one, in percent. Default 0: 20 % of the hard limit.
    pub spike_limit_percentage: u32,
    /// Accepted and checked; there is no garbage collector to hold back. Default 10s.
    pub min_gc_interval_when_soft_limited: Duration,
    /// Accepted and checked, as above. Default 0.
    pub min_gc_interval_when_hard_limited: Duration,
    /// Accepted and checked, as above. Default 30s.
    #[config(omit_default)]
    pub max_gc_interval_when_soft_limited: Duration,
    /// Accepted and checked, as above. Default 30s.
    #[config(omit_default)]
    pub max_gc_interval_when_hard_limited: Duration,
    /// Accepted: there is none. Default on.
    #[config(omit_empty)]
    pub garbage_collector: Section<GarbageCollector>,
}

/// `garbage_collector:`. There is nothing to choose but `enabled`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "memorylimiter.GarbageCollectorConfig")]
pub struct GarbageCollector {}

/// A rule that is broken or not, what is said then, and the key with a value that keeps it.
type Rule = (bool, &'static str, (&'static str, String));

impl Default for Config {
    fn default() -> Self {
        Self {
            check_interval: Duration::ZERO,
            limit_mib: 0,
            spike_limit_mib: 0,
            limit_percentage: 0,
            spike_limit_percentage: 0,
            min_gc_interval_when_soft_limited: Duration::from_secs(10),
            min_gc_interval_when_hard_limited: Duration::ZERO,
            max_gc_interval_when_soft_limited: Duration::from_secs(30),
            max_gc_interval_when_hard_limited: Duration::from_secs(30),
            garbage_collector: Section::on(GarbageCollector {}),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let interval: Rule = (
            self.check_interval <= Duration::ZERO,
            "'check_interval' must be greater than zero",
            ("check_interval", "1s".to_owned()),
        );
        let rules = std::iter::once(interval).chain(self.gc_rules()).chain(self.limit_rules());
        // The first is enough: the Collector stops there, too.
        if let Some((_, rule, (key, value))) = rules.into_iter().find(|it| it.0) {
            problems.at("", rule).set(key, value);
        }
        self.warn(problems);
    }
}

impl Config {
    fn gc_rules(&self) -> [Rule; 6] {
        let (min_soft, min_hard) =
            (self.min_gc_interval_when_soft_limited, self.min_gc_interval_when_hard_limited);
        let (max_soft, max_hard) =
            (self.max_gc_interval_when_soft_limited, self.max_gc_interval_when_hard_limited);
        let is_below = |max: Duration, other: Duration| max > Duration::ZERO && max < other;
        [
            (
                min_soft < min_hard,
                "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
                ("min_gc_interval_when_soft_limited", min_hard.to_string()),
            ),
            (
                max_soft.is_negative(),
                "'max_gc_interval_when_soft_limited' must be non-negative",
                ("max_gc_interval_when_soft_limited", "30s".to_owned()),
            ),
            (
                max_hard.is_negative(),
                "'max_gc_interval_when_hard_limited' must be non-negative",
                ("max_gc_interval_when_hard_limited", "30s".to_owned()),
            ),
            (
                is_below(max_soft, min_soft),
                "'max_gc_interval_when_soft_limited' must be greater than or equal to 'min_gc_interval_when_soft_limited' (or 0 to disable)",
                ("max_gc_interval_when_soft_limited", min_soft.to_string()),
            ),
            (
                is_below(max_hard, min_hard),
                "'max_gc_interval_when_hard_limited' must be greater than or equal to 'min_gc_interval_when_hard_limited' (or 0 to disable)",
                ("max_gc_interval_when_hard_limited", min_hard.to_string()),
            ),
            (
                is_below(max_soft, max_hard),
                "'max_gc_interval_when_soft_limited' should be larger than or equal to 'max_gc_interval_when_hard_limited' (when both are set)",
                ("max_gc_interval_when_soft_limited", max_hard.to_string()),
            ),
        ]
    }

    fn limit_rules(&self) -> [Rule; 4] {
        [
            (
                self.limit_mib == 0 && self.limit_percentage == 0,
                "'limit_mib' or 'limit_percentage' must be greater than zero",
                ("limit_percentage", "80".to_owned()),
            ),
            (
                self.limit_percentage > 100 || self.spike_limit_percentage > 100,
                "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
                if self.limit_percentage > 100 {
                    ("limit_percentage", "80".to_owned())
                } else {
                    ("spike_limit_percentage", "20".to_owned())
                },
            ),
            (
                self.limit_mib > 0 && self.limit_mib <= self.spike_limit_mib,
                "'spike_limit_mib' must be smaller than 'limit_mib'",
                ("spike_limit_mib", (self.limit_mib / 5).to_string()),
            ),
            (
                self.limit_percentage > 0 && self.limit_percentage <= self.spike_limit_percentage,
                "'spike_limit_percentage' must be smaller than 'limit_percentage'",
                ("spike_limit_percentage", (self.limit_percentage / 5).to_string()),
            ),
        ]
    }

    /// What is legal and changes nothing.
    fn warn(&self, problems: &mut Problems) {
        let usual = Self::default();
        let (min_soft, min_hard) =
            (self.min_gc_interval_when_soft_limited, self.min_gc_interval_when_hard_limited);
        let (max_soft, max_hard) =
            (self.max_gc_interval_when_soft_limited, self.max_gc_interval_when_hard_limited);
        let set = [
            (
                "min_gc_interval_when_soft_limited",
                min_soft != usual.min_gc_interval_when_soft_limited,
            ),
            (
                "min_gc_interval_when_hard_limited",
                min_hard != usual.min_gc_interval_when_hard_limited,
            ),
            (
                "max_gc_interval_when_soft_limited",
                max_soft != usual.max_gc_interval_when_soft_limited,
            ),
            (
                "max_gc_interval_when_hard_limited",
                max_hard != usual.max_gc_interval_when_hard_limited,
            ),
            ("garbage_collector", self.garbage_collector.get().is_none()),
        ];
        for (key, _) in set.into_iter().filter(|it| it.1) {
            let text = format!("{key} has no effect: there is no garbage collector to hold back");
            problems.warn(Caution::NoEffect, "", text).remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        assert_eq!(componenttest::problems::<Config>(text), want);
    }

    #[test]
    fn limits_must_make_sense() {
        check("{check_interval: 1s, limit_mib: 10}", &[]);
        check("{}", &["'check_interval' must be greater than zero"]);
        let none = "'limit_mib' or 'limit_percentage' must be greater than zero";
        check("{check_interval: 1s}", &[none]);
        let spike = "'spike_limit_mib' must be smaller than 'limit_mib'";
        check("{check_interval: 1s, limit_mib: 10, spike_limit_mib: 10}", &[spike]);
    }

    #[test]
    fn intervals_of_the_collection_that_is_not_here_are_checked_as_upstream_does() {
        let with = |keys: &str| format!("{{check_interval: 1s, limit_mib: 10, {keys}}}");
        for (keys, want) in [
            (
                "min_gc_interval_when_hard_limited: 11s",
                "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
            ),
            (
                "max_gc_interval_when_soft_limited: -1s",
                "'max_gc_interval_when_soft_limited' must be non-negative",
            ),
            (
                "max_gc_interval_when_hard_limited: -1s",
                "'max_gc_interval_when_hard_limited' must be non-negative",
            ),
            (
                "max_gc_interval_when_soft_limited: 9s",
                "'max_gc_interval_when_soft_limited' must be greater than or equal to 'min_gc_interval_when_soft_limited' (or 0 to disable)",
            ),
            (
                "min_gc_interval_when_hard_limited: 5s, max_gc_interval_when_hard_limited: 4s",
                "'max_gc_interval_when_hard_limited' must be greater than or equal to 'min_gc_interval_when_hard_limited' (or 0 to disable)",
            ),
            (
                "max_gc_interval_when_soft_limited: 20s",
                "'max_gc_interval_when_soft_limited' should be larger than or equal to 'max_gc_interval_when_hard_limited' (when both are set)",
            ),
        ] {
            check(&with(keys), &[want]);
        }
        check(&with("max_gc_interval_when_soft_limited: 0s, garbage_collector: {}"), &[]);
    }

    #[test]
    fn what_tunes_a_collection_that_is_not_here_is_told() {
        let warnings = |keys: &str| {
            componenttest::warnings::<Config>(&format!(
                "{{check_interval: 1s, limit_mib: 10, {keys}}}"
            ))
        };
        let told = |key: &str| {
            vec![format!("{key} has no effect: there is no garbage collector to hold back")]
        };
        for (key, value) in [
            ("min_gc_interval_when_soft_limited", "11s"),
            ("min_gc_interval_when_hard_limited", "1s"),
            ("max_gc_interval_when_soft_limited", "31s"),
            ("max_gc_interval_when_hard_limited", "29s"),
            ("garbage_collector", "{enabled: false}"),
        ] {
            assert_eq!(warnings(&format!("{key}: {value}")), told(key));
        }
        let usual = "min_gc_interval_when_soft_limited: 10s, garbage_collector: ";
        assert_eq!(warnings(usual), Vec::<String>::new());
    }
}
