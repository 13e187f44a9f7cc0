//! The man page, in roff with the `man` macros.

use std::fmt::Write as _;

use super::help::{about, usage};
use super::{Command, EXIT_CODES, Flag, PROGRAM, Takes};

/// The whole page.
pub fn man(commands: &[&Command], version: &str) -> String {
    let Some((program, named)) = commands.split_first() else { return String::new() };
    let mut out = format!(
        ".TH {} 1 \"\" \"{PROGRAM} {}\" \"User commands\"\n.SH NAME\n{PROGRAM} \\- {}\n.SH SYNOPSIS\n",
        PROGRAM.to_uppercase(),
        escape(version),
        escape(program.about)
    );
    let lines: Vec<String> =
        usage(program).iter().map(|it| format!(".B {}\n", escape(it))).collect();
    out.push_str(&lines.join(".br\n"));
    paragraph(".SH DESCRIPTION", program.text, &mut out);
    out.push_str(".SH OPTIONS\n");
    program.all_flags().for_each(|it| option(it, &mut out));
    out.push_str(".SH COMMANDS\n");
    for command in named {
        let _ = writeln!(out, ".SS {}", escape(&usage(command).join(" ")));
        paragraph("", command.text, &mut out);
        command.flags.iter().for_each(|it| option(it, &mut out));
    }
    out.push_str(".SH EXIT STATUS\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(out, ".TP\n.B {code}\n{}", escape(meaning));
    }
    out
}

fn paragraph(heading: &str, text: &str, out: &mut String) {
    if !heading.is_empty() {
        let _ = writeln!(out, "{heading}");
    }
    for line in text.lines() {
        let _ = writeln!(out, "{}", if line.is_empty() { ".PP".into() } else { escape(line) });
    }
}

fn option(flag: &Flag, out: &mut String) {
    let short = flag.short.map_or(String::new(), |it| format!("\\-{it}\\fR, \\fB"));
    let value = match flag.takes {
        Takes::Nothing => String::new(),
        Takes::OneOf(values) => format!("\\fR \\fI{}", escape(&values.join("|"))),
        Takes::Text(name) => format!("\\fR \\fI{}", escape(name)),
        Takes::Location => "\\fR \\fIlocation".into(),
        Takes::Command => "\\fR \\fIcommand".into(),
    };
    let name = escape(&format!("--{}", flag.name));
    let _ = writeln!(out, ".TP\n\\fB{short}{name}{value}\\fR\n{}", escape(&about(flag)));
}

/// Text that roff takes as it is: no escapes, no hyphens of its own, no request at the start of a line.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS;

    #[test]
    fn the_page_has_every_command_and_flag() {
        let page = man(COMMANDS, "1.2.3");
        for command in &COMMANDS[1..] {
            assert!(page.contains(&format!("\n.SS {PROGRAM} {}", escape(command.name))), "{page}");
        }
        for flag in COMMANDS.iter().flat_map(|it| it.all_flags()) {
            assert!(page.contains(&escape(&format!("--{}", flag.name))), "{}", flag.name);
        }
    }

    #[test]
    fn a_line_of_text_is_never_a_request() {
        assert_eq!(escape(".nop it's a\\b -c"), "\\&.nop it's a\\eb \\-c");
    }
}
