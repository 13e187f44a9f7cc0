//! Names that are meant, and names that are not: `include` and `exclude` of the scrapers.

use component::Problems;
use matching::RegexpConfig;
use regex::Regex;
use serde::{Deserialize, Serialize};

/// Makes the section of a filter, whose list has a name of its own in each scraper.
macro_rules! filter {
    ($(#[$about:meta])* $name:ident, $(#[$list_about:meta])* $list:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
        #[serde(default)]
        pub struct $name {
            $(#[$list_about])*
            #[config(omit_empty)]
            pub $list: Vec<String>,
            /// How names are compared: strict (the whole name) or regexp (a part of it). Needed with a list.
            #[config(omit_empty)]
            pub match_type: String,
            /// Accepted and without effect: upstream's cache for match results.
            #[config(omit_empty)]
            pub regexp: Option<RegexpConfig>,
        }

        impl $name {
            pub(crate) fn names(&self) -> Names<'_> {
                Names { key: stringify!($list), list: &self.$list, match_type: &self.match_type }
            }
        }
    };
}

filter! {
    /// Disks.
    Devices, /// Names, such as `sda` for the disk scraper and `/dev/sda1` for the file systems.
    devices
}

filter! {
    /// Network interfaces.
    Interfaces, /// Names, such as `eth0`.
    interfaces
}

filter! {
    /// Types of file systems.
    FsTypes, /// Types, such as `ext4`.
    fs_types
}

filter! {
    /// Mount points.
    MountPoints, /// Paths; with `root_path` those of the machine.
    mount_points
}

filter! {
    /// Processes.
    ProcessNames, /// Names of their executables.
    names
}

/// One section, whatever its list is called.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    key: &'static str,
    list: &'a [String],
    match_type: &'a str,
}

/// A compiled filter.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    include: Option<Set>,
    exclude: Option<Set>,
}

#[derive(Debug)]
enum Set {
    Strict(Vec<String>),
    Regexp(Vec<Regex>),
}

impl Set {
    fn matches(&self, name: &str) -> bool {
        match self {
            Set::Strict(names) => names.iter().any(|it| it == name),
            Set::Regexp(patterns) => patterns.iter().any(|it| it.is_match(name)),
        }
    }
}

impl Names<'_> {
    /// What upstream says only when it creates the scraper; `what` are its words for the filter.
    pub(crate) fn validate(&self, key: &str, what: &str, problems: &mut Problems) {
        let text = |why: &str| format!("error creating {what}: {why}");
        match self.match_type {
            _ if self.list.is_empty() => {}
            "strict" => {}
            "regexp" => {
                for (at, pattern) in self.list.iter().enumerate() {
                    if let Err(mistake) = golang::regexp::compile(pattern) {
                        let place = format!("{key}::{}::{at}", self.key);
                        problems.late("", text(&mistake.text)).about(&place);
                    }
                }
            }
            other => {
                let why =
                    format!("unrecognized match_type: '{other}', valid types are: [regexp strict]");
                let fault = problems.late("", text(&why));
                fault.one_of(&format!("{key}::match_type"), &["strict", "regexp"]);
            }
        }
    }

    /// `None` without names. What does not compile has been refused with the section.
    fn set(&self) -> Option<Set> {
        if self.list.is_empty() {
            return None;
        }
        Some(match self.match_type {
            "regexp" => {
                let compiled = self.list.iter().filter_map(|it| golang::regexp::compile(it).ok());
                Set::Regexp(compiled.collect())
            }
            _ => Set::Strict(self.list.to_vec()),
        })
    }
}

impl Filter {
    pub(crate) fn new(include: Names<'_>, exclude: Names<'_>) -> Self {
        Self { include: include.set(), exclude: exclude.set() }
    }

    /// Whether the name is meant.
    pub(crate) fn keeps(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|it| it.matches(name))
            && self.exclude.as_ref().is_none_or(|it| !it.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(include: (&str, &[&str]), exclude: (&str, &[&str]), want: &[&str]) {
        let names = |(match_type, list): (&str, &[&str])| Devices {
            devices: list.iter().map(|it| (*it).to_owned()).collect(),
            match_type: match_type.to_owned(),
            regexp: None,
        };
        let (include, exclude) = (names(include), names(exclude));
        let filter = Filter::new(include.names(), exclude.names());
        let kept = ["sda", "sda1", "loop0"].into_iter().filter(|it| filter.keeps(it));
        assert_eq!(kept.collect::<Vec<_>>(), want);
    }

    #[test]
    fn what_is_included_and_not_excluded_is_kept() {
        kept(("", &[]), ("", &[]), &["sda", "sda1", "loop0"]);
        kept(("strict", &["sda"]), ("", &[]), &["sda"]);
        kept(("regexp", &["^sd", "x"]), ("", &[]), &["sda", "sda1"]);
        kept(("", &[]), ("regexp", &["loop"]), &["sda", "sda1"]);
        kept(("regexp", &["a"]), ("strict", &["sda"]), &["sda1"]);
    }
}
