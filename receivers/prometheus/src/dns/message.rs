//! Messages of the domain name system, as far as one question and its answer need them. RFC 1035, section 4.

use std::net::IpAddr;

use super::Type;

/// Bytes before the question.
const HEAD_BYTES: usize = 12;
/// Longest name, and longest part of one, in bytes. RFC 1035, section 2.3.4.
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;
/// The class of the internet.
const IN: u16 = 1;
const NS: u16 = Type::Ns as u16;
const MX: u16 = Type::Mx as u16;
const SRV: u16 = Type::Srv as u16;
/// The type of a record that says how long answers may be. RFC 6891.
const OPT: u16 = 41;
/// Bits of the second two bytes.
const IS_ANSWER: u16 = 0x8000;
const IS_CUT_OFF: u16 = 0x0200;
const RECURSION: u16 = 0x0100;
const CODE: u16 = 0x000f;
/// Codes of an answer.
const NO_ERROR: u16 = 0;
const NO_SUCH_NAME: u16 = 3;

/// What a name stands for. Names end in a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Address(IpAddr),
    NameServer(String),
    Mail(String),
    Service { target: String, port: u16 },
}

/// What a server says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Records(Vec<Record>),
    NoSuchName,
    /// It cannot say: its code.
    Failed(u16),
}

/// An answer, or the word that it is too long for this way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Whole(Answer),
    CutOff,
}

/// A question. `longest` is told to the server, as the longest answer that it may give.
pub(super) fn question(
    id: u16,
    name: &str,
    kind: u16,
    longest: Option<u16>,
) -> Result<Vec<u8>, String> {
    let extra = u16::from(longest.is_some());
    let mut out = Vec::new();
    for number in [id, RECURSION, 1, 0, 0, extra] {
        out.extend(number.to_be_bytes());
    }
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok();
        let length = length.filter(|it| (1..=LABEL_BYTES_MAX).contains(&usize::from(*it)));
        out.push(length.ok_or_else(|| format!("{name:?} is no name of a host"))?);
        out.extend(label.as_bytes());
    }
    out.push(0);
    if out.len() - HEAD_BYTES > NAME_BYTES_MAX {
        return Err(format!("{name:?} is too long for a name of a host"));
    }
    out.extend(kind.to_be_bytes());
    out.extend(IN.to_be_bytes());
    if let Some(longest) = longest {
        out.push(0);
        out.extend(OPT.to_be_bytes());
        out.extend(longest.to_be_bytes());
        out.extend([0; 6]);
    }
    Ok(out)
}

impl Reply {
    /// Reads what came after `asked`; `None` if it is the answer to something else.
    ///
    /// # Errors
    /// It is no message.
    pub(super) fn read(bytes: &[u8], asked: &[u8]) -> Result<Option<Self>, String> {
        let mut asked = Reader { all: asked, at: 0 };
        let mut reader = Reader { all: bytes, at: 0 };
        let (Some(wanted), Some(head)) = (asked.head(), reader.head()) else {
            return Ok(None);
        };
        if head.id != wanted.id || head.flags & IS_ANSWER == 0 || head.questions != 1 {
            return Ok(None);
        }
        let own = (asked.question(), reader.question());
        let (Some((name, kind)), Some((same, same_kind))) = own else { return Ok(None) };
        if !same.eq_ignore_ascii_case(&name) || kind != same_kind {
            return Ok(None);
        }
        if head.flags & IS_CUT_OFF != 0 {
            return Ok(Some(Self::CutOff));
        }
        match head.flags & CODE {
            NO_ERROR => {}
            NO_SUCH_NAME => return Ok(Some(Self::Whole(Answer::NoSuchName))),
            code => return Ok(Some(Self::Whole(Answer::Failed(code)))),
        }
        let records = reader.records(head.answers, kind);
        let records = records.ok_or_else(|| "the answer is malformed".to_owned())?;
        Ok(Some(Self::Whole(Answer::Records(records))))
    }
}

struct Head {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
}

/// Reads from the beginning; what goes beyond the end is nothing.
#[derive(Clone)]
struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.all.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn head(&mut self) -> Option<Head> {
        let (id, flags, questions, answers) = (self.u16()?, self.u16()?, self.u16()?, self.u16()?);
        self.take(4)?;
        Some(Head { id, flags, questions, answers })
    }

    /// Name and type.
    fn question(&mut self) -> Option<(String, u16)> {
        let (name, kind, _class) = (self.name()?, self.u16()?, self.u16()?);
        Some((name, kind))
    }

    /// A name, which may go on somewhere before. Each jump leads further back than the one before, so it ends.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut reader = self.clone();
        let mut after = None;
        let mut back_to = self.at;
        loop {
            match usize::from(reader.u8()?) {
                0 => break,
                length @ 1..=LABEL_BYTES_MAX => {
                    label(reader.take(length)?, &mut name);
                    // Each byte is at most four characters of it.
                    if name.len() > 4 * NAME_BYTES_MAX {
                        return None;
                    }
                }
                length if length & 0xc0 == 0xc0 => {
                    let low = usize::from(reader.u8()?);
                    after.get_or_insert(reader.at);
                    let target = (length & 0x3f) << 8 | low;
                    if target >= back_to {
                        return None;
                    }
                    (back_to, reader.at) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(reader.at);
        if name.is_empty() {
            name.push('.');
        }
        Some(name)
    }

    /// The answers of a type; others, as the names that one name is an alias of, are passed over.
    fn records(&mut self, count: u16, wanted: u16) -> Option<Vec<Record>> {
        let mut records = Vec::new();
        for _ in 0..count {
            self.name()?;
            let (kind, _class, _ttl) = (self.u16()?, self.u16()?, self.take(4)?);
            let length = usize::from(self.u16()?);
            let end = self.at.checked_add(length).filter(|it| *it <= self.all.len())?;
            if kind == wanted {
                records.push(self.record(kind)?);
            }
            self.at = end;
        }
        Some(records)
    }

    fn record(&mut self, kind: u16) -> Option<Record> {
        Some(match kind {
            NS => Record::NameServer(self.name()?),
            MX => {
                let _preference = self.u16()?;
                Record::Mail(self.name()?)
            }
            SRV => {
                let (_priority, _weight, port) = (self.u16()?, self.u16()?, self.u16()?);
                Record::Service { target: self.name()?, port }
            }
            _ => return None,
        })
    }
}

/// A part of a name as text, with the dot behind it. What would mean something else is escaped. RFC 1035, section 5.1.
fn label(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b' ' | b'\'' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b'!'..=b'~' => out.push(char::from(*byte)),
            _ => {
                out.push('\\');
                for digit in [byte / 100, byte / 10 % 10, byte % 10] {
                    out.push(char::from(b'0' + digit));
                }
            }
        }
    }
    out.push('.');
}
