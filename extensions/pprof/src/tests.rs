use component::Problems;
use componenttest::{config, settings, start_on_free_port};

use super::*;

componenttest::conformance!(extension Pprof, r#"{"endpoint": "127.0.0.1:0"}"#);

/// The answer at a path of a running extension.
async fn ask(path: &str) -> String {
    let make = |address: &str| {
        let section = config(&format!(r#"{{"endpoint": "{address}"}}"#));
        Pprof::create(settings("pprof"), section).unwrap()
    };
    let (_extension, _host, address) = start_on_free_port(make).await;
    componenttest::ask(&address, &format!("GET {path}")).await
}

#[tokio::test]
async fn the_paths_of_gos_profiler_are_answered() {
    for (path, status, part) in [
        ("/debug/pprof/", 200, "text/html"),
        ("/debug/pprof/heap?debug=1", 200, "heap profile: 0: "),
        ("/debug/pprof/allocs?debug=1", 200, "heap profile: 0: "),
        ("/debug/pprof/goroutine?debug=2", 200, "goroutine profile: total "),
        ("/debug/pprof/threadcreate?debug=1", 200, "threadcreate profile: total "),
        ("/debug/pprof/mutex?debug=1", 200, "not measured"),
        ("/debug/pprof/heap", 200, "application/octet-stream"),
        ("/debug/pprof/heap?debug=0", 200, "resident anonymous memory"),
        ("/debug/pprof/profile?seconds=1", 501, "perf record"),
        ("/debug/pprof/nothing", 404, "Unknown profile\n"),
        ("/", 404, "404 page not found"),
    ] {
        let answer = ask(path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.contains(part), "{path}: {answer}");
    }
    let cmdline = ask("/debug/pprof/cmdline").await;
    assert!(cmdline.contains("pprof_extension-") && !cmdline.ends_with('\0'), "{cmdline}");
}

#[test]
fn what_is_measured_is_more_than_nothing() {
    let total = |name: &str| profile::of(name).unwrap().in_words();
    assert!(!total("heap").contains("0: 0 ["), "{}", total("heap"));
    assert!(!total("threadcreate").ends_with("total 0\n"), "{}", total("threadcreate"));
}

#[test]
fn an_endpoint_is_required_in_the_collectors_words() {
    let (section, mut found) = (config::<Config>(r#"{"endpoint": ""}"#), Problems::default());
    component::Config::validate(&section, &mut found);
    let texts: Vec<&str> = found.faults().iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["\"endpoint\" is required when using the \"pprof\" extension"]);
}
