//! The part of a store in which a pipeline's own reader keeps its offsets: `p`, the pipeline, a zero byte, and then keys
//! as in the whole store.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::{BoxError, HandedOver, PipelineId, StorageClient, Write};

/// First byte of these keys.
const MARK: u8 = b'p';

/// A part of a store.
pub(crate) struct Partition {
    whole: Arc<dyn StorageClient>,
    prefix: Vec<u8>,
}

fn prefix(pipeline: &PipelineId) -> Vec<u8> {
    std::iter::once(MARK).chain(pipeline.as_str().bytes()).chain([0]).collect()
}

impl Partition {
    pub(crate) fn new(whole: Arc<dyn StorageClient>, pipeline: &PipelineId) -> Self {
        Self { whole, prefix: prefix(pipeline) }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }
}

impl StorageClient for Partition {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        self.whole.get(&self.key(key))
    }

    fn scan(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, BoxError> {
        let all = self.whole.scan()?.into_iter();
        let own = all
            .filter_map(|(key, value)| Some((key.strip_prefix(&self.prefix[..])?.to_vec(), value)));
        Ok(own.collect())
    }

    fn write(&self, changes: &[Write<'_>]) -> Result<(), BoxError> {
        let keys: Vec<Vec<u8>> = changes
            .iter()
            .map(|it| match it {
                Write::Put(key, _) | Write::Delete(key) => self.key(key),
            })
            .collect();
        let changes: Vec<Write<'_>> = keys
            .iter()
            .zip(changes)
            .map(|(key, change)| match change {
                Write::Put(_, value) => Write::Put(key, value),
                Write::Delete(_) => Write::Delete(key),
            })
            .collect();
        self.whole.write(&changes)
    }

    fn sync(&self) -> Result<(), BoxError> {
        self.whole.sync()
    }
}

/// True for a key in a part.
pub(crate) fn is_of_part(key: &[u8]) -> bool {
    key.first() == Some(&MARK)
}

/// What stands in the parts, by pipeline.
pub(crate) fn parts<'a>(
    records: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
) -> BTreeMap<PipelineId, HandedOver> {
    let mut parts: BTreeMap<PipelineId, HandedOver> = BTreeMap::new();
    for (key, value) in records {
        let Some((&MARK, rest)) = key.split_first() else { continue };
        let Some(end) = rest.iter().position(|it| *it == 0) else { continue };
        let (name, key) = rest.split_at(end);
        let name = std::str::from_utf8(name).ok().and_then(|it| it.parse().ok());
        if let (Some(pipeline), Some(key)) = (name, key.get(1..)) {
            parts.entry(pipeline).or_default().insert(key.to_vec(), value.clone());
        }
    }
    parts
}

/// As [`parts`] reads it.
pub(crate) fn add_part(all: &mut HandedOver, pipeline: &PipelineId, records: HandedOver) {
    let prefix = prefix(pipeline);
    all.extend(records.into_iter().map(|(key, value)| ([&prefix[..], &key].concat(), value)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;

    #[test]
    fn a_part_knows_its_own_keys_only_and_the_whole_knows_the_parts() {
        let whole: Arc<dyn StorageClient> = Arc::new(MemoryStore::default());
        whole.write(&[Write::Put(b"f1", b"whole")]).unwrap();
        let part = |name: &str| Partition::new(Arc::clone(&whole), &name.parse().unwrap());
        let (a, ab) = (part("logs/a"), part("logs/ab"));
        a.write(&[Write::Put(b"f1", b"a"), Write::Put(b"f2", b"x"), Write::Delete(b"f2")]).unwrap();
        ab.write(&[Write::Put(b"f1", b"ab")]).unwrap();
        assert_eq!(a.scan().unwrap(), [(b"f1".to_vec(), b"a".to_vec())]);
        assert_eq!(a.get(b"f1").unwrap().unwrap(), b"a");
        let all: HandedOver = whole.scan().unwrap().into_iter().collect();
        let found = parts(all.iter());
        assert_eq!(found.keys().map(PipelineId::as_str).collect::<Vec<_>>(), ["logs/a", "logs/ab"]);
        let mut again: HandedOver = [(b"f1".to_vec(), b"whole".to_vec())].into();
        for (pipeline, records) in found {
            add_part(&mut again, &pipeline, records);
        }
        assert_eq!(again, all);
    }
}
