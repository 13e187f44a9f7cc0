//! A place that lines go to, behind a buffer and a thread of its own: whoever says something never waits for a pipe
//! that nobody reads, a terminal that is held, or a disk.
//!
//! What finds the buffer full, or is refused by the system, is counted. As soon as something can be written again, a
//! line in the place of the missing ones says how many they were. So once a line was dropped, all that follow are
//! dropped until the thread has taken what is in the buffer: otherwise a short one could pass a long one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::time::Instant;
use tracing::Level;

use super::encode::{Encoder, Entry, now};

/// Bytes of lines that wait for an output. As many again may be on their way out.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// Lines of this process that were not written.
static MISSING: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process were not written.
pub fn missing() -> u64 {
    MISSING.load(Relaxed)
}

/// Outputs by name. A reload goes on with those that it names again, so that the order of lines stays.
pub type Outputs = BTreeMap<String, Output>;

/// One of them; clones are the same.
#[derive(Debug, Clone)]
pub struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to do.
    work: Condvar,
    /// There is nothing left to do.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Job>,
    /// Of the texts that wait.
    bytes: usize,
    /// Lines dropped since the thread took what was waiting.
    dropped: u64,
    is_writing: bool,
    is_closed: bool,
}

#[derive(Debug)]
enum Job {
    /// What follows goes there.
    Begin(Target),
    /// A failure to write it is said on the error outputs.
    Line(String),
    /// A failure to write it is nobody's.
    Note(String),
}

/// What is open.
#[derive(Debug)]
pub struct Target {
    pub file: File,
    /// Of the line that says how many are missing.
    pub encoder: Arc<Encoder>,
    /// Where it is said that a line could not be written.
    pub errors: Vec<Output>,
}

impl Output {
    /// With a thread of its own.
    pub fn new() -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("own-logs".into());
        if thread.spawn(move || of_thread.run()).is_err() {
            // Without a thread nothing is written, and all of it is counted.
            shared.state().is_closed = true;
        }
        Self(shared)
    }

    /// What follows goes to `target`.
    pub fn begin(&self, target: Target) {
        let mut state = self.0.state();
        // Reloads while nothing can be written leave one file open, not one each.
        if let Some(Job::Begin(last)) = state.waiting.last_mut() {
            *last = target;
        } else {
            state.waiting.push(Job::Begin(target));
        }
        self.0.work.notify_one();
    }

    /// Writes a line, later.
    pub fn line(&self, line: &str) {
        if !self.0.put(line, Job::Line) {
            MISSING.fetch_add(1, Relaxed);
        }
    }

    /// Writes a text that is no log line, later.
    pub fn note(&self, text: &str) {
        // It says what is counted elsewhere, or what is said elsewhere too.
        let _ = self.0.put(text, Job::Note);
    }

    /// Nothing comes any more. What is there is written.
    pub fn close(&self) {
        self.0.state().is_closed = true;
        self.0.work.notify_one();
    }

    /// Waits until everything is written, or until `deadline`.
    pub fn flush(&self, deadline: Instant) {
        let mut state = self.0.state();
        while state.is_writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            let waited = self.0.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when there is no room.
    fn put(&self, text: &str, job: fn(String) -> Job) -> bool {
        let mut state = self.state();
        let is_full = state.bytes > 0 && state.bytes + text.len() > BUFFER_BYTES_MAX;
        if state.is_closed {
            return false;
        }
        if is_full || state.dropped > 0 {
            state.dropped += 1;
            return false;
        }
        state.bytes += text.len();
        state.waiting.push(job(text.to_owned()));
        self.work.notify_one();
        true
    }

    /// What there is to do, and how many lines were dropped behind it. `None` when the output is closed.
    fn next(&self) -> Option<(Vec<Job>, u64)> {
        let mut state = self.state();
        state.is_writing = false;
        while state.waiting.is_empty() {
            self.idle.notify_all();
            if state.is_closed {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        state.bytes = 0;
        Some((std::mem::take(&mut state.waiting), std::mem::take(&mut state.dropped)))
    }

    fn run(&self) {
        let mut thread = Thread { target: None, missing: 0, is_cut: false };
        while let Some((jobs, dropped)) = self.next() {
            jobs.into_iter().for_each(|job| thread.work(job));
            if dropped > 0 {
                thread.missing += dropped;
                thread.say_missing();
            }
        }
    }
}

/// The state of an output's thread.
struct Thread {
    target: Option<Target>,
    /// Lines since the last one that was written.
    missing: u64,
    /// The last line was written in part.
    is_cut: bool,
}

impl Thread {
    fn work(&mut self, job: Job) {
        match job {
            Job::Begin(target) => self.target = Some(target),
            Job::Note(text) => drop(self.write(&text)),
            Job::Line(line) => {
                self.say_missing();
                let Err(error) = self.write(&line) else { return };
                self.missing += 1;
                MISSING.fetch_add(1, Relaxed);
                // As zap does.
                let text = format!("{} write error: {error}\n", now());
                self.target.iter().flat_map(|it| &it.errors).for_each(|it| it.note(&text));
            }
        }
    }

    /// A line for those that are missing before what comes now.
    fn say_missing(&mut self) {
        let Some(target) = self.target.as_ref().filter(|_| self.missing > 0) else { return };
        let entry = Entry {
            time: &now(),
            level: Level::WARN,
            caller: concat!("service/telemetry/logging/output.rs:", line!()),
            message: "Log lines could not be written and are missing here.",
        };
        let mut fields = String::new();
        target.encoder.field("lines", &self.missing.into(), &mut fields);
        let line = target.encoder.line(&entry, &fields);
        if self.write(&line).is_ok() {
            self.missing = 0;
        }
    }

    /// Writes a whole text, however long it takes.
    fn write(&mut self, text: &str) -> io::Result<()> {
        let Some(target) = &mut self.target else { return Err(io::ErrorKind::NotConnected.into()) };
        let begin = if self.is_cut { "\n" } else { "" };
        for mut rest in [begin.as_bytes(), text.as_bytes()] {
            let length = rest.len();
            while !rest.is_empty() {
                match target.file.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        rest = rest.get(written..).unwrap_or_default();
                        self.is_cut = rest.len() < length && !rest.is_empty();
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Another process that has the same pipe may have made it so.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let fd = target.file.as_fd();
                        poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None)?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use serde_json::Map;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn target(file: File, errors: Vec<Output>) -> Target {
        let encoder = Encoder::new("console", false, &Map::new()).unwrap();
        Target { file, encoder: Arc::new(encoder), errors }
    }

    fn flush(output: &Output) {
        output.flush(Instant::now() + PATIENCE);
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_up_nobody_and_says_later_what_is_missing() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let output = Output::new();
        output.begin(target(File::from(writer), Vec::new()));
        let line = |n: usize| format!("{n} {}\n", "x".repeat(10_000));
        let (count, before) = (400, missing());
        (0..count).for_each(|n| output.line(&line(n)));
        // Somebody begins to read.
        let mut read = BufReader::new(File::from(reader)).lines().map(Result::unwrap);
        let said = "\twarn\tLog lines could not be written and are missing here.\t{\"lines\": ";
        let (mut kept, mut lost) = (0, 0);
        while kept + lost < count {
            let next = read.next().unwrap();
            if let Some((_, number)) = next.split_once(said) {
                lost += number.trim_end_matches('}').parse::<usize>().unwrap();
            } else {
                // What is missing is missing where it is said.
                assert_eq!(next, line(kept + lost).trim_end());
                kept += 1;
            }
        }
        assert!(lost > 0 && kept >= BUFFER_BYTES_MAX / 10_100, "{kept} kept, {lost} lost");
        // Other tests count, too.
        assert!(missing() - before >= lost as u64);
        output.line("again\n");
        assert_eq!(read.next().unwrap(), "again");
        output.close();
        drop(output);
        assert_eq!(read.next(), None);
    }

    #[test]
    fn what_the_system_refuses_is_counted_and_said_on_the_error_outputs() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (errors, output) = (Output::new(), Output::new());
        errors.begin(target(file.reopen().unwrap(), Vec::new()));
        let full = File::options().write(true).open("/dev/full").unwrap();
        let before = missing();
        output.begin(target(full, vec![errors.clone()]));
        output.line("lost\n");
        flush(&output);
        assert!(missing() > before);
        flush(&errors);
        let said = std::fs::read_to_string(file.path()).unwrap();
        assert!(said.contains("Z write error: No space left on device"), "{said}");
        // A disk with room.
        output.begin(target(file.reopen().unwrap(), Vec::new()));
        output.line("written\n");
        flush(&output);
        let said = std::fs::read_to_string(file.path()).unwrap();
        assert!(said.contains("missing here.\t{\"lines\": 1}\nwritten\n"), "{said}");
    }

    #[test]
    fn an_output_that_is_its_own_error_output_does_not_go_round_in_circles() {
        let output = Output::new();
        let full = File::options().write(true).open("/dev/full").unwrap();
        output.begin(target(full, vec![output.clone()]));
        output.line("lost\n");
        flush(&output);
        output.close();
        flush(&output);
        assert!(output.0.state().waiting.is_empty());
    }

    #[test]
    fn a_wait_for_what_cannot_be_written_ends() {
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let output = Output::new();
        output.begin(target(File::from(writer), Vec::new()));
        output.line(&"x".repeat(BUFFER_BYTES_MAX));
        output.flush(Instant::now() + Duration::from_millis(20));
        assert!(output.0.state().is_writing || !output.0.state().waiting.is_empty());
    }
}
