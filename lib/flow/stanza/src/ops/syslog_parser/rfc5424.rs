//! The structured form: `1 2024-10-11T22:14:15.003Z host app pid id [data k="v"] message`, read strictly.

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;

use super::{Failure, Message};
use crate::value::{Pairs, Value, put};
use golang::time::rfc3339_reading;

/// Longest header fields. RFC 5424 section 6.
const HOSTNAME_BYTES_MAX: usize = 255;
const APPNAME_BYTES_MAX: usize = 48;
const PROC_ID_BYTES_MAX: usize = 128;
const MSG_ID_BYTES_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 32;
/// Most digits of a fraction of a second. RFC 5424 section 6.2.3.
const FRACTION_DIGITS_MAX: usize = 6;

/// Reads what follows the priority.
pub(super) fn read<'a>(
    text: &'a str,
    arena: &'a Bump,
    message: &mut Message<'a>,
) -> Result<(), Failure> {
    let (version, rest) = text.split_once(' ').unwrap_or((text, ""));
    let known = (1..=3).contains(&version.len()) && !version.starts_with('0');
    let version = version.parse().ok().filter(|_| known);
    message.version =
        Some(version.ok_or(Failure::Fixed("expecting a version value in the range 1-999"))?);
    let (stamp, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if stamp != "-" {
        let fraction = stamp.split_once('.').map_or("", |(_, it)| it);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let time = rfc3339_reading(stamp).filter(|_| digits <= FRACTION_DIGITS_MAX);
        let wrong = "expecting a RFC3339MICRO timestamp or a nil value";
        message.is_at(time.ok_or(Failure::Fixed(wrong))?);
    }
    let (hostname, rest) = header(rest, HOSTNAME_BYTES_MAX, "expecting an hostname")?;
    let (appname, rest) = header(rest, APPNAME_BYTES_MAX, "expecting an app-name")?;
    let (proc_id, rest) = header(rest, PROC_ID_BYTES_MAX, "expecting a procid")?;
    let (msg_id, rest) = header(rest, MSG_ID_BYTES_MAX, "expecting a msgid")?;
    (message.hostname, message.appname) = (hostname, appname);
    (message.proc_id, message.msg_id) = (proc_id, msg_id);
    let rest = if let Some(rest) = rest.strip_prefix('-') {
        rest
    } else {
        let mut data = Pairs::new_in(arena);
        let rest = structured_data(rest, arena, &mut data)?;
        message.structured_data = Some(Value::Map(data.into_bump_slice()));
        rest
    };
    match rest.strip_prefix(' ') {
        Some(text) => message.text = Some(text).filter(|it| !it.is_empty()),
        None if rest.is_empty() => {}
        None => return Err(Failure::Fixed("parsing error")),
    }
    Ok(())
}

/// A field of the header and what follows the blank after it; `-` is none.
fn header<'a>(
    text: &'a str,
    max: usize,
    wrong: &'static str,
) -> Result<(Option<&'a str>, &'a str), Failure> {
    let (field, rest) = text.split_once(' ').ok_or(Failure::Fixed(wrong))?;
    if field.is_empty() || field.len() > max || !field.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(Failure::Fixed(wrong));
    }
    Ok((Some(field).filter(|it| *it != "-"), rest))
}

/// `[id name="value" ...]`, once or more.
fn structured_data<'a>(
    text: &'a str,
    arena: &'a Bump,
    data: &mut Pairs<'a>,
) -> Result<&'a str, Failure> {
    const WRONG: Failure =
        Failure::Fixed("expecting a structured data section containing one or more elements");
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let (id, mut more) = name(inside).ok_or(WRONG)?;
        if data.iter().any(|(known, _)| *known == id) {
            return Err(Failure::Text(format!("duplicate structured data element id {id:?}")));
        }
        let mut params = Pairs::new_in(arena);
        while let Some(param) = more.strip_prefix(' ') {
            let (key, after) = name(param).ok_or(WRONG)?;
            let after = after.strip_prefix("=\"").ok_or(WRONG)?;
            let (value, after) = quoted(after, arena).ok_or(WRONG)?;
            put(&mut params, key, Value::Str(value));
            more = after;
        }
        rest = more.strip_prefix(']').ok_or(WRONG)?;
        data.push((id, Value::Map(params.into_bump_slice())));
    }
    if data.is_empty() { Err(WRONG) } else { Ok(rest) }
}

fn name(text: &str) -> Option<(&str, &str)> {
    let plain = |it: &u8| it.is_ascii_graphic() && !matches!(it, b'=' | b']' | b'"');
    let end = text.bytes().take_while(plain).count();
    (1..=NAME_BYTES_MAX).contains(&end).then(|| text.split_at(end))
}

/// Up to the closing quote, which goes; a backslash protects quotes, brackets and itself.
fn quoted<'a>(text: &'a str, arena: &'a Bump) -> Option<(&'a str, &'a str)> {
    let end = text.find(['"', '\\', ']'])?;
    if text[end..].starts_with('"') {
        return Some((&text[..end], &text[end + 1..]));
    }
    let mut value = ArenaString::new_in(arena);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.into_bump_str(), &text[at + 1..])),
            ']' => return None,
            '\\' => match chars.next()?.1 {
                c @ ('"' | '\\' | ']') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}
