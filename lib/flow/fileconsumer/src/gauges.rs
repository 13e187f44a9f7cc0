//! How many files a reader has, in its state of the moment.

use component::Meter;
use component::meter::{Counter, Descriptor, Level, OURS, Part};

const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer";
const OPEN: Descriptor = Descriptor {
    scope: SCOPE,
    level: Level::Basic,
    name: "otelcol_fileconsumer_open_files",
    unit: "1",
    description: "Number of open files [Development]",
};
const READING: Descriptor = Descriptor {
    scope: SCOPE,
    level: Level::Basic,
    name: "otelcol_fileconsumer_reading_files",
    unit: "1",
    description: "Number of open files that are being read [Development]",
};
const UNREADABLE: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_fileconsumer_unreadable_files",
    unit: "{file}",
    description: "Number of files and directories that match and cannot be read.",
};
const WAITING: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_fileconsumer_waiting_files",
    unit: "{file}",
    description: "Number of files that have something to read and wait until others are closed.",
};
const GAVE_UP_WAITING: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_fileconsumer_waits_ended_total",
    unit: "{wait}",
    description: "Times that a file was read before an older archive of it, because the archive was not read.",
};

const CHECKPOINTS_FAILED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_fileconsumer_checkpoint_failures_total",
    unit: "{checkpoint}",
    description: "Times that offsets could not be stored; they are kept in memory and tried again.",
};

/// The gauges of one reader.
pub(crate) struct Gauges {
    open: Part,
    reading: Part,
    waiting: Part,
    unreadable: Part,
    gave_up_waiting: Counter,
    checkpoints_failed: Counter,
}

impl Gauges {
    /// Of all readers together, as upstream has it; what is ours says whose it is.
    pub(crate) fn new(meter: &Meter, receiver: &str) -> Self {
        Self {
            open: meter.part(OPEN, &[]),
            reading: meter.part(READING, &[]),
            waiting: meter.part(WAITING, &[("receiver", receiver)]),
            unreadable: meter.part(UNREADABLE, &[("receiver", receiver)]),
            gave_up_waiting: meter.counter(GAVE_UP_WAITING, &[("receiver", receiver)]),
            checkpoints_failed: meter.counter(CHECKPOINTS_FAILED, &[("receiver", receiver)]),
        }
    }

    /// A file went on without the one it waited for.
    pub(crate) fn gave_up_waiting(&self) {
        self.gave_up_waiting.add(1);
    }

    /// Offsets could not be stored.
    pub(crate) fn checkpoint_failed(&self) {
        self.checkpoints_failed.add(1);
    }

    /// One that never had an unreadable file, or one that waits, does not show the series.
    pub(crate) fn show(&self, open: usize, reading: usize, waiting: usize, unreadable: usize) {
        self.open.set(gauge(open));
        self.reading.set(gauge(reading));
        if waiting > 0 || self.waiting.value() != 0 {
            self.waiting.set(gauge(waiting));
        }
        if unreadable > 0 || self.unreadable.value() != 0 {
            self.unreadable.set(gauge(unreadable));
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
