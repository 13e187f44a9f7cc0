//! Behaviour through the extension's capability.

use std::sync::Arc;

use component::{Capability, Component, Extension, Id, Kind, Write};
use componenttest::{TestHost, problems, settings};

use crate::{Config, FileStorage};

fn storage(directory: &std::path::Path) -> Arc<FileStorage> {
    let directory = directory.to_owned();
    let config =
        Config { directory, timeout: component::config::Duration::ZERO, ..Config::default() };
    let settings = settings("file_storage");
    Arc::new(FileStorage::create(settings, config).unwrap())
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

componenttest::conformance!(extension FileStorage, "{directory: /tmp}");

#[tokio::test]
async fn a_directory_is_made_if_that_is_wanted_or_named_if_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |directory: std::path::PathBuf| {
        let config = Config { directory, create_directory: true, ..Config::default() };
        let storage = FileStorage::create(settings("file_storage"), config).unwrap();
        Arc::new(storage).start(&TestHost::new()).await.map_err(|it| it.to_string())
    };
    let wanted = folder.path().join("a/b");
    assert_eq!(start(wanted.clone()).await, Ok(()));
    assert!(wanted.is_dir());
    std::fs::write(folder.path().join("file"), "").unwrap();
    let wrong = start(folder.path().join("file/below")).await.unwrap_err();
    let named = format!("cannot create {}: ", folder.path().join("file/below").display());
    assert!(wrong.starts_with(&named), "{wrong}");
}

#[tokio::test]
async fn a_store_has_one_client_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, host) = (storage(folder.path()), TestHost::new());
    Arc::clone(&storage).start(&host).await.unwrap();
    let offered = Extension::offers(storage);
    let [Capability::Storage(storage)] = &offered[..] else { panic!("it offers a storage") };
    let client = storage.open(Kind::Receiver, &id("file_log/a"), "").unwrap();
    client.write(&[Write::Put(b"k", b"v")]).unwrap();
    client.sync().unwrap();
    assert!(storage.open(Kind::Receiver, &id("file_log/a"), "").is_err());
    let other = storage.open(Kind::Receiver, &id("file_log/b"), "").unwrap();
    assert_eq!(other.get(b"k").unwrap(), None);
    drop(client);
    let again = storage.open(Kind::Receiver, &id("file_log/a"), "").unwrap();
    assert_eq!(again.scan().unwrap(), [(b"k".to_vec(), b"v".to_vec())]);
}

#[tokio::test]
async fn a_directory_is_made_with_the_mode_that_is_wanted() {
    use std::os::unix::fs::PermissionsExt as _;
    for (text, mode) in [("0700", 0o700), ("0750", 0o750)] {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("made");
        let directory_permissions = text.to_owned();
        let config = Config {
            directory: directory.clone(),
            create_directory: true,
            directory_permissions,
            ..Config::default()
        };
        let storage = FileStorage::create(settings("file_storage"), config).unwrap();
        Arc::new(storage).start(&TestHost::new()).await.unwrap();
        let made = std::fs::metadata(directory).unwrap().permissions().mode();
        assert_eq!(made & 0o777, mode);
    }
}

#[test]
fn compaction_on_start_compacts_when_a_store_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let lengths: Vec<u64> = [false, false, true]
        .into_iter()
        .map(|on_start| {
            let compaction = crate::Compaction { on_start, ..crate::Compaction::default() };
            let directory = folder.path().to_owned();
            let config = Config { directory, compaction, ..Config::default() };
            let storage = FileStorage::create(settings("file_storage"), config).unwrap();
            let [Capability::Storage(storage)] = &Extension::offers(Arc::new(storage))[..] else {
                panic!("it offers a storage")
            };
            let client = storage.open(Kind::Receiver, &id("file_log"), "").unwrap();
            let before =
                std::fs::metadata(folder.path().join("receiver_file_log__")).unwrap().len();
            for value in 0..100_u32 {
                client.write(&[Write::Put(b"k", &value.to_le_bytes())]).unwrap();
            }
            assert_eq!(client.scan().unwrap().len(), 1);
            before
        })
        .collect();
    assert!(lengths[1] > 1000 && lengths[2] < 200, "{lengths:?}");
}

#[test]
fn limits_and_what_tunes_another_database_are_checked() {
    assert_eq!(
        problems::<Config>("{directory: /tmp, max_size: -1}"),
        ["max size cannot be less than 0"]
    );
    assert_eq!(
        problems::<Config>("{directory: /tmp, min_free_mib: -1}"),
        ["min_free_mib must not be negative"]
    );
    let rebound = |keys: &str| {
        let compaction = format!("compaction: {{on_rebound: true, directory: /tmp, {keys}}}");
        problems::<Config>(&format!("{{directory: /tmp, max_size: 10485760, {compaction}}}"))
    };
    assert_eq!(
        rebound("rebound_needed_threshold_mib: 11"),
        ["compaction rebound needed threshold cannot be greater than max size"]
    );
    assert_eq!(
        rebound("rebound_needed_threshold_mib: 9, rebound_trigger_threshold_mib: 11"),
        ["compaction rebound trigger threshold cannot be greater than max size"]
    );
    assert_eq!(
        rebound("rebound_needed_threshold_mib: 9, check_interval: 0s"),
        ["compaction check interval must be positive when rebound compaction is set"]
    );
    for (mode, rule) in [
        ("'0999'", "directory_permissions value must be a valid octal representation"),
        ("'01777'", "directory_permissions contain invalid bits for file access"),
    ] {
        let section =
            format!("{{directory: /tmp, create_directory: true, directory_permissions: {mode}}}");
        assert_eq!(problems::<Config>(&section), [rule]);
    }
    let config = componenttest::config::<Config>("{directory: /tmp, max_size: 7, min_free_mib: 2}");
    assert_eq!((config.limits().max_size, config.limits().min_free), (7, Some(2 << 20)));
    assert_eq!(Config::default().limits().min_free, None);
    let warnings = |text: &str| componenttest::warnings::<Config>(text).len();
    assert_eq!(
        warnings(
            "{directory: /tmp, compaction: {on_start: true, on_rebound: true, directory: /tmp}}"
        ),
        0
    );
    let tuned = "{directory: /tmp, compaction: {rebound_needed_threshold_mib: 5, max_transaction_size: 0, \
                 rebound_trigger_threshold_mib: 3, check_interval: 1s}}";
    assert_eq!(warnings(tuned), 4);
    let elsewhere = "{directory: /tmp, compaction: {on_start: true, directory: /}}";
    assert_eq!(
        componenttest::warnings::<Config>(elsewhere),
        ["has no effect: files are compacted beside themselves, where there is room for them"]
    );
}

#[test]
fn the_disk_is_waited_for_as_fsync_says() {
    use component::Fsync;
    let fsync = |text: &str| componenttest::config::<Config>(text).queue_fsync();
    assert_eq!(fsync("directory: /tmp"), Fsync::Every(std::time::Duration::from_millis(100)));
    assert_eq!(fsync("{directory: /tmp, queue_fsync_interval: 0s}"), Fsync::Never);
    assert_eq!(fsync("{directory: /tmp, fsync: true, queue_fsync_interval: 0s}"), Fsync::Always);
}
