//! The section and its defaults. `internal/memorylimiter/config.go`, v0.159.

use component::Problems;
use component::config::Duration;
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
    pub max_gc_interval_when_soft_limited: Duration,
    /// Accepted and checked, as above. Default 30s.
    pub max_gc_interval_when_hard_limited: Duration,
}

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
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let rules = [
            (
                self.check_interval <= Duration::ZERO,
                "'check_interval' must be greater than zero",
                ("check_interval", "1s".to_owned()),
            ),
            (
                self.min_gc_interval_when_soft_limited < self.min_gc_interval_when_hard_limited,
                "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
                (
                    "min_gc_interval_when_soft_limited",
                    self.min_gc_interval_when_hard_limited.to_string(),
                ),
            ),
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
        ];
        // The first is enough: the Collector stops there, too.
        if let Some((_, rule, (key, value))) = rules.into_iter().find(|it| it.0) {
            problems.at("", rule).set(key, value);
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
}
