//! A configuration that came over the network: a layer over the files, read with them at every reload.
//!
//! The files must make a configuration without it, which is what runs after a start until the network has spoken.
//! Whoever sends the layer reaches the collector through an extension that the files name. The layer can change neither that
//! section nor that the extension runs: a collector could be sent away from its server otherwise, or allowed what its
//! owner has not allowed. When the files change the section, the layer is gone with what had let it in.

use component::config::Value;
use component::{Id, Kind};
use confmap::{At, Conf, Diagnostic, Diagnostics, Locations, Severity, code};
use service::{Registry, Settings};

use super::super::read;

/// Most mistakes that are told to who sent the layer.
const MISTAKES_MAX: usize = 10;

/// The layer that runs, or is to run.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    by: Id,
    texts: Vec<String>,
    /// The section of the extension that brought it, once the layer has run.
    section: Option<Value>,
}

impl Layer {
    pub(super) fn new(by: Id, texts: Vec<String>) -> Self {
        Self { by, texts, section: None }
    }
}

/// The files and what lies over them; the layer that was used.
pub(super) fn read_with(
    layer: Option<Layer>,
    locations: &Locations,
    registry: &Registry,
) -> Result<(Conf, Settings, Option<Layer>), Diagnostics> {
    let (conf, files) = read(locations, registry, true)?;
    let Some(mut layer) = layer.filter(|it| !it.texts.is_empty()) else {
        return Ok((conf, files, None));
    };
    let section = own_section(&files, &layer.by);
    let is_new = layer.section.is_none();
    if section.is_none() || !(is_new || layer.section.as_ref() == section) {
        let by = layer.by.as_str();
        tracing::warn!(
            extension = by,
            "The configuration from the network is not used any more: the files have another section for the extension that \
             brought it."
        );
        return Ok((conf, files, None));
    }
    layer.section = section.cloned();
    let mut all = locations.clone();
    all.config.extend(layer.texts.iter().map(|it| format!("yaml:{it}")));
    let (conf, mut settings) = read(&all, registry, true)?;
    if settings.section(Kind::Extension, &layer.by) != section {
        let path = ["extensions", layer.by.as_str()];
        let text = format!("extensions::{}: cannot be changed over the network", layer.by);
        let mistake = Diagnostic::new(code::RULE, text.clone())
            .help("leave the section out: it is taken from the collector's own files");
        let mistake = match conf.nearest(&path, At::Key) {
            Some(place) => mistake.at(place.clone(), ""),
            None => mistake,
        };
        return Err(Diagnostics::new(text, vec![mistake]));
    }
    // A list replaces the one below it, and whoever wrote this one need not know what brings it.
    if !settings.service.extensions.contains(&layer.by) {
        settings.service.extensions.push(layer.by.clone());
    }
    Ok((conf, settings, Some(layer)))
}

/// The section of an extension that runs.
fn own_section<'s>(settings: &'s Settings, id: &Id) -> Option<&'s Value> {
    let runs = settings.service.extensions.contains(id);
    settings.section(Kind::Extension, id).filter(|_| runs)
}

/// What is wrong, for who sent it: without the lines of the files.
pub(super) fn told(problems: &Diagnostics) -> String {
    let mistakes = problems.list.iter().filter(|it| it.severity == Severity::Error);
    let lines = mistakes.take(MISTAKES_MAX).map(|it| {
        let place = it.primary.as_ref().map(|it| it.origin.visible().to_string());
        let place = place.map(|it| format!("{it}: ")).unwrap_or_default();
        let help = it.help.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        format!("\n{place}{}{help}", it.message)
    });
    let lines: String = lines.collect();
    format!("{}{lines}", problems.headline)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = "yaml:{receivers: {nop: }, exporters: {nop: }, extensions: {zpages: {endpoint: 'localhost:1'}, pprof: }, \
        service: {extensions: [zpages], pipelines: {logs: {receivers: [nop], exporters: [nop]}}}}";

    fn files(text: &str) -> Locations {
        Locations { config: vec![text.to_owned()], ..Locations::default() }
    }

    fn layer(text: &str) -> Layer {
        Layer::new("zpages".parse().unwrap(), vec![text.to_owned()])
    }

    fn laid(layer: Layer, over: &str) -> Result<(Settings, Option<Layer>), Diagnostics> {
        let registry = crate::components::components();
        read_with(Some(layer), &files(over), &registry).map(|it| (it.1, it.2))
    }

    #[test]
    fn a_layer_changes_what_the_files_say_and_the_extension_that_brought_it_goes_on() {
        let text = "service: {extensions: [pprof], pipelines: {traces: {receivers: [nop], exporters: [nop]}}}";
        let (settings, used) = laid(layer(text), FILES).unwrap();
        let ids: Vec<_> = settings.service.extensions.iter().map(Id::as_str).collect();
        assert_eq!(ids, ["pprof", "zpages"]);
        assert_eq!(settings.service.pipelines.len(), 2);
        assert!(used.is_some());
    }

    #[test]
    fn the_section_that_let_it_in_cannot_be_changed() {
        let text = "extensions: {zpages: {endpoint: '0.0.0.0:1'}}";
        let refused = laid(layer(text), FILES).unwrap_err();
        let said = told(&refused);
        let want = "extensions::zpages: cannot be changed over the network";
        assert!(said.starts_with(want) && said.contains("leave the section out"), "{said}");
        laid(layer("extensions: {zpages: {endpoint: 'localhost:1'}}"), FILES).unwrap();
    }

    #[test]
    fn a_layer_ends_when_the_files_change_the_section_that_let_it_in() {
        let text = "service: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}";
        let (_, used) = laid(layer(text), FILES).unwrap();
        let (settings, used) = laid(used.unwrap(), FILES).unwrap();
        assert_eq!(settings.service.pipelines.len(), 2);
        for other in [
            FILES.replace("localhost:1", "localhost:2"),
            FILES.replace("extensions: [zpages]", "extensions: [pprof]"),
        ] {
            let (settings, gone) = laid(used.clone().unwrap(), &other).unwrap();
            assert_eq!((settings.service.pipelines.len(), gone.is_none()), (1, true), "{other}");
        }
    }

    #[test]
    fn no_text_takes_the_layer_away() {
        let none = Layer::new("zpages".parse().unwrap(), Vec::new());
        let (settings, used) = laid(none, FILES).unwrap();
        assert_eq!((settings.service.pipelines.len(), used.is_none()), (1, true));
    }

    #[test]
    fn who_sent_it_is_told_the_place_and_no_line_of_the_files() {
        let text = "exporters: {nope: }\nservice: {pipelines: {logs: {receivers: [nop], exporters: [nope]}}}";
        let said = told(&laid(layer(text), FILES).unwrap_err());
        assert!(said.contains("yaml::1:13: ") && said.contains("nope"), "{said}");
        assert!(!said.contains("localhost:1"), "{said}");
    }
}
