//! What is wrong with the section, where, and what was probably meant.

use component::Problems;
use component::config::{Caution, Need, Tagged, Value};
use stanza::OperatorConfig;

use logfiles::NO_STORAGE;

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
            let help = "check the pattern, and that the user that runs sluice may read its folders; files that come \
                        later will be read";
            problems.warn(Caution::NoFiles, "", text).say(&format!("include::{at}"), help);
        }
    }
}

/// Warns of a `container` that looks for the pod in a path that the records do not have: it fails on each of them.
fn path_for_container(config: &Config, problems: &mut Problems) {
    let needs_path = |it: &&Tagged<OperatorConfig>| {
        let adds = it.written().get("add_metadata_from_filepath").map(Value::plain);
        it.tag().is_ok_and(|it| it.name == "container") && adds != Some(&Value::Bool(false))
    };
    if !config.include_file_path && config.operators.iter().any(|it| needs_path(&it)) {
        let text = "`container` finds the pod in the path of the file, which the records do not have: it fails on each";
        problems.warn(Caution::NoEffect, "", text).set("include_file_path", "true");
    }
}

/// Warns of what is read and does nothing here.
fn without_effect(config: &Config, problems: &mut Problems) {
    if config.polls_to_archive != 0 {
        let text =
            "polls_to_archive has no effect: what is known of a file is kept while it is there";
        problems.warn(Caution::NoEffect, "", text).about("polls_to_archive");
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        without_effect(self, problems);
        // The Collector builds what reads the files first: it is the first of the operators.
        files(self, problems);
        operators(self, problems);
        let storage = self.storage.as_ref().filter(|it| it.as_str() != NO_STORAGE);
        if let Some(storage) = storage {
            problems.needs("storage", Need::Storage(storage.to_string()));
        }
        path_for_container(self, problems);
    }
}
