//! Metrics and attributes of one container.

use component::clock;
use docker::{Container, HostConfig};
use scraping::{Builder, Errors};

use crate::config::Config;
use crate::stats::{BlkioEntry, CpuStats, MemoryStats, Stats};
use crate::table::Table;

/// What the kernel calls it, and the metric. Control groups of version 1 know most of them, those of version 2 some.
const MEMORY: &[(&str, Table)] = &[
    ("active_anon", Table::MemoryActiveAnon),
    ("active_file", Table::MemoryActiveFile),
    ("anon", Table::MemoryAnon),
    ("cache", Table::MemoryCache),
    ("dirty", Table::MemoryDirty),
    ("file", Table::MemoryFile),
    ("hierarchical_memory_limit", Table::MemoryHierarchicalMemoryLimit),
    ("hierarchical_memsw_limit", Table::MemoryHierarchicalMemswLimit),
    ("inactive_anon", Table::MemoryInactiveAnon),
    ("inactive_file", Table::MemoryInactiveFile),
    ("mapped_file", Table::MemoryMappedFile),
    ("pgfault", Table::MemoryPgfault),
    ("pgmajfault", Table::MemoryPgmajfault),
    ("pgpgin", Table::MemoryPgpgin),
    ("pgpgout", Table::MemoryPgpgout),
    ("rss", Table::MemoryRss),
    ("rss_huge", Table::MemoryRssHuge),
    ("total_active_anon", Table::MemoryTotalActiveAnon),
    ("total_active_file", Table::MemoryTotalActiveFile),
    ("total_cache", Table::MemoryTotalCache),
    ("total_dirty", Table::MemoryTotalDirty),
    ("total_inactive_anon", Table::MemoryTotalInactiveAnon),
    ("total_inactive_file", Table::MemoryTotalInactiveFile),
    ("total_mapped_file", Table::MemoryTotalMappedFile),
    ("total_pgfault", Table::MemoryTotalPgfault),
    ("total_pgmajfault", Table::MemoryTotalPgmajfault),
    ("total_pgpgin", Table::MemoryTotalPgpgin),
    ("total_pgpgout", Table::MemoryTotalPgpgout),
    ("total_rss", Table::MemoryTotalRss),
    ("total_rss_huge", Table::MemoryTotalRssHuge),
    ("total_unevictable", Table::MemoryTotalUnevictable),
    ("total_writeback", Table::MemoryTotalWriteback),
    ("unevictable", Table::MemoryUnevictable),
    ("writeback", Table::MemoryWriteback),
];
/// `cpu_period` where the container has none, in microseconds.
const PERIOD: i64 = 100_000;

/// Records everything of a container, and ends its resource.
pub(crate) fn container(
    builder: &mut Builder<Table>,
    config: &Config,
    (container, stats): (&Container, &Stats),
    errors: &mut Errors,
) {
    let now = clock::unix_nanos();
    builder.time(now);
    cpu(builder, &stats.cpu_stats, &stats.precpu_stats);
    memory(builder, &stats.memory_stats);
    block_io(builder, stats);
    network(builder, stats);
    let pids = &stats.pids_stats;
    if pids.current != 0 {
        builder.uint(Table::PidsCount, pids.current, &[]);
        if pids.limit != 0 {
            builder.uint(Table::PidsLimit, pids.limit, &[]);
        }
    }
    match golang::time::rfc3339(&container.state.started_at) {
        Some(started) => {
            let nanos = i128::from(now) - started;
            if nanos > 0 {
                let seconds = std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
                builder.double(Table::Uptime, seconds.as_secs_f64(), &[]);
            }
        }
        None => errors.partial(
            1,
            format!(
                "error retrieving container.uptime from Container.State.StartedAt: {:?} is no time",
                container.state.started_at
            ),
        ),
    }
    builder.int(Table::CpuShares, container.host_config.cpu_shares, &[]);
    match cpu_limit(&container.host_config) {
        Ok(limit) if limit > 0.0 => builder.double(Table::CpuLimit, limit, &[]),
        Ok(_) => {}
        Err(why) => errors.partial(1, format!("error retrieving container.cpu.limit: {why}")),
    }
    builder.int(Table::Restarts, container.restart_count, &[]);
    resource(builder, config, container);
    builder.emit();
}

fn resource(builder: &mut Builder<Table>, config: &Config, container: &Container) {
    let its = &container.config;
    builder.resource("container.runtime", "docker");
    builder.resource("container.hostname", its.hostname.as_str());
    builder.resource("container.id", container.id.as_str());
    builder.resource("container.image.name", its.image.as_str());
    let name = container.name.strip_prefix('/').unwrap_or(&container.name);
    builder.resource("container.name", name);
    builder.resource("container.image.id", container.image.as_str());
    builder.resource("container.command_line", its.cmd.join(" ").as_str());
    for (variable, attribute) in &config.env_vars_to_metric_labels {
        let mut all = its.env.iter().filter_map(|it| it.split_once('='));
        let value = all.find(|it| it.0 == variable).map(|it| it.1);
        if let Some(value) = value.filter(|it| !it.trim().is_empty()) {
            builder.named(attribute, value);
        }
    }
    for (label, attribute) in &config.container_labels_to_metric_labels {
        if let Some(value) = its.labels.get(label).filter(|it| !it.is_empty()) {
            builder.named(attribute, value);
        }
    }
}

fn cpu(builder: &mut Builder<Table>, now: &CpuStats, before: &CpuStats) {
    builder.uint(Table::CpuUsageSystem, now.system_cpu_usage, &[]);
    builder.uint(Table::CpuUsageTotal, now.cpu_usage.total_usage, &[]);
    builder.uint(Table::CpuUsageKernelmode, now.cpu_usage.usage_in_kernelmode, &[]);
    builder.uint(Table::CpuUsageUsermode, now.cpu_usage.usage_in_usermode, &[]);
    let throttling = &now.throttling_data;
    builder.uint(Table::CpuThrottlingDataThrottledPeriods, throttling.throttled_periods, &[]);
    builder.uint(Table::CpuThrottlingDataPeriods, throttling.periods, &[]);
    builder.uint(Table::CpuThrottlingDataThrottledTime, throttling.throttled_time, &[]);
    builder.double(Table::CpuUtilization, cpu_percent(before, now), &[]);
    builder.uint(Table::CpuLogicalCount, now.online_cpus.into(), &[]);
    if builder.wants(Table::CpuUsagePercpu) {
        for (core, value) in now.cpu_usage.percpu_usage.iter().enumerate() {
            let core = format!("cpu{core}");
            builder.uint(Table::CpuUsagePercpu, *value, &[core.as_str().into()]);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "as in Go: nanoseconds of years fit well enough")]
fn cpu_percent(before: &CpuStats, now: &CpuStats) -> f64 {
    let used = now.cpu_usage.total_usage as f64 - before.cpu_usage.total_usage as f64;
    let system = now.system_cpu_usage as f64 - before.system_cpu_usage as f64;
    let cores = match now.online_cpus {
        0 => u32::try_from(now.cpu_usage.percpu_usage.len()).unwrap_or(u32::MAX),
        cores => cores,
    };
    if system > 0.0 && used > 0.0 { used / system * f64::from(cores) * 100.0 } else { 0.0 }
}

fn memory(builder: &mut Builder<Table>, memory: &MemoryStats) {
    let used = used_without_cache(memory);
    builder.uint(Table::MemoryUsageTotal, used, &[]);
    builder.uint(Table::MemoryUsageLimit, memory.limit, &[]);
    builder.double(Table::MemoryPercent, percent(used, memory.limit), &[]);
    builder.uint(Table::MemoryUsageMax, memory.max_usage, &[]);
    builder.uint(Table::MemoryFails, memory.failcnt, &[]);
    for (name, metric) in MEMORY {
        if let Some(value) = memory.stats.get(*name) {
            builder.uint(*metric, *value, &[]);
        }
    }
}

/// As the command `docker stats` shows it: without the cache that the kernel gives back first.
fn used_without_cache(memory: &MemoryStats) -> u64 {
    let cache = |name: &str| memory.stats.get(name).filter(|it| **it < memory.usage);
    // Version 1 of control groups, else version 2.
    let cache = cache("total_inactive_file").or_else(|| cache("inactive_file"));
    memory.usage - cache.copied().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory fit")]
fn percent(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 * 100.0 }
}

fn block_io(builder: &mut Builder<Table>, stats: &Stats) {
    let it = &stats.blkio_stats;
    let all: [(Table, &[BlkioEntry]); 8] = [
        (Table::BlockioIoMergedRecursive, &it.io_merged_recursive),
        (Table::BlockioIoQueuedRecursive, &it.io_queue_recursive),
        (Table::BlockioIoServiceBytesRecursive, &it.io_service_bytes_recursive),
        (Table::BlockioIoServiceTimeRecursive, &it.io_service_time_recursive),
        (Table::BlockioIoServicedRecursive, &it.io_serviced_recursive),
        (Table::BlockioIoTimeRecursive, &it.io_time_recursive),
        (Table::BlockioIoWaitTimeRecursive, &it.io_wait_time_recursive),
        (Table::BlockioSectorsRecursive, &it.sectors_recursive),
    ];
    for (metric, entries) in all {
        if !builder.wants(metric) {
            continue;
        }
        for entry in entries {
            let (major, minor) = (entry.major.to_string(), entry.minor.to_string());
            let operation = entry.op.to_lowercase();
            let attributes =
                [major.as_str().into(), minor.as_str().into(), operation.as_str().into()];
            builder.uint(metric, entry.value, &attributes);
        }
    }
}

fn network(builder: &mut Builder<Table>, stats: &Stats) {
    for (interface, it) in &stats.networks {
        for (metric, value) in [
            (Table::NetworkIoUsageRxBytes, it.rx_bytes),
            (Table::NetworkIoUsageTxBytes, it.tx_bytes),
            (Table::NetworkIoUsageRxDropped, it.rx_dropped),
            (Table::NetworkIoUsageTxDropped, it.tx_dropped),
            (Table::NetworkIoUsageRxPackets, it.rx_packets),
            (Table::NetworkIoUsageTxPackets, it.tx_packets),
            (Table::NetworkIoUsageRxErrors, it.rx_errors),
            (Table::NetworkIoUsageTxErrors, it.tx_errors),
        ] {
            builder.uint(metric, value, &[interface.as_str().into()]);
        }
    }
}

/// How many processors a container may use: by `--cpus`, `--cpuset-cpus` or `--cpu-quota`, the first that it has; 0 for all.
#[expect(clippy::cast_precision_loss, reason = "as in Go")]
fn cpu_limit(host: &HostConfig) -> Result<f64, String> {
    if host.nano_cpus > 0 {
        return Ok(host.nano_cpus as f64 / 1e9);
    }
    if !host.cpuset_cpus.is_empty() {
        return cpu_set(&host.cpuset_cpus).map(|it| it as f64);
    }
    let period = if host.cpu_period == 0 { PERIOD } else { host.cpu_period };
    Ok(if host.cpu_quota > 0 { host.cpu_quota as f64 / period as f64 } else { 0.0 })
}

/// How many processors a list such as `0-2,5` names.
fn cpu_set(text: &str) -> Result<u64, String> {
    let mut count = 0_u64;
    for part in text.split(',') {
        let Some((first, last)) = part.split_once('-') else {
            count += 1;
            continue;
        };
        let number = |it: &str| it.parse::<u64>().ok();
        let span =
            number(first).zip(number(last)).and_then(|(first, last)| last.checked_sub(first));
        let span = span.ok_or_else(|| format!("invalid -cpuset-cpus value: {text:?}"))?;
        count = count.saturating_add(span).saturating_add(1);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_limited_by_the_first_that_is_said() {
        let limit = |nano_cpus, set: &str, cpu_quota| {
            let cpuset_cpus = set.to_owned();
            cpu_limit(&HostConfig { nano_cpus, cpuset_cpus, cpu_quota, ..HostConfig::default() })
        };
        assert_eq!(limit(1_500_000_000, "0-2", 50_000), Ok(1.5));
        assert_eq!(limit(0, "0-2,5", 50_000), Ok(4.0));
        assert_eq!(limit(0, "", 50_000), Ok(0.5));
        assert_eq!(limit(0, "", 0), Ok(0.0));
        assert!(limit(0, "a-b", 0).is_err() && limit(0, "3-1", 0).is_err());
    }
}
