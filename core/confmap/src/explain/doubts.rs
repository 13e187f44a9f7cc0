//! Of texts that are legal YAML and seldom meant.

use super::{Explanation, about};
use crate::code;

pub(super) const IGNORED_DOCUMENT: Explanation = about(
    code::IGNORED_DOCUMENT,
    [
        "document is ignored",
        "A file may hold several YAML documents, divided by `---`. Only the first is read, as in the Collector.",
        "receivers:\n  otlp:\n---\nexporters:\n  debug:",
        "receivers:\n  otlp:\nexporters:\n  debug:",
        "put both documents into one, or pass the second as a file of its own",
    ],
);

pub(super) const PLACEHOLDER: Explanation = about(
    code::PLACEHOLDER,
    [
        "placeholder that nothing fills",
        "`$(NAME)`, `$NAME`, `%NAME%` and `{{ ... }}` belong to Kubernetes, shells, Windows and templates. Here they are text like any other.",
        "endpoint: http://$(NODE_IP):4318",
        "endpoint: http://${env:NODE_IP}:4318",
        "write `${env:NAME}`; render templates before the file is used; write `$$` for a literal dollar sign",
    ],
);

pub(super) const CUT_OFF: Explanation = about(
    code::CUT_OFF,
    [
        "value is cut off by a comment",
        "A `#` after a space begins a comment, so the value ends before it.",
        "password: #4711",
        "password: '#4711'",
        "put the value in quotes",
    ],
);

pub(super) const NUMBER_FOR_TEXT: Explanation = about(
    code::NUMBER_FOR_TEXT,
    [
        "number that may be meant as a text",
        "YAML reads `0123`, `1_000`, `0x10`, `81e5` and `1.10` as numbers, and they are printed differently afterwards.",
        "value: 1.10",
        "value: \"1.10\"",
        "put the value in quotes if it is a text",
    ],
);

pub(super) const DROPPED_PROCESSORS: Explanation = about(
    code::DROPPED_PROCESSORS,
    [
        "overlay drops a processor",
        "Maps of several configurations are joined, lists are replaced. This list replaces one that had a `memory_limiter` or a `batch`.",
        "# base.yaml\nprocessors: [memory_limiter, batch]\n# overlay.yaml\nprocessors: [resource]",
        "# overlay.yaml\nprocessors: [memory_limiter, resource, batch]",
        "write all processors in the later list",
    ],
);

pub(super) const ODD_QUOTES: Explanation = about(
    code::ODD_QUOTES,
    [
        "typographic quotes",
        "Word processors and web pages replace straight quotes. YAML knows only the straight ones, so the others become part of the value.",
        "endpoint: \u{201c}localhost:4317\u{201d}",
        "endpoint: \"localhost:4317\"",
        "write straight quotes",
    ],
);
