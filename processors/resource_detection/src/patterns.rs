//! Patterns for the keys of tags and labels that a section asks for.

use component::Problems;
use golang::regexp;
use regex::Regex;

use crate::config::Config;

/// Those of all detectors.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    pub(crate) ec2: Vec<Regex>,
    pub(crate) azure: Vec<Regex>,
    pub(crate) gcp: Vec<Regex>,
    pub(crate) nova: Vec<Regex>,
}

impl Patterns {
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let ec2 = compile("ec2", "tags", &config.clouds.ec2.tags, found);
        let azure = compile("azure", "tags", &config.clouds.azure.tags, found);
        let gcp = compile("gcp", "labels", &config.clouds.gcp.labels, found);
        let nova = compile("nova", "labels", &config.others.nova.labels, found);
        Some(Self { ec2: ec2?, azure: azure?, gcp: gcp?, nova: nova? })
    }
}

fn compile(section: &str, key: &str, list: &[String], found: &mut Problems) -> Option<Vec<Regex>> {
    let mut all = Some(Vec::new());
    for (at, pattern) in list.iter().enumerate() {
        match (regexp::compile(pattern), &mut all) {
            (Ok(it), Some(list)) => list.push(it),
            (Ok(_), None) => {}
            (Err(error), _) => {
                let text = format!("failed creating detector type {section:?}: {error}");
                found.late("", text).about(&format!("{section}::{key}::{at}"));
                all = None;
            }
        }
    }
    all
}

/// True if one of the patterns is in the key.
pub(crate) fn fits(patterns: &[Regex], key: &str) -> bool {
    patterns.iter().any(|it| it.is_match(key))
}
