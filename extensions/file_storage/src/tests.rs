//! Behaviour through the extension's capability.

use std::sync::Arc;

use component::{Component, Extension, Id, Kind, Write};
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
async fn a_store_has_one_client_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, host) = (storage(folder.path()), TestHost::new());
    Arc::clone(&storage).start(&host).await.unwrap();
    let storage = Extension::storage(storage).unwrap();
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
