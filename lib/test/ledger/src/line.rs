//! A log line that can be accounted for: `w=3 seq=17 t=1795337709623000000 len=5 crc=1a2b3c4d abcde`.

use std::fmt::Write as _;

use component::clock;

/// What identifies a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Who wrote it.
    pub writer: u32,
    /// Its number among the writer's lines, from 0.
    pub seq: u64,
    /// When it was written, nanoseconds since 1970; 0 when how long it takes is not of interest.
    pub time: u64,
}

/// Words of a log line, so that lines compress as real ones do. No blanks: they might be trimmed.
const WORDS: [&str; 32] = [
    "order",
    "payment",
    "timeout",
    "retry",
    "checkout",
    "session",
    "customer",
    "cart",
    "upstream",
    "request",
    "response",
    "cache",
    "miss",
    "hit",
    "database",
    "query",
    "slow",
    "connection",
    "closed",
    "opened",
    "inventory",
    "reserved",
    "released",
    "shipment",
    "created",
    "updated",
    "deleted",
    "token",
    "expired",
    "user",
    "login",
    "failed",
];

/// So many bytes of words, numbers among them.
pub fn padding(random: &mut fastrand::Rng, length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        let _ = match random.u8(..8) {
            0 => write!(text, "{:x}-", random.u32(..)),
            word => write!(text, "{}-", WORDS[usize::from(word) * 4 + random.usize(..4)]),
        };
    }
    text.truncate(length);
    text
}

/// A text that looks like a ledger line and does not check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn;

impl Line {
    /// A line written now.
    pub fn now(writer: u32, seq: u64) -> Self {
        Self { writer, seq, time: clock::unix_nanos() }
    }

    /// The line with `length` bytes of words that depend on its number.
    pub fn text(&self, length: usize) -> String {
        let mut random = fastrand::Rng::with_seed(self.seq ^ (u64::from(self.writer) << 40));
        let padding = padding(&mut random, length);
        let Self { writer, seq, time } = self;
        let mut text = String::with_capacity(length + 72);
        let crc = self.checksum(&padding);
        let _ = write!(text, "w={writer} seq={seq} t={time} len={length} crc={crc:08x}");
        // Receivers trim a line: a blank at its end would be lost, and rightly.
        if length > 0 {
            text.push(' ');
            text.push_str(&padding);
        }
        text
    }

    /// What `crc=` holds when `padding` follows.
    pub fn checksum(&self, padding: &str) -> u32 {
        let crc = crc32c::crc32c(&self.writer.to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &self.seq.to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &self.time.to_le_bytes());
        crc32c::crc32c_append(crc, padding.as_bytes())
    }

    /// Reads a line back; `None` when it is not one of ours.
    ///
    /// # Errors
    /// It begins as one of ours and was cut, glued or changed.
    pub fn parse(text: &str) -> Option<Result<Self, Torn>> {
        text.starts_with("w=").then(|| Self::fields(text).ok_or(Torn))
    }

    fn fields(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ' ');
        let mut field = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let writer = field("w")?.parse().ok()?;
        let seq = field("seq")?.parse().ok()?;
        let time = field("t")?.parse().ok()?;
        let length: usize = field("len")?.parse().ok()?;
        let crc = u32::from_str_radix(field("crc")?, 16).ok()?;
        let padding = parts.next().unwrap_or_default();
        let line = Self { writer, seq, time };
        (padding.len() == length && line.checksum(padding) == crc).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        let line = Line { writer: 3, seq: 17, time: 99 };
        for length in [0, 1, 20_000] {
            let text = line.text(length);
            assert_eq!(Line::parse(&text), Some(Ok(line)));
            assert_eq!(text.trim_end(), text);
        }
    }

    #[test]
    fn a_cut_glued_or_changed_line_is_torn() {
        let text = Line { writer: 3, seq: 17, time: 99 }.text(20);
        for bad in [&text[..text.len() - 1], &format!("{text}x"), &text.replace("seq=17", "seq=18")]
        {
            assert_eq!(Line::parse(bad), Some(Err(Torn)));
        }
        assert_eq!(Line::parse("hello"), None);
    }
}
