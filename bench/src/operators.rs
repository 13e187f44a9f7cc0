//! The operators of the file receiver on one line, over and over.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::config::Value;
use stanza::{FileKey, FileMeta, Options, Pipeline};

const ROUNDS: usize = 7;
const ROUND_TIME: Duration = Duration::from_millis(120);
/// Lines between two takes, as a reader of 256 KiB blocks has them.
const LINES_PER_TAKE: u64 = 256;

/// Nanoseconds from a line in memory to an encoded record; NaN when the operators do not compile.
pub fn per_line(operators: &[Value], line: &[u8]) -> f64 {
    let Ok(pipeline) = Pipeline::new(operators, Options::default()) else { return f64::NAN };
    let mut worker = pipeline.worker();
    let path = "/var/log/pods/shop_cart-0_4f2b9c1e-0000-4000-8000-000000000001/app/0.log";
    let attributes = vec![("log.file.path".to_owned(), path.to_owned())];
    let file = Arc::new(FileMeta { key: FileKey(1), attributes, record_offset: false });
    let mut rounds = [0.0; ROUNDS];
    let mut offset = 0;
    for round in &mut rounds {
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < ROUND_TIME {
            for _ in 0..LINES_PER_TAKE {
                let end = offset + line.len() as u64 + 1;
                worker.line(&file, line, offset..end, None);
                offset = end;
            }
            black_box(worker.take());
            done += LINES_PER_TAKE;
        }
        *round = start.elapsed().as_nanos() as f64 / done as f64;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
