//! What `deploy/` ships starts: the unit's options, the image's command, their configuration.

use std::fs;

use super::commands::run;
use super::start::sluice;
use crate::support::{SLUICE, repository};

fn shipped(name: &str) -> String {
    fs::read_to_string(repository().join("deploy").join(name)).unwrap()
}

/// What stands behind `key` at the start of a line.
#[track_caller]
fn after(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|it| it.strip_prefix(key));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).trim().to_owned()
}

/// Arguments that name installed files are valid with the files that get installed.
#[track_caller]
fn check(arguments: &[&str]) {
    let folder = format!("{}/", repository().join("deploy").display());
    let arguments: Vec<String> =
        arguments.iter().map(|it| it.replace("/etc/sluice/", &folder)).collect();
    let all: Vec<&str> =
        ["validate"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    assert_eq!(sluice(&all), (0, String::new(), String::new()), "{all:?}");
}

#[test]
fn the_units_options_name_a_valid_configuration() {
    let unit = shipped("sluice.service");
    assert_eq!(after(&unit, "ExecStart="), "/usr/bin/sluice $OTELCOL_OPTIONS");
    assert_eq!(after(&unit, "EnvironmentFile="), "/etc/sluice/sluice.conf");
    assert_eq!(after(&unit, "ExecReload="), "/bin/kill -HUP $MAINPID");
    let options = after(&shipped("sluice.conf"), "OTELCOL_OPTIONS=");
    check(&options.trim_matches('"').split_whitespace().collect::<Vec<_>>());
}

#[test]
fn the_images_command_names_a_valid_configuration() {
    let file = shipped("Dockerfile");
    let words = |key: &str| -> Vec<String> { serde_json::from_str(&after(&file, key)).unwrap() };
    assert_eq!(words("ENTRYPOINT "), ["/sluice"]);
    check(&words("CMD ").iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(after(&file, "USER "), "10001:10001");
}

#[test]
fn the_daemonset_holds_a_valid_configuration() {
    let manifest = shipped("daemonset-cri.yaml");
    let (_, inside) = manifest.split_once("config.yaml: |\n").unwrap();
    let (inside, _) = inside.split_once("\n---\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let plain =
        inside.replace("\n    ", "\n").replace("/var/lib/sluice", folder.path().to_str().unwrap());
    fs::write(&path, plain.trim_start()).unwrap();
    let (code, out, err) = sluice(&["validate", "--config", path.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
}

#[test]
fn systemd_accepts_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = shipped("sluice.service")
        .replace("/usr/bin/sluice", SLUICE)
        .replace("User=sluice", "User=root")
        .replace("Group=sluice", "Group=root");
    let path = folder.path().join("sluice.service");
    fs::write(&path, unit).unwrap();
    let arguments = ["verify", "--man=no", path.to_str().unwrap()];
    if let Some((well, out)) = run("systemd-analyze", &arguments, "") {
        assert!(well, "{out}");
        assert!(!out.contains("sluice.service"), "{out}");
    }
}
