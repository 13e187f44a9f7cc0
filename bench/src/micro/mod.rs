//! Single pieces of work, on our bytes and the usual way: by time, by allocations, by instructions.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

mod lines;
mod policies;
mod usual;
mod work;

/// The keys of the rows that add ten attributes.
const TEN: [&str; 10] = ["a.0", "a.1", "a.2", "a.3", "a.4", "a.5", "a.6", "a.7", "a.8", "a.9"];

pub mod check;
pub mod rego;

const ROUNDS: usize = 7;
const ROUND_TIME: Duration = Duration::from_millis(120);

/// Work that is done over and over.
pub type Work = Box<dyn FnMut()>;

/// One piece of work.
pub struct Row {
    pub id: &'static str,
    pub what: &'static str,
    /// Records that one call handles; figures are per record.
    pub records: u64,
    pub ours: Work,
    /// The usual way.
    pub usual: Option<Work>,
    /// The ratio of the two in the design; ours must be at least half of it.
    pub designed: f64,
    /// Most nanoseconds per record; 0 is no target.
    pub most_ns: f64,
    /// Most allocations of one call.
    pub most_allocations: Option<u64>,
}

impl Row {
    fn new(id: &'static str, what: &'static str, records: u64, ours: Work) -> Self {
        let (usual, designed, most_ns, most_allocations) = (None, 0.0, 0.0, None);
        Self { id, what, records, ours, usual, designed, most_ns, most_allocations }
    }

    fn beside(mut self, usual: Work, designed: f64) -> Self {
        (self.usual, self.designed) = (Some(usual), designed);
        self
    }

    fn most(mut self, ns: f64, allocations: Option<u64>) -> Self {
        (self.most_ns, self.most_allocations) = (ns, allocations);
        self
    }
}

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = work::rows();
    rows.extend(lines::rows());
    rows.extend(policies::rows());
    rows.extend(rego::rows());
    rows
}

/// What the heap saw of one call, warm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heap {
    pub id: String,
    pub allocations: u64,
    pub peak_bytes: u64,
}

/// Nanoseconds per record: the median of some rounds.
fn time(records: u64, work: &mut Work) -> f64 {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let start = Instant::now();
        let mut done = 0_u64;
        while start.elapsed() < ROUND_TIME {
            measured(work);
            done += records;
        }
        *round = start.elapsed().as_nanos() as f64 / done as f64;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// One call. Callgrind counts inside of this function only.
#[inline(never)]
pub fn measured(work: &mut Work) {
    black_box(work)();
}

/// The table as Markdown; without `heap` the allocations stay empty.
pub fn table(heap: &[Heap]) -> String {
    let mut out = String::from(
        "## One record\n\nNanoseconds per record (median of seven rounds), on our bytes and the usual way: prost decodes, \
         changes and encodes, serde_json makes a tree. Allocations and peak heap are of one warm call.\n\n\
         | work | ours | usual | ratio | of the design's | allocations | peak heap | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for mut row in rows() {
        let ours = time(row.records, &mut row.ours);
        let usual = row.usual.as_mut().map(|it| time(row.records, it));
        let heap = heap.iter().find(|it| it.id == row.id);
        let beside = match usual {
            Some(usual) => format!("{usual:.0} | {:.1}x | {:.0}x", usual / ours, row.designed),
            None => "- | - | -".into(),
        };
        let counted = heap.map_or_else(
            || "- | -".into(),
            |it| format!("{} | {:.1} kB", it.allocations, it.peak_bytes as f64 / 1e3),
        );
        let verdict = verdict(&row, ours, usual, heap);
        let _ = writeln!(out, "| {} | {ours:.1} | {beside} | {counted} | {verdict} |", row.what);
    }
    out
}

fn verdict(row: &Row, ours: f64, usual: Option<f64>, heap: Option<&Heap>) -> String {
    let slow = usual.is_some_and(|it| it / ours < row.designed / 2.0);
    let late = row.most_ns > 0.0 && ours > row.most_ns;
    let many =
        matches!((row.most_allocations, heap), (Some(most), Some(it)) if it.allocations > most);
    let mut words = Vec::new();
    if slow {
        words.push("**below half of the design's ratio**".to_owned());
    }
    if late {
        words.push(format!("**above {} ns**", row.most_ns));
    }
    if many {
        words.push("**too many allocations**".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_runs_and_has_a_name_of_its_own() {
        let mut rows = rows();
        for row in &mut rows {
            measured(&mut row.ours);
            row.usual.as_mut().into_iter().for_each(measured);
        }
        let mut ids: Vec<&str> = rows.iter().map(|it| it.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rows.len());
    }

    #[test]
    fn a_row_below_half_of_the_designs_ratio_or_with_too_many_allocations_is_named() {
        let row = Row::new("x", "x", 1, Box::new(|| ()))
            .beside(Box::new(|| ()), 10.0)
            .most(50.0, Some(3));
        let heap = |allocations| Heap { id: "x".into(), allocations, peak_bytes: 0 };
        assert_eq!(verdict(&row, 20.0, Some(100.0), Some(&heap(3))), "");
        let all = verdict(&row, 60.0, Some(100.0), Some(&heap(4)));
        assert_eq!(all.matches("**").count(), 6, "{all}");
    }
}
