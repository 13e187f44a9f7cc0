//! Where log lines go: `output_paths`, and `error_output_paths` for what cannot be written.
//! Paths and texts as in zap's `sink.go`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Open outputs. A line goes to each of them.
#[derive(Debug)]
pub struct Sinks {
    outputs: Vec<Sink>,
    errors: Vec<Sink>,
}

#[derive(Debug)]
enum Sink {
    Stdout,
    Stderr,
    File(File),
}

impl Sinks {
    /// Opens them; files are appended to.
    ///
    /// # Errors
    /// zap's text, and true when it is about `outputs`.
    pub fn open(outputs: &[String], errors: &[String]) -> Result<Self, (bool, String)> {
        let outputs = open_all(outputs).map_err(|text| (true, text))?;
        let errors = open_all(errors).map_err(|text| (false, text))?;
        Ok(Self { outputs, errors })
    }

    /// Writes a line. A failure goes to the error outputs, or nowhere.
    pub fn write(&self, line: &str, time: &str) {
        for output in &self.outputs {
            if let Err(error) = output.write(line.as_bytes()) {
                let text = format!("{time} write error: {error}\n");
                for it in &self.errors {
                    // Nobody is left who could be told.
                    let _ = it.write(text.as_bytes());
                }
            }
        }
    }
}

impl Sink {
    fn open(path: &str) -> Result<Self, String> {
        if Path::new(path).is_absolute() {
            return Self::file(path);
        }
        match path.split_once(':') {
            None => Self::file(path),
            Some(("file", rest)) => Self::file(url_path(path, rest)?),
            Some((scheme, _)) => Err(format!("no sink found for scheme \"{scheme}\"")),
        }
    }

    fn file(path: &str) -> Result<Self, String> {
        match path {
            "stdout" => return Ok(Self::Stdout),
            "stderr" => return Ok(Self::Stderr),
            _ => {}
        }
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map(Self::File).map_err(|error| format!("open {path}: {}", reason(&error)))
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line)?;
                out.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(line),
            Self::File(file) => {
                let mut file = file;
                file.write_all(line)
            }
        }
    }
}

fn open_all(paths: &[String]) -> Result<Vec<Sink>, String> {
    let (mut sinks, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        match Sink::open(path) {
            Ok(sink) => sinks.push(sink),
            Err(error) => errors.push(format!("open sink \"{path}\": {error}")),
        }
    }
    if errors.is_empty() { Ok(sinks) } else { Err(errors.join("; ")) }
}

/// The path of a `file:` URL: no user, port, query or fragment, and no host but localhost.
fn url_path<'a>(url: &str, rest: &'a str) -> Result<&'a str, String> {
    let refused = |what: &str| Err(format!("{what}: got {url}"));
    if rest.contains('#') {
        return refused("fragments not allowed with file URLs");
    }
    if rest.contains('?') {
        return refused("query parameters not allowed with file URLs");
    }
    let Some(rest) = rest.strip_prefix("//") else { return Ok(rest) };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.contains('@') {
        return refused("user and password not allowed with file URLs");
    }
    if host.contains(':') {
        return refused("ports not allowed with file URLs");
    }
    if !["", "localhost"].contains(&host) {
        return refused("file URLs must leave host empty or use localhost");
    }
    Ok(path)
}

/// The system's text as Go prints it: lower case, without the number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_are_appended_to_every_file_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let paths =
            [path("a"), format!("file://{}", path("b")), format!("file://localhost{}", path("c"))];
        for line in ["one\n", "two\n"] {
            Sinks::open(&paths, &[]).unwrap().write(line, "T");
        }
        for name in ["a", "b", "c"] {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "one\ntwo\n");
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_on_the_error_outputs() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let errors = [file.path().display().to_string()];
        Sinks::open(&["/dev/full".into()], &errors).unwrap().write("lost\n", "T");
        let said = fs::read_to_string(file.path()).unwrap();
        assert!(said.starts_with("T write error: No space left on device"), "{said}");
    }

    #[test]
    fn what_cannot_be_opened_is_named_in_zaps_words() {
        let check = |path: &str, want: &str| {
            let error = Sinks::open(&["stdout".into(), path.into()], &[]).unwrap_err();
            assert_eq!(error, (true, format!("open sink \"{path}\": {want}")));
        };
        check("/nowhere/x.log", "open /nowhere/x.log: no such file or directory");
        check("/", "open /: is a directory");
        check("kafka://broker", "no sink found for scheme \"kafka\"");
        check(
            "file://host/x",
            "file URLs must leave host empty or use localhost: got file://host/x",
        );
        check("file://localhost:1/x", "ports not allowed with file URLs: got file://localhost:1/x");
        check("file:///x?y", "query parameters not allowed with file URLs: got file:///x?y");
        let both = Sinks::open(&[], &["a://b".into(), "c://d".into()]).unwrap_err();
        let want = "open sink \"a://b\": no sink found for scheme \"a\"; open sink \"c://d\": no sink found \
            for scheme \"c\"";
        assert_eq!(both, (false, want.into()));
    }
}
