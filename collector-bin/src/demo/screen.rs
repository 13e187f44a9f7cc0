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

/// Columns of the narrowest usual terminal, less one.
const WIDTH: usize = 79;
/// Names of the columns.
pub const HEADER: &str =
    "   time   written delivered  waiting  doubled     P50     P95    CPU     memory";

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

    /// What was measured so far, under the columns of [`HEADER`].
    fn row(&self) -> String {
        let Tally { delivered, doubled, latency, .. } = &self.tally;
        let cpu = self.usage.cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(0.001) * 100.0;
        format!(
            "{:>6.1}s {:>9} {delivered:>9} {:>8} {doubled:>8} {:>7} {:>7} {cpu:>5.1}% {:>6.1} MiB",
            self.elapsed.as_secs_f64(),
            self.written,
            self.missing,
            millis(latency.quantile(0.5)),
            millis(latency.quantile(0.95)),
            mib(self.usage.resident_bytes),
        )
    }

    /// The result, line by line: a word, a number, and what the number means.
    fn result(&self, pods: usize) -> String {
        let Tally { doubled, torn, foreign, refused, reordered, latency, .. } = &self.tally;
        let (p50, p95) = (millis(latency.quantile(0.5)), millis(latency.quantile(0.95)));
        let micros = self.usage.cpu.as_secs_f64() * 1e6 / self.written.max(1) as f64;
        let rotations = self.rotations;
        let rows = [
            ("written", self.written, format!("lines of {pods} pods; {rotations} log rotations")),
            ("missing", self.missing, "lines that did not arrive".to_owned()),
            ("doubled", *doubled, "lines that arrived more than once".to_owned()),
            ("torn", *torn, "lines that arrived in pieces, or damaged".to_owned()),
            ("foreign", *foreign, "records that no pod wrote".to_owned()),
            (
                "reordered",
                *reordered,
                "lines that arrived after a later line of their pod".to_owned(),
            ),
            (
                "refused",
                *refused,
                "requests, answered with 503 while the backend was down".to_owned(),
            ),
        ];
        let mut text = String::from("\nResult\n");
        for (name, number, meaning) in rows {
            let _ = writeln!(text, "  {name:<10}{number:>8}  {meaning}");
        }
        if *reordered > 0 {
            text.push_str(
                "  Order changes when a refused request is sent again after a later one.\n",
            );
        }
        let _ = writeln!(
            text,
            "  latency   P50 {p50}, P95 {p95}, max {}, from the pod to the backend;\n            \
             the time when the backend was down is part of it",
            millis(latency.max())
        );
        let _ = writeln!(
            text,
            "  cost      {:.2} s of CPU ({micros:.1} us per line), at most {:.1} MiB of memory",
            self.usage.cpu.as_secs_f64(),
            mib(self.usage.resident_peak_bytes),
        );
        text
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
            "sluice demo ({length}): log files of made-up pods -> sluice -> an OTLP backend"
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
        let line = figures().row();
        if self.live {
            put(&format!("\r\x1b[2K{line}"));
            self.shown = true;
        } else {
            put(&format!("{line}\n"));
        }
    }

    /// The last word.
    pub fn finish(&mut self, figures: &Figures, backend: &Backend, node: &Node) {
        self.say(&figures.row());
        let Tally { sample, torn_sample, .. } = backend.tally();
        let mut text = String::new();
        if let Some(sample) = sample {
            let _ =
                writeln!(text, "\nOne record, as the backend received it:\n{}", indent(&sample));
        }
        if let Some(sample) = torn_sample {
            let _ = writeln!(text, "\nA torn record:\n{}", indent(&sample));
        }
        text.push_str(&figures.result(node.written().count()));
        put(&text);
    }
}

fn put(text: &str) {
    let mut out = stdout().lock();
    // A reader that went away wants no more.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Indents the lines of a record, and cuts those that are wider than a terminal.
fn indent(text: &str) -> String {
    let cut = |line: &str| {
        let short: String = line.chars().take(WIDTH - 5).collect();
        if short.len() < line.len() { format!("  {short}...") } else { format!("  {short}") }
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_a_terminal_of_eighty_columns() {
        let tally =
            Tally { delivered: 9_999_999, doubled: 99_999, reordered: 1, ..Tally::default() };
        let figures = Figures {
            elapsed: Duration::from_secs(9999),
            written: 9_999_999,
            rotations: 9999,
            tally,
            missing: 9_999_999,
            usage: Usage { cpu: Duration::from_secs(9999), ..Usage::default() },
        };
        let wide = format!("body\n  {}", "x".repeat(200));
        for text in [HEADER.to_owned(), figures.row(), figures.result(6), indent(&wide)] {
            for line in text.lines() {
                assert!(line.len() <= WIDTH, "{} columns: {line}", line.len());
            }
        }
        assert!(figures.row().starts_with("9999.0s   9999999"), "{}", figures.row());
        assert_eq!(figures.row().len(), HEADER.len(), "columns and their names do not agree");
    }
}
