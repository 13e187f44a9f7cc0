//! The micro rows with a counting allocator: allocations and peak heap of one warm call each, as
//! JSON. A program of its own, because the figures in time want the allocator of the collector.

#![expect(clippy::print_stdout, reason = "printing is its job")]

use bench::micro::{Heap, measured, rows};

fn main() -> anyhow::Result<()> {
    let mut all = Vec::new();
    for mut row in rows() {
        measured(&mut row.ours);
        let info = allocation_counter::measure(|| measured(&mut row.ours));
        let (allocations, peak_bytes) = (info.count_total, info.bytes_max);
        all.push(Heap { id: row.id.to_owned(), allocations, peak_bytes });
    }
    println!("{}", serde_json::to_string(&all)?);
    Ok(())
}
