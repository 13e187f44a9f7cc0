//! A message of Block Kit (<https://api.slack.com/reference/block-kit/blocks>) for alerts about the same thing. What alerts say
//! is text: it can neither make a link nor call a channel.

use alerts::{Alert, Text};
use serde_json::{Value as Json, json};

/// Longest header, in characters.
const HEADER_CHARS_MAX: usize = 150;
/// Longest field, in characters; Slack takes 2000.
const FIELD_CHARS_MAX: usize = 500;
/// Most fields of a section.
const FIELDS_MAX: usize = 10;
/// Most alerts of a group whose traces are named.
const TRACES_MAX: usize = 5;

const MARKS: [(&str, &str); 4] = [
    ("critical", ":rotating_light:"),
    ("error", ":red_circle:"),
    ("warning", ":warning:"),
    ("info", ":information_source:"),
];

/// The message. The last alert speaks for all: its counts are the newest.
pub(crate) fn of(group: &[Alert], trace_url: Option<&Text>) -> Result<Json, String> {
    let alert = group.last().ok_or("there is no alert")?;
    let mark = MARKS.iter().find(|it| it.0 == alert.severity).map_or("", |it| it.1);
    let header = format!("{mark} {}", alert.title);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(header.trim(), HEADER_CHARS_MAX), "emoji": true},
    })];
    let fields = fields(group, alert, trace_url)?;
    for fields in fields.chunks(FIELDS_MAX) {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    let context = format!("{} in {} at {}", alert.rule, alert.pipeline, alert.time_text());
    let context = cut(&escaped(&context), FIELD_CHARS_MAX);
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": context}],
    }));
    let summary = format!("{}: {}", alert.severity, alert.title);
    Ok(json!({"text": cut(&escaped(&summary), FIELD_CHARS_MAX), "blocks": blocks}))
}

fn fields(group: &[Alert], alert: &Alert, trace_url: Option<&Text>) -> Result<Vec<Json>, String> {
    let mut fields = Vec::new();
    let mut put = |name: &str, text: String| {
        if !text.is_empty() {
            let text = format!("*{}*\n{text}", escaped(name));
            fields.push(json!({"type": "mrkdwn", "text": cut(&text, FIELD_CHARS_MAX)}));
        }
    };
    put("Severity", escaped(&alert.severity));
    put("Key", code(&alert.key));
    put("Service", escaped(&alert.service));
    for (name, value) in &alert.windows {
        put(name, code(&shown(value)));
    }
    if group.len() > 1 {
        put("Alerts", group.len().to_string());
    }
    put("Trace", traces(group, trace_url)?);
    for (name, value) in &alert.evidence {
        put(name, code(&shown(value)));
    }
    for (name, text) in &alert.labels {
        put(name, escaped(text));
    }
    Ok(fields)
}

fn traces(group: &[Alert], trace_url: Option<&Text>) -> Result<String, String> {
    let mut lines: Vec<String> = Vec::new();
    let with_trace = group.iter().filter(|it| !it.trace_id.is_empty());
    for alert in with_trace.take(TRACES_MAX) {
        let line = match trace_url {
            Some(url) => {
                let url = url.of(&alert.document())?.replace(['<', '>', '|'], "");
                format!("<{url}|{}>", alert.trace_id)
            }
            None => code(&alert.trace_id),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(lines.join("\n"))
}

fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", escaped(&text.replace('`', "'"))) }
}

/// What stands for itself (<https://api.slack.com/reference/surfaces/formatting#escaping>).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(3)).chain("...".chars()).collect()
}
