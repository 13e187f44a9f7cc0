//! Small machines with the files of several kernels.

use super::{BOOT, machine, scrape, scrapers};
use crate::cpu::Cpu;
use crate::disk::Disks;
use crate::filesystem::FileSystems;
use crate::load::Load;
use crate::memory::Usage;
use crate::network::Network;
use crate::nfs::Nfs;
use crate::paging::Paging;

/// Linux 5.15 on two CPUs.
pub(super) const FILES: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  300 20 100 8000 40 10 12 4 0 0\n\
         cpu0 200 10 60 4000 30 4 7 4 0 0\n\
         cpu1 100 10 40 4000 10 6 5 0 0 0\n\
         intr 12345 0 0\n\
         ctxt 99999\n\
         btime 1700000000\n\
         processes 4321\n\
         procs_running 2\n\
         procs_blocked 1\n\
         softirq 1 2 3\n",
    ),
    ("proc/loadavg", "0.50 1.25 2.00 2/345 6789\n"),
    ("proc/uptime", "4321.65 8000.12\n"),
    (
        "proc/meminfo",
        "MemTotal:       16384 kB\n\
         MemFree:         4096 kB\n\
         MemAvailable:    8192 kB\n\
         Buffers:         1024 kB\n\
         Cached:          2048 kB\n\
         SwapCached:         0 kB\n\
         Dirty:             12 kB\n\
         Shmem:             64 kB\n\
         KReclaimable:     512 kB\n\
         SReclaimable:     512 kB\n\
         SUnreclaim:       256 kB\n\
         HugePages_Total:       4\n\
         HugePages_Free:        3\n\
         HugePages_Rsvd:        1\n\
         HugePages_Surp:        0\n\
         Hugepagesize:       2048 kB\n",
    ),
    (
        "proc/swaps",
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
         /dev/dm-1                               partition\t1000\t\t250\t\t-2\n",
    ),
    ("proc/vmstat", "pgpgin 10\npgpgout 20\npswpin 1\npswpout 2\npgfault 30\npgmajfault 5\n"),
    (
        "proc/diskstats",
        "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n \
         259       0 nvme0n1 100 10 2000 1500 50 5 4000 2500 3 3456 4000 0 0 0 0 9 8\n \
         259       1 nvme0n1p1 90 9 1800 1400 40 4 3000 2400 0 3000 3800 0 0 0 0 0 0\n",
    ),
    (
        "proc/net/dev",
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
         lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0\n  \
         eth0:  5000      50    1    2    0     0          0         0     3000      30    3    4    0     0       0          0\n",
    ),
    (
        "proc/net/tcp",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
         0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1\n   \
         1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 101 1\n",
    ),
    ("proc/filesystems", "nodev\tsysfs\nnodev\ttmpfs\n\text4\n"),
    (
        "proc/1/mountinfo",
        "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw\n\
         23 22 0:21 / /run rw,nosuid shared:2 - tmpfs tmpfs rw\n",
    ),
    (
        "proc/net/rpc/nfs",
        "net 10 1 9 3\nrpc 100 2 5\nproc3 22 0 1 0 2 0 0 3 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
    ),
];

#[test]
fn time_of_all_cpus_is_one_point_for_each_state_and_by_cpu_if_wanted() {
    let (_folder, machine) = machine(FILES);
    let section = scrapers("{cpu: }");
    let together = scrape(&mut Cpu::new(&machine, section.cpu.get().unwrap()));
    assert_eq!(together.names(), ["system.cpu.logical.count", "system.cpu.time"]);
    assert_eq!(together.points("system.cpu.time").len(), 8);
    assert_eq!(together.value("system.cpu.time", "user"), 3.0);
    assert_eq!(together.value("system.cpu.time", "wait"), 0.4);
    assert_eq!(together.value("system.cpu.time", "interrupt"), 0.1);
    assert_eq!(together.value("system.cpu.logical.count", ""), 2.0);
    let resource = &together.data["resourceMetrics"][0];
    assert_eq!(resource["schemaUrl"], "https://opentelemetry.io/schemas/1.9.0");
    let scope = &resource["scopeMetrics"][0]["scope"];
    assert!(scope["name"].as_str().unwrap().ends_with("/internal/scraper/cpuscraper"));
    assert_eq!(scope["version"], "1.2.3");
    let point = &resource["scopeMetrics"][0]["metrics"][1]["sum"]["dataPoints"][0];
    assert_eq!(point["startTimeUnixNano"], (BOOT * 1_000_000_000).to_string());
    let section = scrapers("{cpu: {metrics: {system.cpu.time: {attributes: [cpu, state]}}}}");
    let apart = scrape(&mut Cpu::new(&machine, section.cpu.get().unwrap()));
    assert_eq!(apart.value("system.cpu.time", "cpu1,interrupt"), 0.06);
}

#[test]
fn utilization_is_what_was_done_since_the_scrape_before() {
    let (folder, machine) = machine(FILES);
    let section =
        "{cpu: {metrics: {system.cpu.utilization: {enabled: true, attributes: [cpu, state]}}}}";
    let section = scrapers(section);
    let mut cpu = Cpu::new(&machine, section.cpu.get().unwrap());
    assert_eq!(scrape(&mut cpu).points("system.cpu.utilization"), []);
    // CPU 0 has worked 30 ticks of 100 for users; CPU 1 has gone.
    let now = "cpu  0\ncpu0 230 10 60 4070 30 4 7 4 0 0\nbtime 1\n";
    std::fs::write(folder.path().join("proc/stat"), now).unwrap();
    let second = scrape(&mut cpu);
    assert!(second.errors.is_empty(), "{}", second.errors);
    let near = |state: &str, want: f64| {
        let value = second.value("system.cpu.utilization", &format!("cpu0,{state}"));
        assert!((value - want).abs() < 1e-9, "{state}: {value}");
    };
    near("user", 0.3);
    near("idle", 0.7);
    near("system", 0.0);
    assert_eq!(second.points("system.cpu.utilization").len(), 8);
}

#[test]
fn load_is_as_the_kernel_says_or_by_cpu() {
    let (_folder, machine) = machine(FILES);
    let load = |section: &str| {
        let section = scrapers(section);
        scrape(&mut Load::new(&machine, section.load.get().unwrap()))
    };
    let plain = load("{load: }");
    let names = ["15m", "1m", "5m"].map(|it| format!("system.cpu.load_average.{it}"));
    assert_eq!(plain.names(), names);
    assert_eq!(plain.value("system.cpu.load_average.5m", ""), 1.25);
    let cpus = crate::machine::own_cpus() as f64;
    let by_cpu = load("{load: {cpu_average: true}}");
    assert_eq!(by_cpu.value("system.cpu.load_average.5m", ""), 1.25 / cpus);
}

#[test]
fn memory_is_split_into_states() {
    let (_folder, machine) = machine(FILES);
    let section = scrapers(
        "{memory: {metrics: {system.memory.utilization: {enabled: true}, system.memory.limit: {enabled: true}, \
         system.memory.linux.hugepages.usage: {enabled: true}, system.linux.memory.available: {enabled: true}}}}",
    );
    let scraped = scrape(&mut Usage::new(&machine, section.memory.get().unwrap()));
    let kib = |state: &str| scraped.value("system.memory.usage", state) / 1024.0;
    assert_eq!(["used", "free", "buffered"].map(kib), [8192.0, 4096.0, 1024.0]);
    assert_eq!(
        ["cached", "slab_reclaimable", "slab_unreclaimable"].map(kib),
        [2560.0, 512.0, 256.0]
    );
    assert_eq!(scraped.value("system.memory.utilization", "used"), 0.5);
    assert_eq!(scraped.value("system.memory.limit", ""), 16384.0 * 1024.0);
    assert_eq!(scraped.value("system.linux.memory.available", ""), 8192.0 * 1024.0);
    assert_eq!(scraped.value("system.memory.linux.hugepages.usage", "used"), 1.0);
}

#[test]
fn paging_has_devices_operations_and_faults() {
    let (folder, machine) = machine(FILES);
    let section = scrapers("{paging: {metrics: {system.paging.utilization: {enabled: true}}}}");
    let mut paging = Paging::new(&machine, section.paging.get().unwrap());
    let scraped = scrape(&mut paging);
    assert_eq!(scraped.value("system.paging.usage", "/dev/dm-1,used"), 250.0 * 1024.0);
    assert_eq!(scraped.value("system.paging.utilization", "/dev/dm-1,free"), 0.75);
    assert_eq!(scraped.value("system.paging.operations", "page_in,minor"), 10.0 * 4096.0);
    assert_eq!(scraped.value("system.paging.operations", "page_out,major"), 2.0 * 4096.0);
    assert_eq!(scraped.value("system.paging.faults", "minor"), 25.0 * 4096.0);
    // Half of it can still be had.
    std::fs::remove_file(folder.path().join("proc/swaps")).unwrap();
    let half = scrape(&mut paging);
    let text = half.errors.to_string();
    assert!(text.starts_with("failed to read page file stats: open "), "{text}");
    assert!(text.ends_with("/proc/swaps: no such file or directory"), "{text}");
    assert_eq!(
        (half.errors.failed(), half.names()),
        (2, vec!["system.paging.faults", "system.paging.operations"])
    );
}

#[test]
fn disks_that_never_worked_are_left_out() {
    let (_folder, machine) = machine(FILES);
    let disks = |section: &str| {
        let section = scrapers(section);
        scrape(&mut Disks::new(&machine, section.disk.get().unwrap()))
    };
    let all = disks("{disk: }");
    assert_eq!(all.names().len(), 7);
    assert_eq!(all.points("system.disk.io_time").len(), 2);
    assert_eq!(all.value("system.disk.io", "nvme0n1,read"), 2000.0 * 512.0);
    assert_eq!(all.value("system.disk.io", "nvme0n1,write"), 4000.0 * 512.0);
    assert_eq!(all.value("system.disk.operations", "nvme0n1,write"), 50.0);
    assert_eq!(all.value("system.disk.operation_time", "nvme0n1,read"), 1.5);
    assert_eq!(all.value("system.disk.io_time", "nvme0n1"), 3.456);
    assert_eq!(all.value("system.disk.pending_operations", "nvme0n1"), 3.0);
    assert_eq!(all.value("system.disk.merged", "nvme0n1,read"), 10.0);
    let some = disks("{disk: {exclude: {devices: ['p[0-9]$'], match_type: regexp}}}");
    assert_eq!(some.points("system.disk.io_time").len(), 1);
}

#[test]
fn interfaces_and_connections_are_counted() {
    let (_folder, machine) = machine(FILES);
    let section = scrapers("{network: {include: {interfaces: [eth0], match_type: strict}}}");
    let scraped = scrape(&mut Network::new(&machine, section.network.get().unwrap()));
    assert!(scraped.errors.is_empty(), "{}", scraped.errors);
    assert_eq!(scraped.points("system.network.io").len(), 2);
    assert_eq!(scraped.value("system.network.io", "eth0,receive"), 5000.0);
    assert_eq!(scraped.value("system.network.packets", "eth0,transmit"), 30.0);
    assert_eq!(scraped.value("system.network.errors", "eth0,transmit"), 3.0);
    assert_eq!(scraped.value("system.network.dropped", "eth0,receive"), 2.0);
    assert_eq!(scraped.points("system.network.connections").len(), 11);
    assert_eq!(scraped.value("system.network.connections", "tcp,LISTEN"), 1.0);
    assert_eq!(scraped.value("system.network.connections", "tcp,CLOSE_WAIT"), 0.0);
}

#[test]
fn file_systems_are_looked_at_below_the_root_path() {
    let (folder, machine) = machine(FILES);
    let section = scrapers("{filesystem: {include_virtual_filesystems: true}}");
    let mut scraper = FileSystems::new(&machine, section.filesystem.get().unwrap());
    let scraped = scrape(&mut scraper);
    let text = scraped.errors.to_string();
    let run = folder.path().join("run");
    assert_eq!(
        text,
        format!("failed to read usage at {}: no such file or directory", run.display())
    );
    let used = scraped.value("system.filesystem.usage", "/dev/nvme0n1p1,rw,/,ext4,used");
    let stat = rustix::fs::statvfs(folder.path()).unwrap();
    let real = ((stat.f_blocks - stat.f_bfree) * stat.f_frsize) as f64;
    assert!((used - real).abs() < 64.0 * 1024.0 * 1024.0, "{used} {real}");
    assert_eq!(scraped.names(), ["system.filesystem.inodes.usage", "system.filesystem.usage"]);
}

#[test]
fn a_machine_without_nfs_is_no_error() {
    let (folder, machine) = machine(FILES);
    let section = scrapers("{nfs: }");
    let mut nfs = Nfs::new(&machine, section.nfs.get().unwrap());
    let scraped = scrape(&mut nfs);
    assert!(scraped.errors.is_empty());
    assert_eq!(scraped.value("nfs.client.net.count", "tcp"), 9.0);
    assert_eq!(scraped.value("nfs.client.procedure.count", "3,LOOKUP"), 2.0);
    assert_eq!(scraped.value("nfs.client.rpc.retransmit.count", ""), 2.0);
    std::fs::remove_dir_all(folder.path().join("proc/net/rpc")).unwrap();
    let none = scrape(&mut nfs);
    assert!(none.errors.is_empty() && none.names().is_empty());
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_not_a_zero() {
    let (_folder, machine) = machine(&[("proc/net/dev", "")]);
    let section = scrapers("{cpu: , load: , memory: , disk: , network: , filesystem: }");
    let failed = |scraped: super::Scrape, failed: u64, want: &str| {
        let text = scraped.errors.to_string();
        assert!(text.contains(want), "{text}");
        assert_eq!((scraped.errors.failed(), scraped.names()), (failed, Vec::new()));
    };
    let nothing = "no such file or directory";
    failed(scrape(&mut Cpu::new(&machine, section.cpu.get().unwrap())), 2, nothing);
    failed(scrape(&mut Load::new(&machine, section.load.get().unwrap())), 3, nothing);
    let wrong = "couldn't read /";
    failed(scrape(&mut Usage::new(&machine, section.memory.get().unwrap())), 2, wrong);
    failed(scrape(&mut Disks::new(&machine, section.disk.get().unwrap())), 7, nothing);
    let wrong = "failed to read TCP connections: open /";
    failed(scrape(&mut Network::new(&machine, section.network.get().unwrap())), 1, wrong);
    failed(scrape(&mut FileSystems::new(&machine, section.filesystem.get().unwrap())), 2, nothing);
}
