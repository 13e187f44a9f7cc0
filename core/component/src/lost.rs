//! What we lose is counted, by reason, in one metric. Zero means zero.

use crate::Meter;
use crate::meter::{Counter, Descriptor, Level, OURS};

const LOST: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_lost_total",
    unit: "{item}",
    description: "Items that were taken and will not be delivered, by reason.",
    // Counted also where nobody reads metrics: the log says at the end what was lost.
    level: Level::None,
};

/// Why items that somebody relied on are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// A file was rotated away before it was read.
    RotatedUnread,
    /// A file was cut before it was read.
    TruncatedUnread,
    /// A deleted file was kept open as long as its limit allows.
    RetentionExceeded,
    /// The backend said that it will never take the data.
    RejectedByBackend,
    /// The time for retries was over.
    ExpiredRetry,
    /// A full queue dropped by its policy.
    QueueFullDropPolicy,
    /// A stored record could not be read back.
    CorruptRecord,
    /// Larger than a limit.
    Oversize,
    /// The kernel's buffer of events ran over.
    EbpfRingOverrun,
    /// The socket's buffer ran over.
    UdpOverrun,
    /// Not delivered within the grace of a shutdown.
    ShutdownDeadline,
}

impl LostReason {
    /// As the metric says it.
    pub const fn name(self) -> &'static str {
        match self {
            LostReason::RotatedUnread => "rotated_unread",
            LostReason::TruncatedUnread => "truncated_unread",
            LostReason::RetentionExceeded => "retention_exceeded",
            LostReason::RejectedByBackend => "rejected_by_backend",
            LostReason::ExpiredRetry => "expired_retry",
            LostReason::QueueFullDropPolicy => "queue_full_drop_policy",
            LostReason::CorruptRecord => "corrupt_record",
            LostReason::Oversize => "oversize",
            LostReason::EbpfRingOverrun => "ebpf_ring_overrun",
            LostReason::UdpOverrun => "udp_overrun",
            LostReason::ShutdownDeadline => "shutdown_deadline",
        }
    }

    /// Its counter, shared by all components.
    pub fn counter(self, meter: &Meter) -> Counter {
        meter.counter(LOST, &[("reason", self.name())])
    }
}
