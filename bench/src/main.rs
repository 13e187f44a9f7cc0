//! The command line of the bench. `bench/README.md` says what it does.

#![expect(clippy::print_stdout, reason = "printing is its job")]

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bench::micro::{self, Heap, check};
use bench::plan::{self, Choice, Series};
use bench::rego;
use bench::relay::{h2, tcp};
use bench::report;
use bench::soak;
use bench::table::{Table, folder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: bench all [options]      everything, written to bench/RESULTS.md and bench/results.json
       bench run [options]      whole processes only, printed
       bench micro              single pieces of work: time and allocations
       bench check [--bless]    instructions of the same beside bench/baseline.txt; needs valgrind
       bench rego               Rego beside OPA and a plain interpreter, and a storm of reloads
       bench soak [--minutes 10] [--rate 20000]
                                one pipeline with a queue on disk for a long time, while the backend fails: does it grow?
       bench report             RESULTS.md again, from the runs that are kept
       bench relay h2|tcp IN_PORT TO_PORT
options: --quick                a quarter of the load, one round
         --resume               keep finished runs of an interrupted series
         --rows P1,F2  --programs sluice,otelcol  --rounds 3";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (command, rest) = words.split_first().context(USAGE)?;
    match command.as_str() {
        "all" | "run" => {
            let table = Table::load()?;
            let series = runtime.block_on(plan::series(&table, &choice(rest)?))?;
            if command == "run" {
                print!("{}", report::markdown(&table, &series));
                return Ok(());
            }
            write(&table, &series, &words.join(" "))?;
        }
        "report" => {
            let table = Table::load()?;
            let series = Series { runs: plan::kept()?, ..Series::default() };
            write(&table, &series, "all")?;
        }
        "rego" => print!("{}", rego::run()?),
        "micro" => print!("{}", micro::table(&heap())),
        "once" => check::once(rest.first().context(USAGE)?)?,
        "check" => print!("{}", check::check(rest.iter().any(|it| it == "--bless"))?),
        "soak" => print!("{}", runtime.block_on(soak::run(&Table::load()?, &soak::plan(rest)?))?),
        "relay" => runtime.block_on(relay(rest))?,
        _ => bail!(USAGE),
    }
    Ok(())
}

fn choice(words: &[String]) -> anyhow::Result<Choice> {
    let mut choice = Choice::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut list = || -> anyhow::Result<Vec<String>> {
            let value = words.next().with_context(|| format!("{word} wants a value"))?;
            Ok(value.split(',').map(str::to_owned).collect())
        };
        match word.as_str() {
            "--quick" => choice.quick = true,
            "--resume" => choice.resume = true,
            "--rows" => choice.rows = list()?,
            "--programs" => choice.programs = list()?,
            "--rounds" => choice.rounds = Some(list()?.concat().parse().context("--rounds")?),
            _ => bail!("{word}?\n{USAGE}"),
        }
    }
    Ok(choice)
}

/// Writes both result files, and prints the one for people.
fn write(table: &Table, series: &Series, command: &str) -> anyhow::Result<()> {
    let machine = report::machine(table, command);
    let text = format!("{machine}{}\n{}", report::markdown(table, series), micro::table(&heap()));
    let rows = serde_json::to_string_pretty(&report::rows(table, series))?;
    fs::write(folder().join("results.json"), rows)?;
    fs::write(folder().join("RESULTS.md"), &text)?;
    print!("{text}");
    println!("\nwritten to {}", folder().join("RESULTS.md").display());
    Ok(())
}

/// What the program beside this one counts; nothing, with a word about it, when it cannot be built.
fn heap() -> Vec<Heap> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--release", "-p", "bench", "--bin", "bench-heap"])
        .current_dir(folder())
        .output();
    let heap = output.ok().and_then(|it| serde_json::from_slice(&it.stdout).ok());
    heap.unwrap_or_else(|| {
        println!("allocations were not counted: cargo cannot run bench-heap");
        Vec::new()
    })
}

async fn relay(words: &[String]) -> anyhow::Result<()> {
    let [kind, from, to] = words else { bail!(USAGE) };
    let at = |port: &str| Ok::<_, anyhow::Error>(SocketAddr::from(([127, 0, 0, 1], port.parse()?)));
    let (from, to) = (at(from)?, at(to)?);
    match kind.as_str() {
        "h2" => h2::run(from, to).await,
        "tcp" => {
            let listener = tokio::net::TcpListener::bind(from).await?;
            tcp::run(listener, to, Arc::default()).await
        }
        _ => bail!(USAGE),
    }
}
