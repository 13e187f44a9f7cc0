//! The span above, as a request names it: `service: telemetry: traces: propagators:`.

use super::SpanContext;

/// How a request names the span above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagator {
    /// `traceparent`. W3C Trace Context, level 1.
    TraceContext,
    /// `b3`, or `x-b3-traceid` and its kin. openzipkin/b3-propagation.
    B3,
}

impl Propagator {
    /// The propagator of this name in YAML.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "tracecontext" => Some(Self::TraceContext),
            "b3" => Some(Self::B3),
            _ => None,
        }
    }

    /// What the headers say; `None` when they say nothing, or nothing that can be read.
    pub(super) fn extract<'h>(
        self,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Option<SpanContext> {
        match self {
            Self::TraceContext => trace_parent(header("traceparent")?),
            Self::B3 => {
                if let Some(single) = header("b3") {
                    return b3(single);
                }
                let (trace, span) = (header("x-b3-traceid")?, header("x-b3-spanid")?);
                let sampled = header("x-b3-sampled").or(header("x-b3-flags"));
                context(trace, span, is_sampled(sampled))
            }
        }
    }
}

/// `00-<trace id>-<span id>-<flags>`; a later version may add more.
fn trace_parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let known = version == "00" && parts.next().is_some();
    if version.len() != 2 || version == "ff" || known || trace.len() != 32 || flags.len() != 2 {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    context(trace, span, flags & 1 == 1)
}

/// `<trace id>-<span id>[-<sampled>[-<parent>]]`.
fn b3(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (trace, span) = (parts.next()?, parts.next()?);
    context(trace, span, is_sampled(parts.next()))
}

/// Without a word about it, the decision is ours: a span above that is not sampled would hide ours.
fn is_sampled(text: Option<&str>) -> bool {
    matches!(text, None | Some("1" | "d" | "true"))
}

fn context(trace: &str, span: &str, sampled: bool) -> Option<SpanContext> {
    let is_hex = |it: &str| it.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = matches!(trace.len(), 16 | 32) && span.len() == 16;
    if !fits || !is_hex(trace) || !is_hex(span) {
        return None;
    }
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|it| *it != 0)?.to_be_bytes();
    let span_id = u64::from_str_radix(span, 16).ok().filter(|it| *it != 0)?.to_be_bytes();
    Some(SpanContext { trace_id, span_id, sampled, remote: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(propagator: Propagator, headers: &[(&str, &str)]) -> Option<(u8, u8, bool)> {
        let find = |name: &str| headers.iter().find(|it| it.0 == name).map(|it| it.1);
        let found = propagator.extract(find)?;
        Some((found.trace_id[0], found.span_id[0], found.sampled))
    }

    #[test]
    fn traceparent_is_read_as_the_recommendation_says() {
        let check = |text: &str, want| {
            let found = read(Propagator::TraceContext, &[("traceparent", text)]);
            assert_eq!(found, want, "{text}");
        };
        check(&format!("00-{TRACE}-{SPAN}-01"), Some((0x0a, 0xb7, true)));
        check(&format!("00-{TRACE}-{SPAN}-00"), Some((0x0a, 0xb7, false)));
        check(&format!("01-{TRACE}-{SPAN}-01-more"), Some((0x0a, 0xb7, true)));
        check(&format!("00-{TRACE}-{SPAN}-01-more"), None);
        check(&format!("ff-{TRACE}-{SPAN}-01"), None);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-{SPAN}"), None);
        check(&format!("00-+{}-{SPAN}-01", &TRACE[1..]), None);
        check("", None);
    }

    #[test]
    fn b3_is_read_in_one_header_or_several() {
        let one = format!("{TRACE}-{SPAN}-0");
        assert_eq!(read(Propagator::B3, &[("b3", &one)]), Some((0x0a, 0xb7, false)));
        let one = format!("{}-{SPAN}", &TRACE[16..]);
        assert_eq!(read(Propagator::B3, &[("b3", &one)]), Some((0, 0xb7, true)));
        let several = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")];
        assert_eq!(read(Propagator::B3, &several), Some((0x0a, 0xb7, true)));
        assert_eq!(read(Propagator::B3, &[("b3", "0")]), None);
        assert_eq!(read(Propagator::B3, &several[..1]), None);
    }
}
