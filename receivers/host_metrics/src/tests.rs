//! The scrapers on files of several kernels, and on those of the machine of the test.

#![expect(clippy::float_cmp, reason = "the values are exact, or compared with a margin")]

mod kernels;
mod machine;
mod section;

use std::path::Path;

use pdata::{Data, Signal};
use scraping::{BlockingScraper, Errors};
use serde_json::Value;

use crate::machine::{Machine, Root};
use crate::{Config, HostMetrics};

componenttest::conformance!(receiver HostMetrics, "scrapers: {cpu: , memory: }");

/// When the machines of the tests were started, in seconds since 1970.
const BOOT: u64 = 1_700_000_000;

/// A folder with a file for each pair, and the machine that it stands for.
fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = Root::new(folder.path().to_str().unwrap());
    let machine = Machine { root, version: "1.2.3", boot: BOOT * 1_000_000_000 };
    (folder, machine)
}

/// The section `scrapers:`.
fn scrapers(section: &str) -> crate::Scrapers {
    componenttest::config::<Config>(&format!("scrapers: {section}")).scrapers
}

/// What one scrape of a scraper gives: its metrics by resource, and what went wrong.
struct Scrape {
    data: Value,
    errors: Errors,
}

fn scrape(scraper: &mut impl BlockingScraper) -> Scrape {
    let mut errors = Errors::default();
    let scraped = scraper.scrape(&mut errors);
    let mut text = Vec::new();
    Data::from(scraped.metrics).to_json(&mut text);
    Scrape { data: serde_json::from_slice(&text).unwrap(), errors }
}

impl Scrape {
    fn metrics(&self) -> impl Iterator<Item = &Value> {
        let resources = self.data["resourceMetrics"].as_array().into_iter().flatten();
        resources.flat_map(|it| it["scopeMetrics"][0]["metrics"].as_array().into_iter().flatten())
    }

    fn names(&self) -> Vec<&str> {
        self.metrics().map(|it| it["name"].as_str().unwrap()).collect()
    }

    /// The points of a metric: the values of their attributes, and their value.
    fn points(&self, metric: &str) -> Vec<(String, f64)> {
        let found = self.metrics().filter(|it| it["name"] == metric);
        let points = found.flat_map(|it| {
            let data = it.get("sum").or(it.get("gauge")).unwrap();
            data["dataPoints"].as_array().unwrap().iter().map(point)
        });
        points.collect()
    }

    /// The value of the point with these attributes.
    fn value(&self, metric: &str, attributes: &str) -> f64 {
        let points = self.points(metric);
        let found = points.iter().find(|it| it.0 == attributes);
        found.unwrap_or_else(|| panic!("{metric} {attributes}: {points:?}")).1
    }
}

fn point(point: &Value) -> (String, f64) {
    let attributes = point["attributes"].as_array().cloned().unwrap_or_default();
    let values = attributes.iter().map(|it| {
        let value = &it["value"];
        let int = value["intValue"].as_str().map(str::to_owned);
        int.unwrap_or_else(|| value["stringValue"].as_str().unwrap_or_default().to_owned())
    });
    let value = match point.get("asInt") {
        Some(int) => int.as_str().unwrap().parse().unwrap(),
        None => point["asDouble"].as_f64().unwrap_or(f64::NAN),
    };
    (values.collect::<Vec<_>>().join(","), value)
}

/// Nothing panics, whatever the files of the machine hold.
#[test]
fn no_text_makes_a_parser_panic() {
    use proptest::prelude::*;
    let all = |bytes: &[u8]| {
        crate::cpu::tests::any(bytes);
        crate::disk::tests::any(bytes);
        crate::memory::tests::any(bytes);
        crate::mounts::tests::any(bytes);
        crate::network::tests::any(bytes);
        crate::nfs::tests::any(bytes);
        crate::paging::tests::any(bytes);
        crate::proc_stat::tests::any(bytes);
        crate::processes::tests::any(bytes);
        crate::sockets::tests::any(bytes);
        crate::users::users(bytes);
        drop(crate::load::averages(bytes));
    };
    // Bytes of any kind, and the files of a machine with something cut out and put in.
    let real: Vec<Vec<u8>> = kernels::FILES.iter().map(|it| it.1.as_bytes().to_vec()).collect();
    proptest!(ProptestConfig::with_cases(256), |(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        file in 0..real.len(),
        cut in any::<proptest::sample::Index>(),
        length in 0_usize..40,
    )| {
        all(&bytes);
        let mut text = real[file].clone();
        let at = cut.index(text.len() + 1);
        let end = (at + length).min(text.len());
        text.splice(at..end, bytes.iter().copied().take(20));
        all(&text);
    });
}

/// The only folder of this repository with such files.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_has_each_key_with_its_default() {
    let text = std::fs::read_to_string(folder().join("testdata/config.yaml")).unwrap();
    let section = componenttest::section(&text);
    let section = section.get("host_metrics").unwrap();
    let read: Config = component::config::load(section).unwrap();
    let all = "{cpu: , disk: , filesystem: , load: , memory: , network: , nfs: , paging: , process: , \
               processes: , system: }";
    let want: Config = componenttest::config(&format!("scrapers: {all}"));
    let shown = |it: &Config| serde_json::to_value(it).unwrap();
    assert_eq!(shown(&read), shown(&want));
    assert_eq!(Signal::Metrics.name(), "metrics");
}
