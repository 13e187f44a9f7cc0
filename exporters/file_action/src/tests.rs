use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use component::{Exporter as _, Signal};
use componenttest::{
    TestHost, alert_logs, config, exporter_settings, logs, metric, problems, set_clock,
};

use super::*;

/// When the alerts of the kit happened, and when their keys are free again.
const THEN: u64 = 1_718_000_000_000_000_000;
const FREE: u64 = THEN + 900_000_000_000;

componenttest::conformance!(exporter FileAction, "{path: /dev/null/x, dry_run: true}");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

struct Running {
    exporter: Arc<FileAction>,
    path: PathBuf,
    settings: ExporterSettings,
    _folder: tempfile::TempDir,
    _host: TestHost,
}

impl Running {
    async fn new(keys: &str) -> Self {
        set_clock(THEN);
        let (folder, host) = (tempfile::tempdir().unwrap(), TestHost::new());
        let path = folder.path().join("blocked.conf");
        fs::write(&path, "stale").unwrap();
        let settings = exporter_settings("file_action", Signal::Logs);
        let section = format!("path: '{}'\n{keys}", path.display());
        let exporter = FileAction::create(settings.clone(), config(&section)).unwrap();
        let exporter = Arc::new(exporter);
        Arc::clone(&exporter).start(&host).await.unwrap();
        Self { exporter, path, settings, _folder: folder, _host: host }
    }

    async fn send(&self, data: Data) {
        self.exporter.consume(&Context::default(), data).await.unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn not_sent(&self, reason: &str) -> Option<f64> {
        let labels = [("exporter", "file_action"), ("reason", reason)];
        metric(&self.settings.meter, "sluice_alerts_not_sent_total", &labels)
    }
}

const NGINX: &str =
    "template: \"# sluice\\n{{ range .entries }}deny {{ .key }}; # {{ .rule }}\\n{{ end }}\"";

#[tokio::test]
async fn keys_in_force_stand_in_the_file_until_their_time_is_over() {
    let running = Running::new(NGINX).await;
    assert_eq!(running.text(), "# sluice\n", "what was there is nobody's");
    running.send(alert_logs(&["203.0.113.9", "198.51.100.7"])).await;
    let want = "# sluice\ndeny 198.51.100.7; # brute force\ndeny 203.0.113.9; # brute force\n";
    assert_eq!(running.text(), want);
    assert_eq!(fs::metadata(&running.path).unwrap().permissions().mode() & 0o777, 0o644);
    set_clock(FREE);
    running.exporter.expire().await;
    assert_eq!(running.text(), "# sluice\n");
}

#[tokio::test]
async fn a_key_that_could_mean_something_else_is_counted_and_not_written() {
    let running = Running::new("").await;
    running.send(alert_logs(&["good", "bad; allow all", "bad\nline"])).await;
    running.send(logs(2)).await;
    assert_eq!(running.text(), "good\n");
    assert_eq!(running.not_sent("key_not_allowed"), Some(2.0));
    assert_eq!(running.not_sent("not_an_alert"), Some(2.0));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_it_would() {
    let running = Running::new("dry_run: true").await;
    running.send(alert_logs(&["a"])).await;
    assert_eq!(running.text(), "stale");
    assert_eq!(running.not_sent("dry_run"), Some(1.0));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let running = Running::new("").await;
    let folder = running.path.parent().unwrap().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    let data = alert_logs(&["a"]);
    let error = running.exporter.consume(&Context::default(), data.clone()).await.unwrap_err();
    assert!(!error.is_permanent() && error.to_string().contains("cannot write"), "{error}");
    fs::create_dir(&folder).unwrap();
    running.send(data).await;
    assert_eq!(running.text(), "a\n");
}

#[test]
fn mistakes_are_told_at_their_key() {
    let wrong = "{path: /x, mode: rw, key_pattern: '(', ttl: 0s, entries_max: 0, template: '{{'}";
    let said = problems::<Config>(wrong).join("\n");
    for key in ["mode", "key_pattern", "ttl", "entries_max", "template"] {
        assert!(said.contains(key), "{key}: {said}");
    }
}
