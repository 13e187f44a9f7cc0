//! No file is opened, read or written in asynchronous code: it would hold up every task of its thread. It goes to
//! `spawn_blocking` or to a thread of its own. clippy bans a call everywhere or nowhere, and most files are read
//! where waiting is fine.
//!
//! Reads the text as rustfmt leaves it, in which a block ends where its indentation comes back. It sees what stands
//! in the block itself, not what a function called there does.

use super::{Source, without_tests};

/// What begins asynchronous code, in a line without its comment.
const ASYNC: [&str; 4] = ["async fn ", "async move ", "async {", "async |"];
/// What begins code that may wait, within it.
const MAY_WAIT: [&str; 3] = ["spawn_blocking(", "block_in_place(", "thread::Builder::new("];
/// What waits for a disk.
const WAITS: [&str; 5] =
    ["fs::", "File::open(", "File::create(", "OpenOptions::new(", "DirBuilder::new("];

pub(super) fn check(sources: &[Source], problems: &mut Vec<String>) {
    // The bench has nothing else to do while it waits.
    let is_looked_at = |it: &&Source| !it.path.contains("test") && !it.path.starts_with("bench/");
    for Source { path, text } in sources.iter().filter(is_looked_at) {
        for line in waiting(without_tests(text)) {
            let text = "waits for a disk in asynchronous code: use spawn_blocking";
            problems.push(format!("{path}:{line}: {text}"));
        }
    }
}

/// The numbers of the lines in which asynchronous code waits for a disk.
fn waiting(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    // The blocks around a line: their indentation, and whether they may wait.
    let mut around: Vec<(usize, bool)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let rest = code.trim_start();
        if rest.is_empty() {
            continue;
        }
        let indent = code.len() - rest.len();
        // The end of a signature over several lines: `) -> ... {`, `where`, `{`.
        let goes_on =
            rest.starts_with("where") || rest.ends_with('{') && rest.starts_with([')', '{']);
        while around.last().is_some_and(|it| indent < it.0 || (indent == it.0 && !goes_on)) {
            around.pop();
        }
        let begins_waiting = MAY_WAIT.iter().any(|it| code.contains(it));
        let waits = WAITS.iter().any(|it| code.contains(it)) && !code.contains("tokio::fs::");
        let is_async = around.last().is_some_and(|it| !it.1);
        if waits && is_async && !begins_waiting && !rest.starts_with("use ") {
            found.push(at + 1);
        }
        if begins_waiting {
            around.push((indent, true));
        } else if ASYNC.iter().any(|it| code.contains(it)) {
            around.push((indent, false));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_asynchronous_code_are_found() {
        let text = "
async fn start(&self) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    Ok(())
}

pub async fn run(
    path: &Path,
) -> io::Result<()> {
    if wanted {
        File::open(path)?;
    }
}

fn plain() {
    host.spawn(async move {
        let file = OpenOptions::new().open(path);
    });
}
";
        assert_eq!(waiting(text), [3, 11, 17]);
    }

    #[test]
    fn files_where_waiting_is_fine_are_not() {
        let text = "
trait Reads {
    async fn read(&self) -> io::Result<()>;
    fn now(&self) -> io::Result<()> {
        std::fs::read(path)
    }
}

async fn start(&self) -> io::Result<()> {
    let text = spawn_blocking(move || std::fs::read(path)).await?;
    let file = tokio::task::spawn_blocking(move || {
        File::open(path)
    });
    // std::fs::read would wait
    tokio::fs::read(path).await
}

fn plain() -> io::Result<File> {
    std::fs::create_dir_all(path)?;
    File::open(path)
}
";
        assert_eq!(waiting(text), [0_usize; 0]);
    }
}
