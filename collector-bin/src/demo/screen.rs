//! What the demo shows: one line that lives on a terminal, plain lines on a pipe.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::Duration;

use ledger::{Tally, Usage};
use tokio::time::Instant;

use super::backend::Backend;
use super::node::Node;

const LIVE_INTERVAL: Duration = Duration::from_millis(200);
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);
/// The first line comes early, so that nobody wonders.
const FIRST_AFTER: Duration = Duration::from_millis(500);

/// Everything that is shown, at one moment.
pub struct Figures {
    elapsed: Duration,
    written: u64,
    rotations: u32,
    tally: Tally,
    /// Written and not arrived.
    pub missing: u64,
    usage: Usage,
}

impl Figures {
    pub fn now(started: Instant, backend: &Backend, node: &Node, usage: Usage) -> Self {
        Self {
            elapsed: started.elapsed(),
            written: node.lines(),
            rotations: node.rotations(),
            tally: backend.tally(),
            missing: backend.missing(node),
            usage,
        }
    }

    fn line(&self, waiting: &str) -> String {
        let Tally { delivered, doubled, latency, .. } = &self.tally;
        let cpu = self.usage.cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(0.001) * 100.0;
        format!(
            "{:5.1}s  written {:>7}  delivered {:>7}  {waiting} {:>6}  doubled {doubled:>4}  \
             P50 {:>6}  P95 {:>6}  cpu {cpu:>4.1}%  rss {:>5.1} MiB",
            self.elapsed.as_secs_f64(),
            self.written,
            delivered,
            self.missing,
            millis(latency.quantile(0.5)),
            millis(latency.quantile(0.95)),
            mib(self.usage.resident_bytes),
        )
    }
}

/// Where it is shown.
pub struct Screen {
    live: bool,
    next: Instant,
    shown: bool,
}

impl Screen {
    /// Says at once what will happen.
    pub fn new(duration: Option<Duration>) -> Self {
        let length = match duration {
            Some(it) => format!("{} s", it.as_secs()),
            None => "until Ctrl-C".to_owned(),
        };
        let mut screen =
            Self { live: stdout().is_terminal(), next: Instant::now() + FIRST_AFTER, shown: false };
        screen.say(&format!(
            "sluice demo ({length}): pod logs on disk -> file_log -> resource -> batch -> OTLP/gRPC -> a backend"
        ));
        screen
    }

    /// A line that stays.
    pub fn say(&mut self, text: &str) {
        if self.live && self.shown {
            put("\r\x1b[2K");
        }
        put(&format!("{text}\n"));
        self.shown = false;
    }

    /// The figures, when it is time.
    pub fn show(&mut self, figures: impl FnOnce() -> Figures) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + if self.live { LIVE_INTERVAL } else { PLAIN_INTERVAL };
        let line = figures().line("under way");
        if self.live {
            put(&format!("\r\x1b[2K{line}"));
            self.shown = true;
        } else {
            put(&format!("{line}\n"));
        }
    }

    /// The last word.
    pub fn finish(&mut self, figures: &Figures, backend: &Backend, node: &Node) {
        self.say(&figures.line("missing"));
        let Tally { torn, foreign, refused, reordered, latency, sample, torn_sample, .. } =
            backend.tally();
        let mut text = String::new();
        if let Some(sample) = sample {
            let _ = writeln!(text, "\none record as the backend received it:\n{}", indent(&sample));
        }
        if let Some(sample) = torn_sample {
            let _ = writeln!(text, "\na torn record:\n{}", indent(&sample));
        }
        let _ = writeln!(
            text,
            "\n{} lines of {} pods through {} rotations; {refused} requests refused while the backend was dead",
            figures.written,
            node.written().count(),
            figures.rotations,
        );
        let _ = writeln!(
            text,
            "missing {}  doubled {}  torn {torn}  foreign {foreign}  reordered {reordered}  \
             latency P50 {} P95 {} max {} (the dead time counts)",
            figures.missing,
            figures.tally.doubled,
            millis(latency.quantile(0.5)),
            millis(latency.quantile(0.95)),
            millis(latency.max()),
        );
        let _ = writeln!(
            text,
            "the collector used {:.2} s of CPU ({:.1} us per line) and at most {:.1} MiB",
            figures.usage.cpu.as_secs_f64(),
            figures.usage.cpu.as_secs_f64() * 1e6 / figures.written.max(1) as f64,
            mib(figures.usage.resident_peak_bytes),
        );
        put(&text);
    }
}

fn put(text: &str) {
    let mut out = stdout().lock();
    // A reader that went away wants no more.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn indent(text: &str) -> String {
    text.lines().map(|line| ["  ", line].concat()).collect::<Vec<_>>().join("\n")
}

fn millis(time: Duration) -> String {
    match time.as_millis() {
        0 => "<1ms".into(),
        it @ 1..10_000 => format!("{it}ms"),
        it => format!("{:.1}s", it as f64 / 1000.0),
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
