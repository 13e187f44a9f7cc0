//! The old BSD form: `Oct 11 22:14:15 host tag[pid]: message`.

use std::sync::LazyLock;

use super::{Failure, Message, Stamp};
use golang::time::Layout;
use golang::time::{Zone, rfc3339_reading};

/// Longest hostname and tag. RFC 3164 section 4.1.3 says 32 for the tag.
const HOST_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 32;

static STAMP: LazyLock<Layout> = LazyLock::new(|| Layout::new("Jan _2 15:04:05"));
/// Bytes of such a time stamp; a day of one digit has two blanks before it.
const STAMP_BYTES: usize = 15;

/// Reads what follows the priority.
pub(super) fn read<'a>(
    text: &'a str,
    place: &Zone,
    now: u64,
    message: &mut Message<'a>,
) -> Result<(), Failure> {
    let wrong = Failure::Fixed("expecting a Stamp timestamp");
    // As many blanks as a sender likes, and no host where the first word cannot be one: upstream's grammar.
    let text = text.trim_start_matches(' ');
    let rest = if let Some(stamp) = text.get(..STAMP_BYTES).and_then(|it| STAMP.parse(it).ok()) {
        message.timestamp = Some(place.read(stamp, now)?);
        message.stamp = Some(Stamp::Undated(stamp));
        &text[STAMP_BYTES..]
    } else {
        let (stamp, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        message.is_at(rfc3339_reading(stamp).ok_or(wrong)?);
        rest
    };
    let rest = rest.strip_prefix(' ').ok_or(Failure::Fixed("expecting a blank"))?;
    let rest = rest.trim_start_matches(' ');
    let host = rest.split_once(' ').filter(|(host, _)| !host.contains(':'));
    if host.is_some_and(|(host, _)| {
        host.len() > HOST_BYTES_MAX || !host.bytes().all(|it| it.is_ascii_graphic())
    }) {
        return Err(Failure::Fixed(
            "expecting an hostname (from 1 to max 255 US-ASCII characters)",
        ));
    }
    message.hostname = host.map(|it| it.0);
    let rest = host.map_or(rest, |it| it.1.trim_start_matches(' '));
    let rest = tag(rest, message);
    message.text = Some(rest).filter(|it| !it.is_empty());
    Ok(())
}

/// `tag: `, `tag[pid]: ` or nothing of the kind; the rest.
fn tag<'a>(text: &'a str, message: &mut Message<'a>) -> &'a str {
    let end =
        text.bytes().take_while(|it| it.is_ascii_graphic() && !matches!(it, b':' | b'[')).count();
    if end == 0 || end > TAG_BYTES_MAX {
        return text;
    }
    let (tag, after) = text.split_at(end);
    let rest = if let Some(inside) = after.strip_prefix('[') {
        let Some((content, after)) = inside.split_once(']') else { return text };
        message.proc_id = Some(content).filter(|it| !it.is_empty());
        after.strip_prefix(':').unwrap_or(after)
    } else if let Some(after) = after.strip_prefix(':') {
        // Without a blank and more behind it the tag is one, but stays in the text, as upstream.
        if after.len() < 2 || !after.starts_with(' ') {
            message.appname = Some(tag);
            return text;
        }
        after
    } else {
        return text;
    };
    message.appname = Some(tag);
    rest.strip_prefix(' ').unwrap_or(rest)
}
