//! The task that has the files of a queue on disk. It alone stores, reads and deletes, in turns, each on a thread that
//! may block; what comes during a turn is the next one (group commit).
//!
//! A request goes: brought by its caller -> written -> caller answered (or when the disk has it, as the policy and the
//! caller say) -> given to the [`Buffer`], at once from memory if nothing is before it, else when it is its turn, read
//! from the disk -> joined, sent, answered -> deleted. The [`Buffer`] and those who send do not know the difference,
//! except that its claim is the queue's. The bytes between the fourth and the sixth step are bounded by a window.
//!
//! When it ends, what is in the buffer is dropped and stays on disk; what is being sent has its attempt. Only if the
//! exporter was replaced by one that does not use these files, all of them are sent on first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use component::{
    Appended, BoxError, ConsumeError, Context, Data, Fsync, NewRecord, QueueLog, Signal,
    StoredRecord, Unstored,
};
use pdata::Limits;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use crate::disk::{COME_AGAIN, Disk, Put, Receipt, WINDOW_BYTES, window_permits};
use crate::policy::Policy;
use crate::syncs::{Log, Syncs};
use crate::{Buffer, Claim, Partitioner, Request, stored};

/// Bytes that are read from the disk in one turn, and then wait for room in memory.
const READ_BYTES: usize = 1 << 20;
/// When a disk that could not be read, or did not take what was written anew, is tried again.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// Deepest nesting that is read back. Receivers take less, but processors may have put values into each other.
const DEPTH_MAX: usize = 512;

/// Has the files.
pub(crate) struct Keeper {
    disk: Arc<Disk>,
    buffer: Arc<Buffer>,
    partitioner: Partitioner,
    policy: Policy,
    signal: Signal,
    /// Batches that wait in memory for one who sends.
    ready_max: usize,
    /// Read from the disk, and without a place in memory yet.
    ahead: VecDeque<Ready>,
    syncs: Syncs,
    /// When a disk that could not be read is tried again.
    again: Option<Instant>,
    said: Option<String>,
    /// That the disk did not take it, and it could not be written anew.
    said_sync: bool,
}

/// A request that can be given to the buffer.
struct Ready {
    seq: u64,
    ctx: Context,
    data: Data,
    size: usize,
    since: u64,
}

/// What a turn does, and then what it has done.
struct Turn {
    signal: Signal,
    disk: Arc<Disk>,
    buffer: Arc<Buffer>,
    policy: Policy,
    /// Of the keeper, while the turn lasts.
    ahead: VecDeque<Ready>,
    puts: Vec<Put>,
    done: Vec<u64>,
    at_hand: bool,
    read: bool,
    /// `None` of one that is dropped.
    stored: Vec<Result<Option<Appended>, String>>,
    ready: Vec<(StoredRecord, Data)>,
    problem: Option<String>,
    is_unreadable: bool,
}

enum Event {
    /// Look into the inbox.
    Work,
    /// What was read has a place in memory.
    Place(OwnedSemaphorePermit),
    Synced(u64, Result<(), BoxError>),
    SyncDue,
    /// A disk that could not be read is tried again.
    ReadAgain,
    /// Nothing is in memory any more, and nothing comes.
    Idle,
}

impl Keeper {
    pub(crate) fn new(
        disk: &Arc<Disk>,
        buffer: &Arc<Buffer>,
        partitioner: Partitioner,
        policy: Policy,
        signal: Signal,
        ready_max: usize,
    ) -> Self {
        let (disk, buffer) = (Arc::clone(disk), Arc::clone(buffer));
        let (ahead, syncs) = (VecDeque::new(), Syncs::new(Fsync::Never));
        Self {
            disk,
            buffer,
            partitioner,
            policy,
            signal,
            ready_max,
            ahead,
            syncs,
            again: None,
            said: None,
            said_sync: false,
        }
    }

    /// Keeps the files until the inbox is closed and nothing is under way. Asked then, `drains` says whether all has to
    /// be sent on before.
    pub(crate) async fn keep(
        mut self,
        mut log: Log,
        drains: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), BoxError> {
        self.syncs = Syncs::new(log.fsync());
        let (mut is_closed, mut is_left) = (false, false);
        loop {
            if is_closed && !is_left && !drains() {
                // What has not been sent stays where it is.
                self.ahead.clear();
                self.buffer.clear();
                is_left = true;
            }
            let has_read = self.again.is_some() || !self.ahead.is_empty() || log.unread() == 0;
            let rests = is_left || (is_closed && has_read && self.ahead.is_empty());
            let mut is_idle = false;
            let event = if rests || has_read { self.event(rests).await } else { Event::Work };
            match event {
                Event::Work => {}
                Event::ReadAgain => self.again = None,
                Event::Place(permit) => self.hand_on(permit),
                Event::Synced(upto, result) => log = self.synced(log, upto, result).await?,
                Event::SyncDue => self.syncs.start(&mut log),
                Event::Idle => is_idle = true,
            }
            let inbox = self.disk.take();
            is_closed = inbox.is_closed;
            let read = !rests && !has_read;
            if read || !inbox.puts.is_empty() || !inbox.done.is_empty() {
                log = self.turn(log, inbox.puts, inbox.done, read).await?;
            } else if is_idle && self.syncs.waiting.is_empty() {
                break;
            }
        }
        self.end(log).await
    }

    async fn end(self, mut log: Log) -> Result<(), BoxError> {
        // What is stored and not sent is waited for a last time.
        if log.fsync() != Fsync::Never
            && let Err(error) = spawn_blocking(log.sync()).await?
        {
            warn!(%error, "the disk did not take all of a queue");
            if let Err(error) = spawn_blocking(move || log.sync_failed()).await? {
                error!(%error, "it could not be written anew: what is missing may be lost with the machine");
            }
        }
        Ok(())
    }

    /// The disk has answered. Of what it did not take, who waits is refused, and the rest is written anew.
    async fn synced(
        &mut self,
        mut log: Log,
        upto: u64,
        result: Result<(), BoxError>,
    ) -> Result<Log, BoxError> {
        let Err(error) = result else {
            log.synced();
            self.said_sync = false;
            self.syncs.settle(upto, None, &mut log);
            return Ok(log);
        };
        let (mut log, written) = spawn_blocking(move || {
            let written = log.sync_failed();
            (log, written)
        })
        .await?;
        if let Err(why) = &written {
            // Once: it is tried again until it can.
            if !std::mem::replace(&mut self.said_sync, true) {
                error!(%error, %why, "the disk did not take a queue, and it cannot be written anew; it is tried again");
            }
            self.syncs.due = Some(Instant::now() + READ_PAUSE);
        } else {
            error!(%error, "the disk did not take a queue; what comes goes into a new file, and who waits is refused");
        }
        let refusal = ConsumeError::retryable(format!("sending queue on disk: {error}"));
        self.syncs.settle(upto, Some(refusal.after(COME_AGAIN)), &mut log);
        Ok(log)
    }

    /// What comes next. `rests`: nothing more goes into memory.
    async fn event(&mut self, rests: bool) -> Event {
        let (disk, buffer, ready_max) = (&self.disk, &self.buffer, self.ready_max);
        let bytes = self.ahead.front().map(|it| it.data.bytes());
        let place = async {
            buffer.room(ready_max).await;
            let bytes = window_permits(bytes.unwrap_or_default());
            Arc::clone(&disk.window).acquire_many_owned(bytes).await
        };
        let all = Arc::clone(&disk.window).acquire_many_owned(window_permits(WINDOW_BYTES));
        let again = self.again;
        let due = self.syncs.due.filter(|_| self.syncs.running.is_none());
        tokio::select! {
            biased;
            () = disk.changed.notified() => Event::Work,
            (upto, result) = self.syncs.finished() => Event::Synced(upto, result),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Event::SyncDue,
            Ok(permit) = place, if bytes.is_some() && !rests => Event::Place(permit),
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => Event::ReadAgain,
            Ok(_) = all, if rests => Event::Idle,
        }
    }

    /// One turn of the disk.
    async fn turn(
        &mut self,
        mut log: Log,
        puts: Vec<Put>,
        done: Vec<u64>,
        read: bool,
    ) -> Result<Log, BoxError> {
        let fresh: usize = puts.iter().map(|it| it.data.bytes().max(1)).sum();
        let at_hand = self.ahead.is_empty() && log.unread() == 0 && fresh <= WINDOW_BYTES;
        let window = Arc::clone(&self.disk.window);
        let permit = (at_hand && fresh > 0)
            .then(|| window.try_acquire_many_owned(window_permits(fresh)).ok())
            .flatten();
        let mut turn = Turn {
            signal: self.signal,
            disk: Arc::clone(&self.disk),
            buffer: Arc::clone(&self.buffer),
            policy: self.policy.clone(),
            ahead: std::mem::take(&mut self.ahead),
            at_hand: permit.is_some(),
            stored: Vec::with_capacity(puts.len()),
            puts,
            done,
            read,
            ready: Vec::new(),
            problem: None,
            is_unreadable: false,
        };
        (log, turn) = spawn_blocking(move || {
            turn.run(&mut *log);
            (log, turn)
        })
        .await?;
        self.disk.set_bytes(log.bytes());
        self.ahead = std::mem::take(&mut turn.ahead);
        self.say(turn.problem.take());
        self.again = turn.is_unreadable.then(|| Instant::now() + READ_PAUSE);
        for (record, data) in turn.ready.drain(..) {
            let size = self.disk.size(items(record.items), data.bytes());
            let (ctx, since) = stored::context(&record.head);
            self.ahead.push_back(Ready { seq: record.seq, ctx, data, size, since });
        }
        self.answer(turn, permit);
        if self.syncs.wants_now() {
            self.syncs.start(&mut log);
        }
        Ok(log)
    }

    /// Tells callers what became of their requests, and passes on what is at hand.
    fn answer(&mut self, turn: Turn, mut window: Option<OwnedSemaphorePermit>) {
        for (put, stored) in turn.puts.into_iter().zip(turn.stored) {
            let Put { ctx, data, size, since, answer, room: _ } = put;
            let permits = window_permits(data.bytes());
            let permit = window.as_mut().and_then(|it| it.split(usize::try_from(permits).ok()?));
            let appended = match stored {
                Ok(Some(appended)) => appended,
                Ok(None) => {
                    drop(answer.send(Ok(())));
                    continue;
                }
                Err(why) => {
                    let error = ConsumeError::retryable(format!("sending queue on disk: {why}"));
                    // A caller that has left needs no answer.
                    drop(answer.send(Err(error.after(COME_AGAIN))));
                    continue;
                }
            };
            ctx.keep_place();
            let is_replay = ctx.wants_delivered();
            if appended.is_at_hand {
                self.pass(Ready { seq: appended.seq, ctx, data, size, since }, permit);
            }
            self.syncs.stored(appended.seq, answer, is_replay);
        }
    }

    fn hand_on(&mut self, permit: OwnedSemaphorePermit) {
        if let Some(ready) = self.ahead.pop_front() {
            self.pass(ready, Some(permit));
        }
    }

    fn pass(&self, ready: Ready, room: Option<OwnedSemaphorePermit>) {
        let Ready { seq, ctx, data, size, since } = ready;
        let partition = self.partitioner.values(&ctx);
        let (client, span) = (ctx.client, ctx.span);
        let ctx = Context { client, span, ..Context::default() };
        let claim = Some(Claim::stored(Receipt { disk: Arc::clone(&self.disk), seq, size }));
        // A buffer that is closed gives it back: it is dropped here and stays on disk.
        let age = Some(self.disk.ages.begin(since));
        drop(self.buffer.push(Request { ctx, data, claim, room, age, partition }));
    }

    /// Logs what is wrong with the disk, once.
    fn say(&mut self, problem: Option<String>) {
        if let Some(problem) = problem.as_ref().filter(|it| self.said.as_ref() != Some(*it)) {
            error!(error = %problem, "a queue on disk cannot be read or written as it should");
        }
        if problem.is_some() {
            self.said = problem;
        }
    }
}

impl Turn {
    fn run(&mut self, log: &mut dyn QueueLog) {
        // First what gives space back.
        let done = std::mem::take(&mut self.done);
        self.forget(log, &done);
        let mut puts = std::mem::take(&mut self.puts);
        self.stored = puts.iter_mut().map(|it| self.store(log, it)).collect();
        self.puts = puts;
        while self.policy.drops_oldest() && self.disk.room.over() > 0 && self.drop_oldest(log) {}
        let mut bytes = 0;
        while self.read && bytes < READ_BYTES {
            match log.next() {
                Ok(Some(record)) => {
                    bytes += record.body.len();
                    self.decode(log, record);
                }
                Ok(None) => break,
                Err(error) => {
                    self.problem = Some(error.to_string());
                    self.is_unreadable = true;
                    break;
                }
            }
        }
    }

    /// Writes a request. Where there is no room for it, the policy says what is dropped.
    fn store(&mut self, log: &mut dyn QueueLog, put: &mut Put) -> Result<Option<Appended>, String> {
        let head = stored::head(&put.ctx, put.since);
        let record = NewRecord {
            kind: stored::kind(self.signal),
            items: u32::try_from(put.data.items()).unwrap_or(u32::MAX),
            head: &head,
            body: put.data.chunks(),
        };
        let error = loop {
            match log.append(&record, self.at_hand) {
                Ok(appended) => {
                    if let Some(room) = put.room.take() {
                        self.disk.room.keep(room, put.size);
                    }
                    return Ok(Some(appended));
                }
                Err(Unstored::Full(_)) if self.policy.drops_oldest() && self.drop_oldest(log) => {}
                Err(error) => break error,
            }
        };
        let is_full = matches!(error, Unstored::Full(_));
        if is_full && self.policy.drops_newest() && !put.ctx.wants_delivered() {
            self.policy.count(put.data.items());
            return Ok(None);
        }
        self.problem = Some(format!("{error}; senders are refused until it can"));
        Err(error.to_string())
    }

    /// Drops what nobody has begun to send and has been there for the longest time; false when there is nothing.
    fn drop_oldest(&mut self, log: &mut dyn QueueLog) -> bool {
        let done = if self.policy.drop_oldest(&self.buffer, true) {
            self.disk.take_done()
        } else if let Some(Ready { seq, data, size, .. }) = self.ahead.pop_front() {
            self.disk.room.give_back(size);
            self.policy.count(data.items());
            vec![seq]
        } else {
            match log.next() {
                Ok(Some(record)) => {
                    let items = items(record.items);
                    self.disk.room.give_back(self.disk.size(items, record.body.len()));
                    self.policy.count(items);
                    vec![record.seq]
                }
                Ok(None) => return false,
                Err(error) => {
                    self.problem = Some(error.to_string());
                    return false;
                }
            }
        };
        self.forget(log, &done);
        true
    }

    fn forget(&mut self, log: &mut dyn QueueLog, done: &[u64]) {
        if let Err(error) = log.done(done) {
            self.problem =
                Some(format!("{error}; what has arrived may be sent again after a restart"));
        }
    }

    fn decode(&mut self, log: &mut dyn QueueLog, record: StoredRecord) {
        let limits = Limits { depth: DEPTH_MAX, ..Limits::default() };
        if record.kind != stored::kind(self.signal) {
            log.refuse(&record, "it is of another signal");
            return;
        }
        match Data::try_from_otlp(self.signal, record.body.clone(), &limits) {
            Ok(data) => self.ready.push((record, data)),
            Err(error) => log.refuse(&record, &error.to_string()),
        }
    }
}

fn items(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
