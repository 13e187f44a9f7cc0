//! Pictures of what `validate` prints, for the documentation: `docs/images/NAME.yaml` to `NAME.svg`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Of one line and one character, in pixels, at this size of a monospaced font.
const LINE: usize = 18;
const CHARACTER: f64 = 7.83;
/// Longest line shown, in characters.
const WIDTH: usize = 110;

/// Runs the program on every example and draws what it says.
pub fn draw(root: &Path) -> Result<()> {
    let program = root.join("target/debug/sluice");
    let folder = root.join("docs/images");
    for entry in fs::read_dir(&folder)? {
        let file = entry?.path();
        if file.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let name = file.file_name().unwrap_or_default();
        let output = Command::new(&program)
            .args(["validate", "--color", "always", "--config"])
            .arg(name)
            .current_dir(&folder)
            .output()
            .with_context(|| format!("{}: run `cargo build -p sluice` first", program.display()))?;
        let command = format!("$ sluice validate --config {}\n", name.display());
        let text = command + &String::from_utf8(output.stderr)?;
        fs::write(file.with_extension("svg"), svg(&text))?;
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a line has some hundred points"
)]
fn svg(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().flat_map(folded).collect();
    let (width, height) = ((WIDTH as f64 * CHARACTER) as usize + 32, lines.len() * LINE + 28);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\" \
         fill=\"#d6deeb\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16202c\"/>\n"
    );
    for (at, line) in lines.iter().enumerate() {
        let y = at * LINE + 26;
        let _ =
            writeln!(out, "<text x=\"16\" y=\"{y}\" xml:space=\"preserve\">{}</text>", spans(line));
    }
    out + "</svg>\n"
}

/// A line that is too long, in pieces. Such lines have no colours.
fn folded(line: &str) -> Vec<&str> {
    let visible = !line.contains('\u{1b}');
    let at = line.char_indices().nth(WIDTH).map(|it| it.0).filter(|_| visible);
    let at = at.map(|at| line[..at].rfind(' ').unwrap_or(at));
    at.map_or(vec![line], |at| vec![&line[..at], &line[at..]])
}

/// ANSI colours as spans.
fn spans(line: &str) -> String {
    let escaped = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut parts = escaped.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap_or(("0", part));
        let style = match code {
            "1;31" => "fill=\"#ff6b6b\" font-weight=\"bold\"",
            "1;33" => "fill=\"#f7c948\" font-weight=\"bold\"",
            "34" => "fill=\"#6aa9ff\"",
            "32" => "fill=\"#7bd88f\"",
            "1" => "font-weight=\"bold\"",
            _ => {
                out += rest;
                continue;
            }
        };
        let _ = write!(out, "<tspan {style}>{rest}</tspan>");
    }
    out
}
