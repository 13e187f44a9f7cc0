//! What the process takes of the machine, from `/proc/self`; absent where there is none.
//!
//! Three of the names are about Go's heap. Ours say what they can without one: what is resident of
//! anonymous memory (the heap and stacks), the most that was ever resident, and what the kernel has
//! handed out, page by page, since the start. Their texts are Go's all the same: whoever compares pages sees no difference.

use component::Meter;
use component::meter::{Descriptor, Level, OURS, Shape};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// `sysconf(_SC_PAGESIZE)` on every Linux that we build for.
const PAGE_BYTES: f64 = 4096.0;
/// `sysconf(_SC_CLK_TCK)`: ticks in `/proc/self/stat` are of 10 ms on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

const fn figure(name: &'static str, unit: &'static str, description: &'static str) -> Descriptor {
    let scope = "go.opentelemetry.io/collector/service";
    Descriptor { scope, name, unit, description, level: Level::Basic }
}

const UPTIME: Descriptor = figure("otelcol_process_uptime", "s", "Uptime of the process [Alpha]");
const CPU: Descriptor =
    figure("otelcol_process_cpu_seconds", "s", "Total CPU user and system time in seconds [Alpha]");
const RSS: Descriptor =
    figure("otelcol_process_memory_rss", "By", "Total physical memory (resident set size) [Alpha]");
const HEAP: Descriptor = figure(
    "otelcol_process_runtime_heap_alloc_bytes",
    "By",
    "Bytes of allocated heap objects (see 'go doc runtime.MemStats.HeapAlloc') [Alpha]",
);
const SYSTEM: Descriptor = figure(
    "otelcol_process_runtime_total_sys_memory_bytes",
    "By",
    "Total bytes of memory obtained from the OS (see 'go doc runtime.MemStats.Sys') [Alpha]",
);
const ALLOCATED: Descriptor = figure(
    "otelcol_process_runtime_total_alloc_bytes",
    "By",
    "Cumulative bytes allocated for heap objects (see 'go doc runtime.MemStats.TotalAlloc') [Alpha]",
);

const TASKS: Descriptor = Descriptor {
    scope: OURS,
    name: "sluice_runtime_tasks",
    unit: "{task}",
    description: "Tasks that live: connections, requests, and what components do beside them.",
    level: Level::Detailed,
};

/// Registers the figures.
pub(super) fn observe(meter: &Meter) {
    let started = Instant::now();
    let figure = |shape, what, read: fn() -> Option<f64>| meter.observe(shape, what, &[], read);
    meter.observe(Shape::Counter, UPTIME, &[], move || Some(started.elapsed().as_secs_f64()));
    figure(Shape::Counter, CPU, || {
        Some((stat(USER_TICKS)? + stat(SYSTEM_TICKS)?) / TICKS_PER_SECOND)
    });
    figure(Shape::Gauge, RSS, || status("VmRSS:"));
    figure(Shape::Gauge, HEAP, || status("RssAnon:"));
    figure(Shape::Gauge, SYSTEM, || status("VmHWM:"));
    if let Ok(runtime) = Handle::try_current() {
        let alive = move || Some(runtime.metrics().num_alive_tasks() as f64);
        meter.observe(Shape::Gauge, TASKS, &[], alive);
    }
    figure(Shape::Counter, ALLOCATED, || Some(stat(MINOR_FAULTS)? * PAGE_BYTES));
}

/// Fields of `/proc/self/stat`, counted from 1. `proc_pid_stat(5)`.
const MINOR_FAULTS: usize = 10;
const USER_TICKS: usize = 14;
const SYSTEM_TICKS: usize = 15;

fn stat(field: usize) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, field 2, may hold blanks and parentheses.
    text.rsplit_once(')')?.1.split_whitespace().nth(field - 3)?.parse().ok()
}

/// A figure of `/proc/self/status`, in bytes.
fn status(key: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_all_six_figures() {
        let meter = Meter::default();
        observe(&meter);
        assert_eq!(meter.registry().snapshot().len(), 6);
        let (anonymous, resident) = (status("RssAnon:").unwrap(), status("VmHWM:").unwrap());
        assert!(0.0 < anonymous && anonymous <= resident);
        assert!(stat(MINOR_FAULTS).unwrap() > 0.0);
    }
}
