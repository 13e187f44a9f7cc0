//! More files than may be open.

use super::*;

/// Most files open.
const OPEN_MAX: usize = 4;
/// Files with something to read.
const FILES: usize = 50;
/// Of a file that takes many turns.
const LINES: usize = 10_000;

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.settings.open_files_max = OPEN_MAX;
    rig
}

fn names() -> impl Iterator<Item = String> {
    (0..FILES).map(|n| format!("{n}.log"))
}

impl Rig {
    fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        componenttest::metric(&self.meter, name, labels)
    }

    fn open(&self) -> f64 {
        self.gauge("otelcol_fileconsumer_open_files", &[]).unwrap_or_default()
    }
}

/// All lines have come, each once.
async fn check(rig: &Rig, lines: usize) {
    let mut got = rig.wait(lines).await;
    got.sort();
    got.dedup();
    assert_eq!((got.len(), rig.sink.items()), (lines, lines));
    assert!(rig.open() <= OPEN_MAX as f64, "{} open", rig.open());
}

#[tokio::test]
async fn what_may_not_be_open_waits_and_is_read_and_followed_when_it_grows() {
    let rig = rig();
    names().for_each(|it| rig.append(&it, &format!("{it} one\n")));
    let reader = rig.start();
    check(&rig, FILES).await;
    names().for_each(|it| rig.append(&it, &format!("{it} two\n")));
    check(&rig, 2 * FILES).await;
    reader.stop().await;
    names().for_each(|it| rig.append(&it, &format!("{it} three\n")));
    let reader = rig.start();
    check(&rig, 3 * FILES).await;
    reader.stop().await;
    assert_eq!(rig.lost("rotated_unread"), None);
}

#[tokio::test]
async fn files_that_are_closed_are_read_on_after_a_rotation_before_what_follows() {
    let rig = rig();
    names().for_each(|it| rig.append(&it, &format!("{it} one\n")));
    let reader = rig.start();
    check(&rig, FILES).await;
    for name in names() {
        rig.append(&name, &format!("{name} two\n"));
        rig.rename(&name, &format!("{name}.1"));
        rig.append(&name, &format!("{name} zero\n"));
    }
    rig.wait(3 * FILES).await;
    let got = rig.bodies();
    for name in names() {
        let at = |what: &str| got.iter().position(|it| *it == format!("{name} {what}"));
        assert!(at("one") < at("two") && at("two") < at("zero"), "{name}");
    }
    assert_eq!(got.len(), 3 * FILES);
    reader.stop().await;
    assert_eq!(rig.lost("rotated_unread"), None);
}

#[tokio::test]
async fn compressed_files_give_their_descriptor_back_at_their_end() {
    let mut rig = rig();
    rig.settings.compression = Compression::Gzip;
    let write = |it: String| std::fs::write(rig.path(&it), gzip(format!("{it}\n").as_bytes()));
    names().for_each(|it| write(it).unwrap());
    let reader = rig.start();
    check(&rig, FILES).await;
    reader.stop().await;
}

#[tokio::test]
async fn files_that_never_end_take_turns() {
    let rig = rig();
    // More than one turn each, and more files than may be open.
    for n in 0..2 * OPEN_MAX {
        let lines: String = (0..LINES).map(|at| format!("{n} {at:0300}\n")).collect();
        rig.append(&format!("{n}.log"), &lines);
    }
    let reader = rig.start();
    check(&rig, 2 * OPEN_MAX * LINES).await;
    let got = rig.bodies();
    let at = |n: usize, line: usize| {
        let wanted = format!("{n} {line:0300}");
        got.iter().position(|it| *it == wanted).unwrap()
    };
    let first_end = (0..2 * OPEN_MAX).map(|n| at(n, LINES - 1)).min().unwrap();
    assert!((0..2 * OPEN_MAX).all(|n| at(n, 0) < first_end));
    reader.stop().await;
}
