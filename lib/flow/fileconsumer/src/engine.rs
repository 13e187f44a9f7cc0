//! One receiver's reader: a single task that owns all its files.
//!
//! It reads blocks in turn from the files that have something, gives the records to the sink, and hands
//! the sink's chunks on, several at a time. Files are read with plain `pread` in the task: what was just
//! written is in the page cache, and a thread hop would cost more than the read. When nothing is left it
//! sleeps until the kernel, an answer or a timer wakes it.
//!
//! Three things bound it, and each has its own way to wait. *Room*: so many calls and bytes may be without an
//! answer; beyond that nothing is read, and only an answer goes on (backpressure reaches the files, where the
//! data is safe). *Ready files*: a file is in `ready` at most once, as long as it has something; a file that was
//! read to its end leaves, and an event, a timer or a walk puts it back. *Timers*: what happens although nothing
//! was written (a partial line that is not continued, a file that may be let go, the next walk, the checkpoint).
//!
//! An offset moves forward only when the backend has answered for everything before it: the sink says how far
//! it has taken lines (`safe`), a call opens a range in the file's watermark, its answer closes it, and what is
//! closed without a gap goes into the checkpoint. So a crash at any point repeats lines and never loses one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component::{BoxError, Host, Meter, Outputs, Ownership, StorageClient, clock};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::FileKey;
use crate::book::Book;
use crate::corrupt::{self, Start};
use crate::descriptors::{Descriptors, is_want};
use crate::find::TimedScan;
use crate::gauges::Gauges;
use crate::identity::Identity;
use crate::lag::Lag;
use crate::limit::OncePer;
use crate::send::{Done, Sender};
use crate::settings::Settings;
use crate::sink::Sink;
use crate::track::Tracked;
use crate::watch::{Event, Watcher};

/// Bytes read from one file before it is the next one's turn.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks read from it in a row while the sink holds the beginning of a record back. What is held back is limited, too,
/// and if all files took turns while each is in the middle of a long record, all of these would be cut at that limit.
const BLOCKS_IN_A_ROW: usize = 8;
/// Longest time that records are held back for the sake of order; then they wait as a chunk.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(1);
/// How often everything is looked at although the kernel tells what changes.
const SWEEP: Duration = Duration::from_secs(10);
/// Shortest time between two walks.
const WALK_PAUSE: Duration = Duration::from_millis(100);
/// A walk may take this part of the time: after one of 10 ms there is none for 200 ms.
const WALK_SHARE: u32 = 20;
/// While a chunk has no answer, events that come within this time are handled together: what was read at
/// once would wait behind it, and a hundred pods that write now and then cost a thousand wake-ups a second.
const PASS_PAUSE: Duration = Duration::from_millis(8);
/// After the first answer a checkpoint is written so soon.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(10);
/// The same where nobody keeps them.
const FORGETFUL_PAUSE: Duration = Duration::from_secs(1);
/// Wait after a checkpoint that could not be written.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// While there is always something to read, the kernel's events are looked at after so many blocks.
const BLOCKS_BETWEEN_EVENTS: usize = 16;
/// Other tasks get their turn after so many bytes; a turn counts as [`TURN_BYTES`] at least.
const BYTES_BETWEEN_YIELDS: usize = BLOCK_BYTES;
const TURN_BYTES: usize = 8 * 1024;

/// Something to do for a file at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Its unfinished record may be one.
    Partial,
    /// It may be let go.
    Leave,
    /// It waits for another one.
    Wait,
    /// It began anew too often.
    Rewritten,
}

/// One receiver's reader.
#[expect(
    clippy::struct_excessive_bools,
    reason = "until it is taken apart into catalog, decisions and schedule"
)]
pub struct Engine<S: Sink> {
    pub(crate) settings: Arc<Settings>,
    pub(crate) sink: S,
    pub(crate) book: Book,
    pub(crate) files: HashMap<FileKey, Tracked<S::File>>,
    pub(crate) by_identity: HashMap<Identity, FileKey>,
    pub(crate) by_path: HashMap<PathBuf, FileKey>,
    /// Files that are found through a symbolic link, by where it leads.
    pub(crate) by_real: HashMap<PathBuf, FileKey>,
    /// The file that a path led to before it led elsewhere.
    pub(crate) detached: HashMap<PathBuf, FileKey>,
    pub(crate) ready: VecDeque<FileKey>,
    pub(crate) timers: BinaryHeap<Reverse<(Instant, FileKey, Timer)>>,
    /// Files of which something was handed to the sink or passed over since the last chunk.
    pub(crate) touched: HashSet<FileKey>,
    /// Files whose watermark has moved since the last checkpoint.
    pub(crate) moved: HashSet<FileKey>,
    pub(crate) watcher: Option<Watcher>,
    /// Files that nobody will tell about: they are looked at every `poll_interval`.
    pub(crate) blind: bool,
    pub(crate) buffer: Vec<u8>,
    pub(crate) decoded: String,
    pub(crate) complaints: OncePer,
    pub(crate) unreadable: HashMap<PathBuf, String>,
    /// False until the first walk is done: only then `start_at` counts.
    pub(crate) started: bool,
    /// True until the first walk is done after a restart with checkpoints.
    pub(crate) restarted: bool,
    pub(crate) descriptors: Descriptors,
    pub(crate) lost: crate::rotate::Lost,
    /// Copies still being written: their size when last seen.
    pub(crate) growing: HashMap<PathBuf, u64>,
    /// Files with an archive that is still being written.
    pub(crate) look_again: BTreeSet<PathBuf>,
    next_key: u64,
    /// When this reader began.
    pub(crate) born: SystemTime,
    /// Chunks without an answer, and their bytes.
    pub(crate) in_flight: (usize, usize),
    /// The same of those that were handed on since the last one that asked for a flush.
    pub(crate) gathering: (usize, usize),
    pub(crate) host: Host,
    pub(crate) sender: Sender,
    pub(crate) answers: mpsc::Receiver<Done>,
    walk: Option<JoinHandle<TimedScan>>,
    /// Directories that are watched and that the walk under way may not have seen.
    pub(crate) appeared: HashSet<PathBuf>,
    walk_at: Instant,
    walk_not_before: Instant,
    checkpoint_at: Option<Instant>,
    checkpointed: Instant,
    idle_flush_at: Option<Instant>,
    /// Since when records are held back for the sake of order.
    pub(crate) held: Option<Instant>,
    /// Rings when a chunk can no longer be overtaken.
    pub(crate) kept: Arc<Notify>,
    /// When the kernel's events were last taken.
    looked: Instant,
    /// Bytes read since other tasks had their turn.
    pub(crate) unyielded: usize,
    pub(crate) gauges: Gauges,
    pub(crate) remembers: bool,
    pub(crate) ownership: Option<Ownership>,
    pub(crate) lag: Lag,
}

impl<S: Sink> Engine<S> {
    /// Reads the checkpoints. `receiver` is the receiver's id, for metrics.
    ///
    /// # Errors
    /// When the store cannot be read, or is damaged and the settings say to stop then.
    pub fn new(
        mut settings: Settings,
        sink: S,
        store: Option<Arc<dyn StorageClient>>,
        out: Outputs,
        host: &Host,
        meter: &Meter,
        receiver: &str,
    ) -> Result<Self, BoxError> {
        let (sender, answers) = Sender::new(host.clone(), out, settings.retry, meter, receiver);
        let remembers = store.is_some();
        let mut book = Book::open(store)?;
        let Start { started, restarted } = corrupt::start(&mut settings, &mut book)?;
        let watcher = Watcher::new().inspect_err(|error| {
            let every = settings.poll_interval;
            tracing::warn!(%error, ?every, "the kernel cannot tell about changed files (raise \
                fs.inotify.max_user_instances); looking at all files regularly");
        });
        let now = Instant::now();
        Ok(Self {
            started,
            restarted,
            descriptors: Descriptors::new(settings.open_files_max),
            settings: Arc::new(settings),
            sink,
            book,
            files: HashMap::new(),
            by_identity: HashMap::new(),
            by_path: HashMap::new(),
            by_real: HashMap::new(),
            detached: HashMap::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            touched: HashSet::new(),
            moved: HashSet::new(),
            blind: watcher.is_err(),
            watcher: watcher.ok(),
            buffer: Vec::new(),
            decoded: String::new(),
            complaints: OncePer::default(),
            unreadable: HashMap::new(),
            lost: crate::rotate::Lost::new(meter),
            growing: HashMap::new(),
            look_again: BTreeSet::new(),
            next_key: 0,
            born: clock::now(),
            in_flight: (0, 0),
            gathering: (0, 0),
            host: host.clone(),
            sender,
            answers,
            walk: None,
            appeared: HashSet::new(),
            walk_at: now,
            walk_not_before: now,
            checkpoint_at: None,
            checkpointed: now,
            idle_flush_at: None,
            held: None,
            kept: Arc::default(),
            looked: now,
            unyielded: 0,
            gauges: Gauges::new(meter, receiver),
            remembers,
            ownership: None,
            lag: Lag::new(meter, receiver),
        })
    }

    /// Goes on where the reader before has ended: nothing is read twice, nothing is left out.
    #[must_use]
    pub fn owning(mut self, mut ownership: Ownership) -> Self {
        if let Some(state) = ownership.received() {
            self.book.take_over(state);
            (self.started, self.restarted) = (true, true);
        }
        self.ownership = Some(ownership);
        self
    }

    /// Follows the files until the host stops.
    ///
    /// # Errors
    /// None so far; the signature is that of a task.
    pub async fn run(mut self) -> Result<(), BoxError> {
        if self.book.has_history() && self.lag.duty.is_none() {
            tracing::info!(
                "resuming from previously known offset(s); 'start_at' is not applicable"
            );
        }
        self.resume_own();
        let relieved = self.lag.duty.as_ref().map(|it| it.relieved.clone());
        let stopping = relieved.unwrap_or_else(|| self.host.stopping().clone());
        while !stopping.is_cancelled() {
            self.due();
            self.pass().await;
            self.watch_lag();
            self.report();
            let deadline = self.next_deadline();
            let gather = if self.in_flight.0 > 0 { PASS_PAUSE } else { Duration::ZERO };
            let earliest = self.looked + gather;
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                Some(done) = self.answers.recv() => self.settle(&done),
                walk = finished(&mut self.walk) => self.walked(walk),
                () = readable(self.watcher.as_mut(), earliest) => self.take_events(),
                () = self.kept.notified(), if self.held.is_some() => {}
                Some(report) = self.lag.reports.recv() => self.heard(&report),
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
        if self.is_relieved() {
            self.sender.abandon();
            if let Err(error) = self.book.erase() {
                tracing::warn!(%error, "offsets that are needed no more cannot be removed: lines may come twice");
            }
            return Ok(());
        }
        self.end().await;
        self.leave_to_next().await;
        Ok(())
    }

    /// Reads until nothing is ready or nothing more may be in flight.
    ///
    /// A pass may last for minutes when files grow faster than they are read, so everything that `run` does
    /// between passes is done in here, too, after each turn: events, answers, a walk that has ended, timers.
    /// Otherwise a rotated file would be found too late, and answers would not free the room that reading waits for.
    async fn pass(&mut self) {
        let (mut blocks, mut in_a_row) = (0_usize, 0_usize);
        while self.has_room() && !self.host.stopping().is_cancelled() {
            if self.ready.is_empty() || blocks.is_multiple_of(BLOCKS_BETWEEN_EVENTS) {
                self.unpark();
            }
            let Some(key) = self.ready.pop_front() else { break };
            self.turn(key);
            // The chunk is not cut at file borders: small files ride together.
            if self.is_due() {
                self.send();
            }
            blocks += 1;
            in_a_row = if self.goes_on(key, in_a_row) { in_a_row + 1 } else { 0 };
            // Reading the events is a system call; a rotation waits for it for a few MiB at most.
            if blocks.is_multiple_of(BLOCKS_BETWEEN_EVENTS) {
                self.take_events();
            }
            while let Ok(done) = self.answers.try_recv() {
                self.settle(&done);
            }
            if let Some(walk) = self.walk.take_if(|it| it.is_finished()) {
                self.walk = None;
                self.walked(walk.await.ok());
            }
            self.due();
            // The task never waits while there is something to read, so tokio would not get the worker back.
            self.unyielded += TURN_BYTES;
            if self.unyielded >= BYTES_BETWEEN_YIELDS {
                self.unyielded = 0;
                tokio::task::yield_now().await;
            }
        }
        // Read to the end of everything: nothing is worth waiting for. First what is whole goes, so that it does
        // not wait for the operators' timers; then what those timers release. Without room both stay with the
        // sink: what it holds back is bounded, and is sent by the pass after the next answer.
        let may_follow = self.may_follow();
        if self.has_room() && self.ready.is_empty() && may_follow {
            self.send();
            self.idle_flush_at =
                self.sink.flush_idle(Instant::now().into_std()).map(Instant::from_std);
            if self.sink.bytes() > 0 {
                self.send();
            }
            // A very long line has made it grow; the next one may never come.
            if self.buffer.len() > BLOCK_BYTES {
                self.buffer = Vec::new();
            }
        } else {
            self.idle_flush_at = None;
        }
        if !may_follow && self.ready.is_empty() {
            self.held.get_or_insert(Instant::now());
        }
        self.say_waiting();
        let waiting = self.descriptors.waiting();
        self.gauges.show(self.descriptors.open, self.ready.len(), waiting, self.unreadable.len());
    }

    /// Lets a file that just had its turn have the next one, too, when it is in the middle of a record.
    fn goes_on(&mut self, key: FileKey, in_a_row: usize) -> bool {
        let goes_on = in_a_row < BLOCKS_IN_A_ROW
            && self.ready.back() == Some(&key)
            && self.files.get(&key).is_some_and(|it| self.sink.holds(&it.file));
        if goes_on {
            self.ready.rotate_right(1);
        }
        goes_on
    }

    /// Does what the clock asks for.
    fn due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, ..))) = self.timers.peek()
            && *at <= now
            && let Some(Reverse((_, key, timer))) = self.timers.pop()
        {
            match timer {
                Timer::Partial => self.flush_partial(key, now),
                Timer::Leave => self.leave(key, now),
                Timer::Wait => self.wait_no_longer(key, now),
                Timer::Rewritten => self.wake(key),
            }
        }
        if self.walk.is_none() && self.walk_at.max(self.walk_not_before) <= now {
            let settings = Arc::clone(&self.settings);
            self.appeared.clear();
            self.walk = Some(tokio::task::spawn_blocking(move || settings.finder.timed_scan()));
            self.walk_at = now + if self.blind { self.settings.poll_interval } else { SWEEP };
        }
        if !self.moved.is_empty() || self.book.is_dirty() {
            let pause = if self.remembers { CHECKPOINT_PAUSE } else { FORGETFUL_PAUSE };
            let soon = (now + pause).max(self.checkpointed + self.settings.checkpoint_interval);
            let at = *self.checkpoint_at.get_or_insert(soon);
            if at <= now {
                (self.checkpoint_at, self.checkpointed) = (None, now);
                self.checkpoint();
            }
        }
    }

    fn next_deadline(&self) -> Instant {
        let walk = self.walk.is_none().then(|| self.walk_at.max(self.walk_not_before));
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let held = self.held.map(|it| it + HOLD_MAX);
        let parked = self.descriptors.deadline().filter(|_| self.has_room());
        let lag = self.lag_deadline();
        let all = [walk, timer, self.checkpoint_at, self.idle_flush_at, held, parked, lag];
        all.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + SWEEP)
    }

    /// Asks for a walk, soon.
    pub(crate) fn walk_soon(&mut self) {
        self.walk_at = Instant::now();
    }

    /// The same, not before a pause is over.
    pub(crate) fn walk_later(&mut self, pause: Duration) {
        self.walk_at = self.walk_at.min(Instant::now() + pause);
        self.walk_not_before = self.walk_not_before.max(Instant::now() + pause);
    }

    fn walked(&mut self, walk: Option<TimedScan>) {
        let Some(TimedScan { scan, began, took }) = walk else { return };
        self.walk_not_before = Instant::now() + WALK_PAUSE.max(took * WALK_SHARE);
        self.descriptors.is_short = false;
        if let Some((_, error)) = scan.unreadable.iter().find(|it| is_want(&it.1)) {
            return self.ran_short(error);
        }
        self.reconcile(scan);
        self.say_waiting();
        if self.descriptors.is_short {
            // What was there and could not be looked at is still to be taken for new.
            return;
        }
        self.book.note_walk(began);
        if !std::mem::replace(&mut self.started, true) {
            // `start_at: end` is decided here, once: a crash before the first answer must not decide anew.
            self.checkpoint();
        }
    }

    fn take_events(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut events = Vec::new();
        watcher.drain(&mut events);
        self.looked = Instant::now();
        for event in events {
            match event {
                Event::Touched { key, still_watched } => self.touched(key, still_watched),
                Event::File(path) => self.name_changed(&path),
                Event::Directory(path) => self.directory_appeared(&path),
                Event::Unclear => self.walk_soon(),
            }
        }
    }

    pub(crate) fn checkpoint(&mut self) {
        for key in std::mem::take(&mut self.moved) {
            if let Some(file) = self.files.get_mut(&key) {
                if std::mem::take(&mut file.header_done) {
                    self.book.note_file(&file.entry);
                }
                file.advance_entry();
                self.book.note_offset(&file.entry);
            }
        }
        let Err(error) = self.book.flush() else { return };
        self.gauges.checkpoint_failed();
        self.checkpoint_at = Some(Instant::now() + CHECKPOINT_RETRY);
        if self.complaints.allows("checkpoint") {
            tracing::error!(%error, "offsets cannot be stored and are kept in memory; after a crash \
                lines since the last stored offset are sent again");
        }
    }

    /// A key that no file ever had.
    pub(crate) fn new_key(&mut self) -> FileKey {
        self.next_key += 1;
        FileKey(self.next_key)
    }

    /// Puts a file in the queue of those that have something to read.
    pub(crate) fn enqueue(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && !file.queued
        {
            file.queued = true;
            file.ended = false;
            self.ready.push_back(key);
        }
    }
}

async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(handle) = task else { return std::future::pending().await };
    let result = handle.await.ok();
    *task = None;
    result
}

async fn readable(watcher: Option<&mut Watcher>, earliest: Instant) {
    match watcher {
        Some(watcher) => watcher.readable(earliest).await,
        None => std::future::pending().await,
    }
}
