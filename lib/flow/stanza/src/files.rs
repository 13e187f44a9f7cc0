//! The files that lines come from: their attributes, the pod in their path, how far each is safe.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::entry::Shared;

/// Names one file for as long as the caller follows it. Chosen by the caller, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);

/// What is the same for all lines of a file. Made once per file, and again when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Whose lines they are.
    pub key: FileKey,
    /// `log.file.name`, `log.file.path`, ... in the order they shall appear.
    pub attributes: Vec<(String, String)>,
    /// `include_file_record_offset`: adds `log.file.record_offset`.
    pub record_offset: bool,
}

/// The attribute from which the pod is told.
pub(crate) const FILE_PATH: &str = "log.file.path";

/// All files of one worker.
#[derive(Debug)]
pub(crate) struct Files {
    list: Vec<Option<File>>,
    /// Those of which a line was seen since [`Files::take_changed`].
    changed: Vec<u32>,
    by_key: HashMap<FileKey, u32>,
    /// The file of the last line.
    current: u32,
    base: Shared,
    next_id: Cell<u32>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    meta: Arc<FileMeta>,
    /// Which of its attributes is the path.
    path: Option<usize>,
    /// The resource with the pod of the path, once it was asked for.
    pod: OnceCell<Option<Shared>>,
    /// The end of the last line.
    seen: u64,
    /// It is among the changed.
    changed: bool,
    /// What `safe` said last.
    pub(crate) reported: Option<u64>,
}

impl Files {
    /// None yet. `base` is the receiver's own resource.
    pub(crate) fn new(base: Arc<[(String, String)]>) -> Self {
        let base = Shared { id: 0, pairs: base };
        let (list, changed, by_key) = (Vec::new(), Vec::new(), HashMap::new());
        Self { list, changed, by_key, current: u32::MAX, base, next_id: Cell::new(1) }
    }

    /// The position of a file, which is entered if it is new.
    pub(crate) fn enter(&mut self, meta: &Arc<FileMeta>) -> u32 {
        if self.get(self.current).is_some_and(|it| Arc::ptr_eq(&it.meta, meta)) {
            return self.current;
        }
        let at = match self.by_key.get(&meta.key) {
            Some(at) => *at,
            None => self.add(meta),
        };
        if let Some(Some(file)) = self.list.get_mut(at as usize)
            && !Arc::ptr_eq(&file.meta, meta)
        {
            file.meta = Arc::clone(meta);
            file.path = path_of(meta);
            file.pod = OnceCell::new();
        }
        self.current = at;
        at
    }

    fn add(&mut self, meta: &Arc<FileMeta>) -> u32 {
        let (path, pod) = (path_of(meta), OnceCell::new());
        let meta_of = Arc::clone(meta);
        let file = File { meta: meta_of, path, pod, seen: 0, changed: false, reported: None };
        let free = self.list.iter().position(Option::is_none);
        let at = free.unwrap_or(self.list.len());
        match self.list.get_mut(at) {
            Some(slot) => *slot = Some(file),
            None => self.list.push(Some(file)),
        }
        // The last position stands for no file.
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.by_key.insert(meta.key, at);
        at
    }

    /// Forgets a file. Nothing of it may be held back any more.
    pub(crate) fn remove(&mut self, key: FileKey) -> Option<File> {
        let at = self.by_key.remove(&key)?;
        self.list.get_mut(at as usize)?.take()
    }

    /// Where a file is.
    pub(crate) fn position(&self, key: FileKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The file at a position.
    pub(crate) fn get(&self, at: u32) -> Option<&File> {
        let file = self.list.get(at as usize)?.as_ref()?;
        file.pod.get_or_init(|| self.pod(file));
        Some(file)
    }

    /// The file at a position, to change.
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut File> {
        self.list.get_mut(at as usize)?.as_mut()
    }

    /// A line of the file ends here.
    pub(crate) fn saw(&mut self, at: u32, end: u64) {
        let Some(Some(file)) = self.list.get_mut(at as usize) else { return };
        file.seen = end;
        if !std::mem::replace(&mut file.changed, true) {
            self.changed.push(at);
        }
    }

    /// The files of which a line was seen since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<u32> {
        let changed = std::mem::take(&mut self.changed);
        for at in &changed {
            if let Some(Some(file)) = self.list.get_mut(*at as usize) {
                file.changed = false;
            }
        }
        changed
    }

    /// What people know the file of the last line by: its path, or the first of its attributes, which is its name.
    pub(crate) fn current_name(&self) -> Option<&str> {
        let file = self.get(self.current)?;
        file.path().or_else(|| file.meta.attributes.first().map(|(_, name)| name.as_str()))
    }

    /// The receiver's own resource.
    pub(crate) fn base(&self) -> &Shared {
        &self.base
    }

    fn pod(&self, file: &File) -> Option<Shared> {
        let pod = pod_of(file.path()?)?;
        let mut pairs = self.base.pairs.to_vec();
        for (key, value) in pod {
            pairs.retain(|(k, _)| k != key);
            pairs.push((key.to_owned(), value.to_owned()));
        }
        let id = self.next_id.replace(self.next_id.get().wrapping_add(1).max(1));
        Some(Shared { id, pairs: pairs.into() })
    }
}

impl File {
    /// The end of the last line.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// What is the same for all its lines.
    pub(crate) fn meta(&self) -> &FileMeta {
        &self.meta
    }

    /// `log.file.path`, if the receiver adds it.
    pub(crate) fn path(&self) -> Option<&str> {
        self.meta.attributes.get(self.path?).map(|(_, path)| path.as_str())
    }

    /// The receiver's resource with the pod of the path; `None` if the path names none.
    pub(crate) fn pod(&self) -> Option<&Shared> {
        self.pod.get().and_then(Option::as_ref)
    }
}

fn path_of(meta: &FileMeta) -> Option<usize> {
    meta.attributes.iter().position(|(key, _)| key == FILE_PATH)
}

/// pkg/stanza/operator/parser/container/parser.go, v0.156.
static POD_PATH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = concat!(
        r"^.*(/|\\)(?P<namespace>[^_]+)_(?P<pod_name>[^_]+)_(?P<uid>[a-f0-9\-]+)(/|\\)",
        r"(?P<container_name>[^\._]+)(/|\\)(?P<restart_count>[0-9]+)\.log(\.[0-9]{8}-[0-9]{6})?$"
    );
    Regex::new(pattern).ok()
});

/// The pod that a path under `/var/log/pods` names, as resource attributes.
pub(crate) fn pod_of(path: &str) -> Option<[(&'static str, &str); 5]> {
    let found = POD_PATH.as_ref()?.captures(path)?;
    let group = |name: &str| found.name(name).map_or("", |it| it.as_str());
    Some([
        ("k8s.namespace.name", group("namespace")),
        ("k8s.pod.name", group("pod_name")),
        ("k8s.pod.uid", group("uid")),
        ("k8s.container.name", group("container_name")),
        ("k8s.container.restart_count", group("restart_count")),
    ])
}
