//! How a reader ends: with the collector, or because another one follows it in the same collector.

use std::time::Duration;

use component::{HandedOver, Ownership};
use tokio::time::Instant;

use crate::FileKey;
use crate::chunk::CHUNK_BYTES;
use crate::engine::Engine;
use crate::sink::Sink;

/// How long answers are waited for at the end. The Collector's emitter waits as long.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the last `sync` of the store may take.
const SYNC: Duration = Duration::from_secs(2);

impl<S: Sink> Engine<S> {
    /// Waits for answers, writes the last checkpoint.
    pub(crate) async fn end(&mut self) {
        let deadline = Instant::now() + DRAIN;
        let awaited = self.ownership.as_ref().is_some_and(Ownership::is_awaited);
        if awaited {
            self.read_out(deadline).await;
        } else if !self.remembers {
            // Nobody will read these lines again.
            self.sink.flush_all();
        }
        self.send();
        while self.in_flight.0 > 0
            && let Ok(Some(done)) = tokio::time::timeout_at(deadline, self.answers.recv()).await
        {
            self.settle(&done);
        }
        self.sender.abandon();
        let keys: Vec<FileKey> = self.files.keys().copied().collect();
        for key in keys {
            self.refresh_fingerprint(key);
        }
        if self.in_flight.0 > 0 && !awaited {
            let (chunks, bytes) = self.in_flight;
            let after = if self.remembers {
                "they are read again at the next start"
            } else {
                "offsets are not stored, so the next start begins where 'start_at' says"
            };
            tracing::warn!(chunks, bytes, "stopped before all records were acknowledged: {after}");
        }
        self.checkpoint();
        if let Some(client) = self.book.client() {
            let sync = tokio::task::spawn_blocking(move || client.sync());
            if let Ok(Ok(Err(error))) = tokio::time::timeout(SYNC, sync).await {
                tracing::error!(%error, "the last offsets may not survive a power failure");
            }
        }
    }

    /// Reads files to their end that only we have: the next reader would not find them.
    async fn read_out(&mut self, deadline: Instant) {
        let gone = self.files.iter().filter(|(_, it)| it.detached && !it.ended);
        let gone: Vec<FileKey> = gone.map(|(key, _)| *key).collect();
        for key in gone {
            let place = |engine: &Self| engine.files.get(&key).map(|it| (it.position, it.ended));
            while let Some((position, false)) = place(self) {
                while !self.has_room() {
                    match tokio::time::timeout_at(deadline, self.answers.recv()).await {
                        Ok(Some(done)) => self.settle(&done),
                        _ => return,
                    }
                }
                self.turn(key);
                if self.sink.bytes() >= CHUNK_BYTES {
                    self.send();
                }
                if place(self) == Some((position, false)) {
                    break;
                }
            }
        }
    }

    /// Leaves to the next reader what is known.
    pub(crate) async fn leave_to_next(mut self) {
        let (ownership, state) = (self.ownership.take(), self.state());
        let (own, duty) = (std::mem::take(&mut self.lag.own), self.lag.duty.take());
        // The store has one client at a time.
        drop(self);
        if let Some(duty) = duty {
            // The common reader hands it on, if it still waits.
            let _ = state.map(|it| duty.leave.send(it));
            return;
        }
        let state = Self::with_own(state, own).await;
        if let (Some(ownership), Some(state)) = (ownership, state) {
            ownership.hand_over(state);
        }
    }

    /// What the next reader has to know; nothing when this one has not even looked.
    fn state(&mut self) -> Option<HandedOver> {
        let keys: Vec<FileKey> = self.files.keys().copied().collect();
        for key in keys {
            if let Some(mut file) = self.files.remove(&key) {
                file.advance_entry();
                self.book.put_back(file.entry);
            }
        }
        self.started.then(|| self.book.records())
    }
}
