//! `sluice queue`: looks into sending queues on disk, also while a collector has them, and repairs those that nobody has.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use journal::repair::{Mended, repair};
use journal::survey::{Found, queues, read};
use pdata::{Data, Limits, Signal};

use crate::EXIT_FAILED;
use crate::cli::{Command, Flag, Matches, Takes, Word};
use crate::console::say;

/// `sluice queue`.
pub const COMMAND: Command = Command {
    name: "queue",
    aliases: &[],
    about: "Look into sending queues on disk, and repair them",
    text: "\
Look into sending queues on disk, and repair them. All actions but repair change nothing, and may be used while a
collector runs. The path is the directory of a file_storage, a directory *.queue in it, or a file *.seg, also from
quarantine.

  ls        the queues, and how much is left in each
  inspect   each record: number, signal, items, bytes, state, and who sent it
  export    what is left, as OTLP/JSON, one request per line
  verify    reads everything; the exit code is 1 if something is damaged
  repair    cuts torn ends, moves damaged records to quarantine, keeps all others; stop the collector first",
    words: &[
        Word { name: "action", takes: Takes::OneOf(&ACTIONS), required: true },
        Word { name: "path", takes: Takes::Text("path"), required: true },
    ],
    flags: &[&DRY_RUN],
    run,
};

const DRY_RUN: Flag = Flag {
    name: "dry-run",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "With repair: say what would be done, and change nothing",
};

const ACTIONS: [&str; 5] = ["ls", "inspect", "export", "verify", "repair"];
/// Deepest nesting that is shown.
const DEPTH_MAX: usize = 512;

/// What is in one queue.
#[derive(Default)]
struct Sums {
    left: u64,
    items: u64,
    bytes: usize,
    done: u64,
    damaged: u64,
}

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let (action, path) = (matches.word(0).unwrap_or_default(), matches.word(1).unwrap_or_default());
    let failed = |error: std::io::Error| format!("cannot read {path}: {error}");
    let all = queues(Path::new(path)).map_err(failed)?;
    if all.is_empty() {
        return Err(format!(
            "there is no queue in {path}: name the directory of a file_storage, a *.queue in it, or a *.seg"
        ));
    }
    let is_dry = matches.is_on(&DRY_RUN);
    if action == "repair" {
        return repaired(&all, is_dry);
    }
    if is_dry {
        return Err(format!("--dry-run is for repair: {action} never changes anything"));
    }
    let mut damaged = 0;
    for queue in all {
        let (mut sums, mut wrong) = (Sums::default(), None);
        read(&queue, &mut |found| {
            sums.add(&found);
            let text = match action {
                "inspect" => inspected(&found),
                "export" => exported(&found),
                _ => None,
            };
            if let Some(error) = text.and_then(|it| say(&it).err()) {
                wrong.get_or_insert(error);
            }
        })
        .map_err(failed)?;
        if let Some(error) = wrong {
            return Err(error);
        }
        damaged += sums.damaged;
        if ["ls", "verify"].contains(&action) {
            say(&format!("{}: {}\n", queue.display(), sums.text()))?;
        }
    }
    let is_bad = action == "verify" && damaged > 0;
    Ok(if is_bad { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS })
}

/// Repairs one queue after the other, and says what was done.
fn repaired(queues: &[PathBuf], is_dry: bool) -> Result<ExitCode, String> {
    for queue in queues {
        let (mut lines, mut aside) = (Vec::new(), 0);
        repair(queue, is_dry, &mut |it| {
            lines.push(mended(it, is_dry));
            aside += it.aside;
        })
        .map_err(|error| format!("cannot repair {}: {error}", queue.display()))?;
        let outcome = match (lines.is_empty(), is_dry) {
            (true, _) => "nothing to repair",
            (false, true) => "would be repaired",
            (false, false) => "repaired",
        };
        say(&format!("{}: {outcome}\n{}", queue.display(), lines.concat()))?;
        if aside > 0 && !is_dry {
            let folder = queue.join("quarantine");
            say(&format!(
                "  the damaged segments are in {} as they were found; look at them, and remove them\n",
                folder.display()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn mended(it: &Mended, is_dry: bool) -> String {
    let Mended { segment, torn, aside, aside_items, kept } = it;
    if *aside == 0 {
        let cut = if is_dry { "would be cut" } else { "cut" };
        return format!("  {segment}: {torn} bytes of a torn end {cut}, {kept} requests kept\n");
    }
    let put = if is_dry { "would be put aside" } else { "put aside" };
    format!(
        "  {segment}: {aside} damaged requests {put} ({aside_items} items or more), {kept} requests kept\n"
    )
}

impl Sums {
    fn add(&mut self, found: &Found) {
        match found {
            Found::Record(_, true) => self.done += 1,
            Found::Record(record, false) => {
                self.left += 1;
                self.items += u64::from(record.items);
                self.bytes += record.body.len();
            }
            Found::Damaged(..) => self.damaged += 1,
            Found::Hole(_, records) => self.damaged += (*records).max(1),
        }
    }

    fn text(&self) -> String {
        let Self { left, items, bytes, done, damaged } = self;
        format!(
            "{left} requests left ({items} items, {bytes} bytes), {done} done, {damaged} damaged"
        )
    }
}

fn signal(kind: u16) -> Option<Signal> {
    Some(match kind {
        1 => Signal::Traces,
        2 => Signal::Metrics,
        3 => Signal::Logs,
        _ => return None,
    })
}

fn inspected(found: &Found) -> Option<String> {
    let mut out = String::new();
    let written = match found {
        Found::Record(it, is_done) => {
            let signal = signal(it.kind).map_or("unknown", Signal::name);
            let (state, head) =
                (if *is_done { "done" } else { "left" }, String::from_utf8_lossy(&it.head));
            let (seq, items, bytes) = (it.seq, it.items, it.body.len());
            writeln!(out, "{seq} {signal} {items} items {bytes} bytes {state} {head}")
        }
        Found::Damaged(seq, items) => writeln!(out, "{seq} {items} items damaged"),
        Found::Hole(at, records) => {
            writeln!(out, "no record begins at offset {at}: {records} or more damaged")
        }
    };
    written.ok().map(|()| out)
}

fn exported(found: &Found) -> Option<String> {
    let Found::Record(record, false) = found else { return None };
    let limits = Limits { depth: DEPTH_MAX, ..Limits::default() };
    let data = Data::try_from_otlp(signal(record.kind)?, record.body.clone(), &limits).ok()?;
    let mut text = Vec::new();
    data.to_json(&mut text);
    text.push(b'\n');
    String::from_utf8(text).ok()
}
