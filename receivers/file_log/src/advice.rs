//! What is wrong with the section, where, and what was probably meant.

use component::Problems;
use component::config::{Caution, Need};

use crate::config::Config;

/// Mistakes in the operators.
fn operators(config: &Config, problems: &mut Problems) {
    if let Some(header) = &config.header {
        crate::header::compile(header, problems);
    }
    config.pipeline(problems);
}

/// Mistakes in what is said about files; upstream says them when it creates the receiver.
fn files(config: &Config, problems: &mut Problems) {
    match crate::files(config) {
        Ok(_) => nothing_to_read(config, problems),
        Err(fault) => {
            problems.add(fault);
        }
    }
}

/// Warns of patterns that match no file now.
fn nothing_to_read(config: &Config, problems: &mut Problems) {
    let excluded = || config.exclude.clone();
    for (at, pattern) in config.include.iter().enumerate() {
        let one = Config { include: vec![pattern.clone()], exclude: excluded(), ..config.clone() };
        if crate::files(&one).is_ok_and(|it| it.finder.is_empty()) {
            let text = format!("{pattern} matches no file now");
            problems.warn(Caution::NoFiles, "", text).about(&format!("include::{at}"));
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        // The Collector builds what reads the files first: it is the first of the operators.
        files(self, problems);
        operators(self, problems);
        if let Some(storage) = &self.storage {
            problems.needs("storage", Need::Storage(storage.to_string()));
        }
    }
}
