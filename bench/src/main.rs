//! Ours and the peers, side by side in one run.
//!
//! `cargo run --release -p bench -- all` writes `bench/RESULTS.md`. Figures are medians; on a shared
//! machine only ratios within one run mean anything.

#![expect(clippy::print_stdout, reason = "printing is its job")]

mod compare;
mod load;
mod micro;
mod operators;
mod programs;
mod relay;

use std::net::SocketAddr;

use anyhow::bail;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: bench micro                 one record through core/pdata, on bytes and by prost
       bench compare [--quick]     whole processes: ours, the Go Collector, a bare h2 relay
       bench all [--quick]         both, written to bench/RESULTS.md
       bench relay IN_PORT TO_PORT the bare relay alone";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let quick = words.contains(&"--quick");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words[..] {
        ["micro", ..] => print!("{}", micro::table()),
        ["compare", ..] => print!("{}", runtime.block_on(compare::table(quick))?),
        ["all", ..] => {
            let text = format!("{}\n{}", runtime.block_on(compare::table(quick))?, micro::table());
            compare::write_results(&text, &words.join(" "))?;
        }
        ["relay", from, to] => {
            let at = |port: &str| {
                Ok::<_, anyhow::Error>(SocketAddr::from(([127, 0, 0, 1], port.parse()?)))
            };
            runtime.block_on(relay::run(at(from)?, at(to)?))?;
        }
        _ => bail!(USAGE),
    }
    Ok(())
}
