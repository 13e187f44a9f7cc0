//! What can be written and will hardly do what was meant.

use component::Problems;
use component::config::{Caution, Tagged, Value};
use fileconsumer::Finder;
use stanza::OperatorConfig;

use crate::config::Config;

/// Warns of patterns that match no file now.
pub(crate) fn nothing_to_read(config: &Config, finder: &Finder, problems: &mut Problems) {
    for (at, (pattern, glob)) in config.include.iter().zip(&finder.include).enumerate() {
        let one = Finder { include: vec![glob.clone()], ..finder.clone() };
        if one.is_empty() {
            let text = format!("{pattern} matches no file now");
            let help = "check the pattern, and that the user that runs sluice may read its folders; files that come \
                        later will be read";
            problems.warn(Caution::NoFiles, "", text).say(&format!("include::{at}"), help);
        }
    }
}

/// Warns of a `container` that looks for the pod in a path that the records do not have: it fails on each of them.
pub(crate) fn path_for_container(config: &Config, problems: &mut Problems) {
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
pub(crate) fn without_effect(config: &Config, problems: &mut Problems) {
    if config.polls_to_archive != 0 {
        let text =
            "polls_to_archive has no effect: what is known of a file is kept while it is there";
        problems.warn(Caution::NoEffect, "", text).about("polls_to_archive");
    }
}
