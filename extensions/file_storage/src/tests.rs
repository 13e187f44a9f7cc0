//! Behaviour through the extension's capability.

use std::sync::Arc;

use component::{Capability, Component, Extension, Id, Kind, Write};
use componenttest::{TestHost, settings};

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
