//! Where log lines go: `output_paths`, and `error_output_paths` for what cannot be written.
//! Paths and texts as in zap's `sink.go`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use super::encode::Encoder;
use super::output::{Output, Outputs, Target};

/// The name of standard error among the outputs.
pub const STDERR: &str = "stderr";

/// Files that are open and not yet written to.
#[derive(Debug)]
pub struct Sinks {
    outputs: Vec<Sink>,
    errors: Vec<Sink>,
}

#[derive(Debug)]
struct Sink {
    name: String,
    file: File,
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

    /// Makes them the `running` outputs, and returns those that get the lines. What ran and is not named any more is
    /// returned too: it is to be closed when no line goes to it any more. Standard error always runs.
    pub fn begin(
        self,
        encoder: &Arc<Encoder>,
        running: &mut Outputs,
    ) -> (Vec<Output>, Vec<Output>) {
        let mut before = std::mem::take(running);
        let mut named = |sink: &Sink| {
            let before = before.remove(&sink.name);
            running
                .entry(sink.name.clone())
                .or_insert_with(|| before.unwrap_or_else(Output::new))
                .clone()
        };
        let errors: Vec<Output> = self.errors.iter().map(&mut named).collect();
        let outputs: Vec<Output> = self.outputs.iter().map(&mut named).collect();
        let stderr = Sink::open(STDERR).ok();
        let all = self.errors.into_iter().chain(self.outputs).chain(stderr);
        for sink in all {
            let output = named(&sink);
            let (encoder, errors) = (Arc::clone(encoder), errors.clone());
            output.begin(Target { file: sink.file, encoder, errors });
        }
        (outputs, before.into_values().collect())
    }
}

impl Sink {
    fn open(path: &str) -> Result<Self, String> {
        let file = if Path::new(path).is_absolute() {
            Self::file(path)
        } else {
            match path.split_once(':') {
                None => Self::file(path),
                Some(("file", rest)) => Self::file(url_path(path, rest)?),
                Some((scheme, _)) => Err(format!("no sink found for scheme \"{scheme}\"")),
            }
        };
        Ok(Self { name: path.to_owned(), file: file? })
    }

    fn file(path: &str) -> Result<File, String> {
        let opened = match path {
            // Without the buffer of the standard library, which would keep what could not be written.
            "stdout" => io::stdout().as_fd().try_clone_to_owned().map(OwnedFd::into),
            STDERR => io::stderr().as_fd().try_clone_to_owned().map(OwnedFd::into),
            path => OpenOptions::new().append(true).create(true).open(path),
        };
        opened.map_err(|error| format!("open {path}: {}", reason(&error)))
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

    /// Opens, writes a line, closes.
    fn write(paths: &[String], line: &str) {
        let encoder = Encoder::new("console", false, &serde_json::Map::new()).unwrap();
        let mut running = Outputs::new();
        let (outputs, before) =
            Sinks::open(paths, &[]).unwrap().begin(&Arc::new(encoder), &mut running);
        assert!(before.is_empty());
        outputs.iter().for_each(|it| it.line(line));
        for output in running.values() {
            output.close();
            output.flush(tokio::time::Instant::now() + std::time::Duration::from_secs(30));
        }
    }

    #[test]
    fn lines_are_appended_to_every_file_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let paths =
            [path("a"), format!("file://{}", path("b")), format!("file://localhost{}", path("c"))];
        for line in ["one\n", "two\n"] {
            write(&paths, line);
        }
        for name in ["a", "b", "c"] {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "one\ntwo\n");
        }
    }

    #[test]
    fn an_output_that_is_named_again_goes_on_and_one_that_is_not_is_handed_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let encoder = Arc::new(Encoder::new("json", false, &serde_json::Map::new()).unwrap());
        let mut running = Outputs::new();
        let mut begin = |names: &[&str]| {
            let paths: Vec<String> = names.iter().map(|it| path(it)).collect();
            let sinks = Sinks::open(&paths, &["stderr".into()]).unwrap();
            let (outputs, before) = sinks.begin(&encoder, &mut running);
            (outputs.len(), before.len(), running.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(begin(&["a", "b"]), (2, 0, vec![path("a"), path("b"), "stderr".into()]));
        assert_eq!(begin(&["b", "b"]), (2, 1, vec![path("b"), "stderr".into()]));
        running.into_values().for_each(|it| it.close());
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
