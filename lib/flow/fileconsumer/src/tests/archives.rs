//! Archives that rotation makes, by every scheme that we know: each line comes once, in order where we can know it.

use std::fs::FileTimes;

use super::*;

impl Rig {
    /// Compresses in place, as Java's and most other loggers do; the time of writing is now.
    fn gzip_to(&self, name: &str, to: &str) {
        let text = std::fs::read(self.path(name)).unwrap();
        std::fs::write(self.path(to), gzip(&text)).unwrap();
        self.remove(name);
    }

    /// gzip(1): the archive keeps the time of the file.
    fn gzip_cli(&self, name: &str) {
        let modified = std::fs::metadata(self.path(name)).unwrap().modified().unwrap();
        self.gzip_to(name, &format!("{name}.gz"));
        let archive = File::options().append(true).open(self.path(&format!("{name}.gz"))).unwrap();
        archive.set_times(FileTimes::new().set_modified(modified)).unwrap();
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// log4j2 with `fileIndex: max`: the highest is the newest; when `max` is reached, all move down.
    fn log4j2(&self, max: usize) {
        let name = |n: usize| format!("a.log.{n}.gz");
        let free = (1..=max).find(|n| !self.exists(&name(*n)));
        let index = free.unwrap_or_else(|| {
            self.remove(&name(1));
            (2..=max).for_each(|n| self.rename(&name(n), &name(n - 1)));
            max
        });
        self.rename("a.log", &format!("a.log.{index}"));
        self.gzip_to(&format!("a.log.{index}"), &name(index));
    }

    /// logrotate: `.1` is the newest; all move up. With `delay` it stays plain until the next rotation.
    fn logrotate(&self, delay: bool) {
        for n in (1..9).rev() {
            for end in ["", ".gz"] {
                if self.exists(&format!("a.log.{n}{end}")) {
                    self.rename(&format!("a.log.{n}{end}"), &format!("a.log.{}{end}", n + 1));
                }
            }
        }
        self.rename("a.log", "a.log.1");
        let name = if delay { "a.log.2" } else { "a.log.1" };
        if self.exists(name) {
            self.gzip_cli(name);
        }
    }

    /// Python's `RotatingFileHandler`.
    fn counted(&self) {
        for n in (1..9).rev() {
            if self.exists(&format!("a.log.{n}")) {
                self.rename(&format!("a.log.{n}"), &format!("a.log.{}", n + 1));
            }
        }
        self.rename("a.log", "a.log.1");
    }

    /// The kubelet: the last stays plain, the one before is compressed.
    fn kubelet(&self, n: usize) {
        let stamp = |n: usize| format!("a.log.20260101-{n:06}");
        if n > 0 && self.exists(&stamp(n - 1)) {
            self.gzip(&stamp(n - 1));
        }
        self.rename("a.log", &stamp(n));
    }

    /// logrotate's `copytruncate`.
    fn copytruncate(&self) {
        for n in (1..9).rev() {
            if self.exists(&format!("a.log.{n}")) {
                self.rename(&format!("a.log.{n}"), &format!("a.log.{}", n + 1));
            }
        }
        std::fs::copy(self.path("a.log"), self.path("a.log.1")).unwrap();
        File::options().write(true).open(self.path("a.log")).unwrap().set_len(0).unwrap();
    }
}

type Rotate = fn(&Rig, usize);

/// Every scheme, and whether it replaces the file, so that it may be used while nobody looks.
const SCHEMES: [(&str, Rotate); 10] = [
    ("log4j2", |rig, _| rig.log4j2(100)),
    ("log4j2 that renumbers", |rig, _| rig.log4j2(8)),
    ("log4j2 with dates", |rig, n| {
        let name = format!("a-2026-11-30-{n}.log");
        rig.rename("a.log", &name);
        rig.gzip_to(&name, &format!("{name}.gz"));
    }),
    ("log4j2 with dates in the American order", |rig, n| {
        rig.rename("a.log", &format!("a-11-30-2026-{n}.log"));
        rig.gzip_to(&format!("a-11-30-2026-{n}.log"), &format!("a-11-30-2026-{n}.log.gz"));
    }),
    ("logback with a window", |rig, _| {
        for n in (1..9).rev() {
            if rig.exists(&format!("a.{n}.log")) {
                rig.rename(&format!("a.{n}.log"), &format!("a.{}.log", n + 1));
            }
        }
        rig.rename("a.log", "a.1.log");
    }),
    ("logrotate", |rig, _| rig.logrotate(false)),
    ("logrotate with delaycompress", |rig, _| rig.logrotate(true)),
    ("logrotate with dateext", |rig, n| {
        rig.rename("a.log", &format!("a.log-202611{:02}", n + 1));
        rig.gzip_cli(&format!("a.log-202611{:02}", n + 1));
    }),
    ("python", |rig, _| rig.counted()),
    ("kubelet", |rig, n| rig.kubelet(n)),
];

/// Two lines before each rotation. `look` lets the reader see each, or only every third.
async fn rotations(what: &str, rotate: Rotate, every: usize, old: bool) {
    let mut rig = Rig::new();
    rig.include("a.log");
    if old {
        // Archives from before our time, which nobody asked for.
        for n in 0..2 {
            rig.append("a.log", &format!("old {n}\n"));
            rotate(&rig, n);
        }
    }
    let start = if old { 2 } else { 0 };
    rig.append("a.log", "first\n");
    let reader = rig.start();
    let mut want = rig.wait(1).await;
    for round in start..start + 7 {
        for n in 0..2 {
            rig.append("a.log", &format!("{round} {n}\n"));
            want.push(format!("{round} {n}"));
        }
        if round % every == 0 {
            rig.wait(want.len()).await;
        }
        rotate(&rig, round);
        rig.append("a.log", &format!("{round} new\n"));
        want.push(format!("{round} new"));
        if round % every == 0 {
            rig.wait(want.len()).await;
        }
    }
    rig.wait(want.len()).await;
    rig.append("a.log", "last\n");
    want.push(String::from("last"));
    rig.wait(want.len()).await;
    rig.settle().await;
    assert_eq!(rig.bodies(), want, "{what}, looked at every {every}");
    reader.stop().await;
}

#[tokio::test]
async fn each_line_comes_once_whatever_rotates_the_file() {
    for (what, rotate) in SCHEMES {
        rotations(what, rotate, 1, false).await;
        rotations(what, rotate, 1, true).await;
    }
}

#[tokio::test]
async fn each_line_of_a_burst_of_rotations_comes_once() {
    for (what, rotate) in SCHEMES {
        rotations(what, rotate, 4, false).await;
        rotations(what, rotate, 100, true).await;
    }
}

#[tokio::test]
async fn each_line_comes_once_when_rotation_goes_on_while_nobody_looks() {
    for (what, rotate) in SCHEMES {
        let mut rig = Rig::new();
        rig.include("a.log");
        rig.append("a.log", "old\n");
        rotate(&rig, 0);
        let mut want = Vec::new();
        let mut line = |rig: &Rig, text: String| {
            rig.append("a.log", &format!("{text}\n"));
            want.push(text);
            want.len()
        };
        line(&rig, String::from("first"));
        for round in 1..6 {
            let reader = rig.start();
            let n = line(&rig, format!("{round} seen"));
            rig.wait(n).await;
            reader.stop().await;
            line(&rig, format!("{round} unseen"));
            rotate(&rig, round);
            line(&rig, format!("{round} in between"));
            if round % 2 == 0 {
                rotate(&rig, 10 + round);
                line(&rig, format!("{round} after two"));
            }
        }
        let reader = rig.start();
        rig.wait(want.len()).await;
        rig.settle().await;
        assert_eq!(rig.bodies(), want, "{what}");
        assert_eq!(rig.lost("rotated_unread"), None, "{what}");
        reader.stop().await;
    }
}

#[tokio::test]
async fn a_pattern_that_matches_the_archives_reads_none_of_them_again() {
    for (what, rotate) in SCHEMES {
        let mut rig = Rig::new();
        rig.include("a*");
        rig.settings.finder.exclude = vec![Glob::new("/**/*.tmp").unwrap()];
        rig.settings.compression = Compression::Auto;
        rig.append("a.log", "first\n");
        let mut reader = rig.start();
        let mut want = rig.wait(1).await;
        for round in 0..6 {
            rig.append("a.log", &format!("{round}\n"));
            want.push(format!("{round}"));
            rig.wait(want.len()).await;
            rotate(&rig, round);
            rig.append("a.log", &format!("{round} new\n"));
            want.push(format!("{round} new"));
            rig.wait(want.len()).await;
            if round == 3 {
                reader.stop().await;
                reader = rig.start();
            }
        }
        rig.settle().await;
        assert_eq!(rig.bodies(), want, "{what}");
        reader.stop().await;
    }
}

#[tokio::test]
async fn a_copy_has_what_was_not_read_before_the_file_was_truncated() {
    let mut rig = Rig::new();
    rig.include("a.log");
    rig.append("a.log", "one\n");
    let reader = rig.start();
    let mut want = rig.wait(1).await;
    for round in 0..5 {
        // Without a look in between.
        rig.append("a.log", &format!("{round} unread\n"));
        rig.copytruncate();
        rig.append("a.log", &format!("{round}\n"));
        want.extend([format!("{round} unread"), format!("{round}")]);
        rig.wait(want.len()).await;
    }
    rig.settle().await;
    assert_eq!(rig.bodies(), want);
    assert_eq!(rig.lost("truncated_unread"), None);
    reader.stop().await;
    rig.append("a.log", "while away\n");
    rig.copytruncate();
    rig.append("a.log", "anew\n");
    want.extend([String::from("while away"), String::from("anew")]);
    let reader = rig.start();
    rig.wait(want.len()).await;
    rig.settle().await;
    assert_eq!(rig.bodies(), want);
    reader.stop().await;
}

#[tokio::test]
async fn an_archive_that_is_still_being_compressed_is_waited_for() {
    for include in ["a.log", "a.log*"] {
        let mut rig = Rig::new();
        rig.include(include);
        rig.settings.compression = Compression::Auto;
        let lines: Vec<String> =
            (0..3000_u64).map(|n| format!("{n} {:x}", n * 7_654_321)).collect();
        let text = lines.join("\n") + "\n";
        rig.append("a.log", &text);
        let reader = rig.start();
        rig.wait(3000).await;
        let packed = gzip(text.as_bytes());
        // Nothing of it is whole: not the header, not the first block, not the rest.
        rig.rename("a.log", "gone");
        let mut archive = File::create(rig.path("a.log.1.gz")).unwrap();
        let mut before = 0;
        for end in [0, 5, 200, packed.len() / 2, packed.len()] {
            archive.write_all(&packed[before..end]).unwrap();
            before = end;
            rig.settle().await;
        }
        rig.remove("gone");
        rig.append("a.log", "next\n");
        rig.wait(3001).await;
        rig.settle().await;
        assert_eq!(rig.bodies().len(), 3001, "{include}");
        reader.stop().await;
    }
}

#[tokio::test]
async fn a_damaged_archive_does_not_hold_up_the_file() {
    let mut rig = Rig::new();
    rig.include("a.log");
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    // An archive of ours by its name, of which nothing can be read.
    rig.rename("a.log", "a.log.2");
    std::fs::write(rig.path("a.log.1.gz"), "no gzip at all").unwrap();
    rig.append("a.log", "two\n");
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    rig.append("a.log", "three\n");
    assert_eq!(rig.wait(3).await, ["one", "two", "three"]);
    reader.stop().await;
}

#[tokio::test]
async fn another_program_with_a_similar_name_is_left_alone() {
    let mut rig = Rig::new();
    rig.include("worker.log");
    rig.append("worker.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    rig.append("worker-1.log", "of another\n");
    rig.rename("worker.log", "worker.log.1");
    rig.append("worker.log", "two\n");
    rig.wait(2).await;
    rig.settle().await;
    assert_eq!(rig.bodies(), ["one", "two"]);
    reader.stop().await;
}

#[tokio::test]
async fn files_whose_names_say_that_each_is_older_than_the_other_are_both_read() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let host = TestHost::new();
    let mut engine = rig.engine(&host);
    engine.look(&rig.path("a.log"));
    rig.append("b.log", "two\n");
    engine.look(&rig.path("b.log"));
    rig.append("c.log", "three\n");
    engine.look(&rig.path("c.log"));
    let [a, b, c] = [1, 2, 3].map(FileKey);
    for (key, before) in [(a, b), (b, c), (c, a), (a, c), (b, a), (a, a)] {
        engine.chain(key, before);
    }
    host.spawn(engine.run());
    let mut got = rig.wait(3).await;
    got.sort();
    assert_eq!(got, ["one", "three", "two"]);
    host.stop().await;
}

#[tokio::test]
async fn a_wait_for_a_file_that_is_not_read_ends_and_is_counted() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    rig.append("b.log", "two\n");
    let host = TestHost::new();
    let mut engine = rig.engine(&host);
    engine.look(&rig.path("a.log"));
    engine.look(&rig.path("b.log"));
    engine.chain(FileKey(2), FileKey(1));
    // As if somebody had forgotten it.
    engine.ready.retain(|it| *it != FileKey(1));
    engine.wait_no_longer(FileKey(2), tokio::time::Instant::now() + GRACE);
    let ended = componenttest::metric(
        &rig.meter,
        "sluice_fileconsumer_waits_ended_total",
        &[("receiver", "file_log")],
    );
    assert_eq!(ended, Some(1.0));
    host.spawn(engine.run());
    rig.wait(1).await;
    assert!(rig.bodies().contains(&String::from("two")));
    host.stop().await;
}

#[tokio::test]
async fn a_file_that_came_and_went_while_the_restart_looked_around_is_read() {
    let rig = Rig::new();
    rig.append("0.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    let host = TestHost::new();
    let mut engine = rig.engine(&host);
    engine.look(&rig.path("0.log"));
    for n in 1..=2 {
        rig.rename("0.log", &format!("0.log.20260101-00000{n}"));
        rig.append("0.log", &format!("{n}\n"));
    }
    engine.resume_rotated();
    host.spawn(engine.run());
    assert_eq!(rig.wait(3).await, ["one", "1", "2"]);
    host.stop().await;
}

#[tokio::test]
async fn an_archive_of_which_nothing_was_answered_before_a_crash_is_read_again() {
    let mut rig = Rig::new();
    rig.append("0.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    for n in 1..=3 {
        rig.rename("0.log", &format!("0.log.{n}"));
        rig.gzip(&format!("0.log.{n}"));
        rig.append("0.log", &format!("{n}\n"));
    }
    rig.sink.answer(componenttest::Answer::Hang);
    let reader = rig.start();
    rig.sink.wait_for_calls(2).await;
    rig.settle().await;
    let left = rig.store.as_ref().unwrap().copy();
    reader.stop().await;
    rig.store = Some(Arc::new(left));
    rig.sink.answer(componenttest::Answer::Ok);
    let reader = rig.start();
    let mut got = rig.wait(4).await;
    got.sort();
    assert_eq!(got, ["1", "2", "3", "one"]);
    reader.stop().await;
}
