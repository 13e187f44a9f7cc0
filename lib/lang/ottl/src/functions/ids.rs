//! Names of traces, spans, profiles, flows and of anything at all.

use std::net::IpAddr;

use sha1::{Digest, Sha1};
use uuid::Uuid;

use super::{Env, Function, Kind, Slot, State, function, int, may_take, takes, text};
use crate::path::id;
use crate::value::{PROFILE_ID, SPAN_ID, TRACE_ID, Value, base64};

pub(super) const ALL: &[Function] = &[
    function("TraceID", &[takes("target", Kind::BytesLike)], |_, it| {
        an_id("TraceID", TRACE_ID, 16, it)
    })
    .prepared(|it| a_constant_id("TraceID", TRACE_ID, 16, it))
    .says(
        "The trace id of 16 bytes or of their 32 digits.",
        "TraceID(0x0102030405060708090a0b0c0d0e0f10) == \
         TraceID(\"0102030405060708090a0b0c0d0e0f10\")",
    ),
    function("SpanID", &[takes("target", Kind::BytesLike)], |_, it| {
        an_id("SpanID", SPAN_ID, 8, it)
    })
    .prepared(|it| a_constant_id("SpanID", SPAN_ID, 8, it))
    .says(
        "The span id of 8 bytes or of their 16 digits.",
        "SpanID(0x0102030405060708) == SpanID(\"0102030405060708\")",
    ),
    function("ProfileID", &[takes("target", Kind::BytesLike)], |_, it| {
        an_id("ProfileID", PROFILE_ID, 16, it)
    })
    .prepared(|it| a_constant_id("ProfileID", PROFILE_ID, 16, it))
    .says(
        "The profile id of 16 bytes or of their 32 digits.",
        "ProfileID(0x0102030405060708090a0b0c0d0e0f10) == \
         ProfileID(\"0102030405060708090a0b0c0d0e0f10\")",
    ),
    function("UUID", &[], |_, _| Ok(Uuid::new_v4().to_string().into()))
        .impure()
        .says("A new random UUID (version 4).", "Len(UUID()) == 36"),
    function("UUIDv7", &[], |_, _| Ok(Uuid::now_v7().to_string().into()))
        .impure()
        .says("A new UUID that begins with the time (version 7).", "Len(UUIDv7()) == 36"),
    function(
        "CommunityID",
        &[
            takes("source_ip", Kind::Text),
            takes("source_port", Kind::Int),
            takes("destination_ip", Kind::Text),
            takes("destination_port", Kind::Int),
            may_take("protocol", Kind::Text),
            may_take("seed", Kind::Int),
        ],
        community_id,
    )
    .says(
        "The Community ID (version 1) of a network flow; the protocol is one of `ICMP`, `TCP` (the \
         default), `UDP`, `RSVP`, `ICMP6`, `SCTP`.",
        "CommunityID(\"10.0.0.1\", 80, \"10.0.0.2\", 443) == \"1:ePr3GrNVEw8lx384eUVD+XWGZh0=\"",
    ),
];

/// A constant that is no id is refused at once.
fn a_constant_id(
    function: &str,
    kind: &'static str,
    length: usize,
    slots: &[Slot],
) -> Result<State, String> {
    if let [Slot::One(getter)] = slots
        && let Some(constant) = getter.constant()
    {
        an_id(function, kind, length, &[Kind::BytesLike.coerce(constant.clone())?])?;
    }
    Ok(State::None)
}

/// An id of its bytes or of their hexadecimal digits.
fn an_id<'a>(
    function: &str,
    kind: &'static str,
    length: usize,
    values: &[Value<'_>],
) -> Result<Value<'a>, String> {
    let bytes = match values {
        [Value::Bytes(it)] => it.as_ref(),
        _ => &[],
    };
    if bytes.len() == length {
        return Ok(id(kind, bytes));
    }
    if bytes.len() == length * 2 {
        let wrong = bytes.iter().copied().map(char::from).find(|it| !it.is_ascii_hexdigit());
        if let Some(it) = wrong {
            let code = u32::from(it);
            return Err(format!(
                "{function}: could not decode ID: invalid hex: encoding/hex: invalid byte: \
                 U+{code:04X} {it:?}"
            ));
        }
        let digits = std::str::from_utf8(bytes).ok().and_then(crate::parse::hex);
        return Ok(id(kind, &digits.unwrap_or_default()));
    }
    Err(format!(
        "{function}: could not decode ID: invalid length: expected {length} or {} bytes, got {}",
        length * 2,
        bytes.len()
    ))
}

/// One end of a flow: the bytes of its address and its port.
fn end(name: &str, address: &str, port: i64) -> Result<(Vec<u8>, u16), String> {
    let port = u16::try_from(port)
        .map_err(|_| format!("{name} port must be between 0 and 65535, got {port}"))?;
    let parsed: IpAddr = address.parse().map_err(|_| format!("invalid {name} IP: {address}"))?;
    let bytes = match parsed.to_canonical() {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets().to_vec(),
    };
    Ok((bytes, port))
}

/// https://github.com/corelight/community-id-spec
fn community_id<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let source = end("source", text(values, 0), int(values, 1))?;
    let destination = end("destination", text(values, 2), int(values, 3))?;
    let protocol = match values.get(4) {
        Some(Value::Text(it)) => match it.as_ref() {
            "ICMP" => 1,
            "TCP" => 6,
            "UDP" => 17,
            "RSVP" => 46,
            "ICMP6" => 58,
            "SCTP" => 132,
            other => return Err(format!("unsupported protocol: {other}")),
        },
        _ => 6,
    };
    let seed = int(values, 5);
    let seed =
        u16::try_from(seed).map_err(|_| format!("seed must be between 0 and 65535, got {seed}"))?;
    // Both directions of a flow have the same id; the shorter address goes first.
    let order = |it: &(Vec<u8>, u16)| (it.0.len(), it.0.clone(), it.1);
    let swap = order(&source) > order(&destination);
    let (first, second) = if swap { (destination, source) } else { (source, destination) };
    let mut hash = Sha1::new();
    hash.update(seed.to_be_bytes());
    hash.update(&first.0);
    hash.update(&second.0);
    hash.update([protocol, 0]);
    hash.update(first.1.to_be_bytes());
    hash.update(second.1.to_be_bytes());
    Ok(format!("1:{}", base64(&hash.finalize())).into())
}
