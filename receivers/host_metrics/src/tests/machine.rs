//! The machine that the test runs on.

use component::config::Section;
use scraping::{BlockingScraper, Catalog, Errors};

use super::{Scrape, scrape, scrapers};
use crate::machine::{Files, Machine, Root, boot_time};
use crate::{cpu, disk, filesystem, load, memory, network, paging, process, processes, system};

fn here() -> Machine {
    let root = Root::new("");
    let boot = boot_time(&mut Files::new(&root)).unwrap();
    Machine { root, version: "1.2.3", boot }
}

/// The section of a scraper with each of its metrics.
fn all<T: Catalog>(scraper: &str, more: &str) -> crate::Scrapers {
    let metrics = T::METRICS.iter().map(|it| format!("{}: {{enabled: true}}", it.name));
    let metrics: Vec<_> = metrics.collect();
    scrapers(&format!("{{{scraper}: {{{more}metrics: {{{}}}}}}}", metrics.join(", ")))
}

/// The metrics of a table that a scrape did not have.
fn missing<T: Catalog>(scraped: &Scrape) -> Vec<&'static str> {
    let names = scraped.names();
    T::METRICS.iter().map(|it| it.name).filter(|it| !names.contains(it)).collect()
}

fn section<T>(it: &Section<T>) -> &T {
    it.get().unwrap()
}

#[test]
fn each_metric_that_this_machine_has_is_measured() {
    let here = here();
    let scrapers = all::<cpu::Table>("cpu", "");
    let mut scraper = cpu::Cpu::new(&here, section(&scrapers.cpu));
    scrape(&mut scraper);
    // A virtual machine may hide frequency and cores.
    let lost = missing::<cpu::Table>(&scrape(&mut scraper));
    assert!(lost.iter().all(|it| *it == "system.cpu.frequency"), "{lost:?}");

    let scrapers = all::<memory::Table>("memory", "");
    let scraped = scrape(&mut memory::Usage::new(&here, section(&scrapers.memory)));
    let lost = missing::<memory::Table>(&scraped);
    assert!(lost.iter().all(|it| it.contains("hugepages.utilization")), "{lost:?}");

    let scrapers = all::<load::Table>("load", "");
    let scraped = scrape(&mut load::Load::new(&here, section(&scrapers.load)));
    assert_eq!(missing::<load::Table>(&scraped), [""; 0]);

    let scrapers = all::<filesystem::Table>("filesystem", "include_virtual_filesystems: true, ");
    let scraped = scrape(&mut filesystem::FileSystems::new(&here, section(&scrapers.filesystem)));
    assert_eq!(missing::<filesystem::Table>(&scraped), [""; 0]);

    let scrapers = all::<network::Table>("network", "");
    let scraped = scrape(&mut network::Network::new(&here, section(&scrapers.network)));
    let lost = missing::<network::Table>(&scraped);
    assert!(lost.iter().all(|it| it.contains("conntrack")), "{lost:?}");

    let scrapers = all::<paging::Table>("paging", "");
    let scraped = scrape(&mut paging::Paging::new(&here, section(&scrapers.paging)));
    let lost = missing::<paging::Table>(&scraped);
    // Without swap space there is no device.
    assert!(lost.iter().all(|it| it.ends_with("usage") || it.ends_with("utilization")), "{lost:?}");

    let scrapers = all::<processes::Table>("processes", "");
    let scraped = scrape(&mut processes::Processes::new(&here, section(&scrapers.processes)));
    assert_eq!(missing::<processes::Table>(&scraped), [""; 0]);
    let counted: f64 = scraped.points("system.processes.count").iter().map(|it| it.1).sum();
    let there = crate::proc_stat::pids(&here.root).unwrap().len() as f64;
    assert!((counted - there).abs() <= 50.0, "{counted} {there}");

    let scrapers = all::<system::Table>("system", "");
    let scraped = scrape(&mut system::System::new(&here, section(&scrapers.system)));
    assert_eq!(missing::<system::Table>(&scraped), [""; 0]);

    let scrapers = all::<disk::Table>("disk", "");
    let scraped = scrape(&mut disk::Disks::new(&here, section(&scrapers.disk)));
    assert!([0, 7].contains(&scraped.names().len()), "{:?}", scraped.names());
}

#[test]
fn time_of_the_cpus_is_that_of_the_first_line_of_proc_stat() {
    let here = here();
    let scrapers = scrapers("{cpu: }");
    let scraped = scrape(&mut cpu::Cpu::new(&here, section(&scrapers.cpu)));
    let sum: f64 = scraped.points("system.cpu.time").iter().map(|it| it.1).sum();
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks = stat.lines().next().unwrap().split_whitespace().skip(1).take(8);
    let want: f64 = ticks.map(|it| it.parse::<f64>().unwrap() / 100.0).sum();
    assert!((sum - want).abs() < 0.01 * want + 5.0, "{sum} {want}");
}

#[test]
fn space_of_file_systems_is_that_of_statvfs() {
    let here = here();
    let scrapers = scrapers("{filesystem: {include_virtual_filesystems: true}}");
    let scraped = scrape(&mut filesystem::FileSystems::new(&here, section(&scrapers.filesystem)));
    let points = scraped.points("system.filesystem.usage");
    let mut compared = 0;
    for (attributes, free) in points.iter().filter(|it| it.0.ends_with(",free")) {
        let point = attributes.split(',').nth(2).unwrap();
        let Ok(stat) = rustix::fs::statvfs(point) else { continue };
        let want = (stat.f_bavail * stat.f_frsize) as f64;
        // Others write meanwhile.
        assert!((free - want).abs() < 512.0 * 1024.0 * 1024.0, "{attributes} {free} {want}");
        compared += 1;
    }
    assert!(compared > 0, "{points:?}");
}

/// The only resource of a scrape of this process.
fn own(more: &str) -> Scrape {
    let metrics: Vec<_> = process::Table::METRICS
        .iter()
        .map(|it| format!("{}: {{enabled: {}}}", it.name, it.name != "process.handles"))
        .collect();
    let pid = std::process::id();
    let text = format!(
        "{{process: {{{more}metrics: {{{}}}, resource_attributes: {{process.cgroup: {{enabled: true}}, \
         process.pid: {{metrics_include: [{{strict: '{pid}'}}]}}}}}}}}",
        metrics.join(", ")
    );
    let scrapers = scrapers(&text);
    let mut scraper = process::Processes::new(&here(), section(&scrapers.process));
    // For what has to be compared with a scrape before.
    drop(scraper.scrape(&mut Errors::default()));
    scrape(&mut scraper)
}

#[test]
fn this_process_is_a_resource_with_all_that_is_known_of_it() {
    let scraped = own("");
    assert_eq!(missing::<process::Table>(&scraped), ["process.handles"]);
    let resource = &scraped.data["resourceMetrics"][0]["resource"]["attributes"];
    let attribute = |key: &str| {
        let found = resource.as_array().unwrap().iter().find(|it| it["key"] == key);
        let value = &found.unwrap_or_else(|| panic!("{key}: {resource}"))["value"];
        value["stringValue"].as_str().or(value["intValue"].as_str()).unwrap().to_owned()
    };
    let program = std::env::current_exe().unwrap();
    assert_eq!(attribute("process.executable.path"), program.to_str().unwrap());
    let name = program.file_name().unwrap().to_str().unwrap();
    assert_eq!(attribute("process.executable.name"), name, "it is longer than the kernel keeps");
    let words = std::fs::read_to_string("/proc/self/cmdline").unwrap();
    let words: Vec<&str> = words.trim_end_matches('\0').split('\0').collect();
    assert_eq!(attribute("process.command"), words[0]);
    assert_eq!(attribute("process.command_line"), words.join(" "));
    assert_eq!(attribute("process.pid"), std::process::id().to_string());
    assert_eq!(attribute("process.parent_pid"), std::os::unix::process::parent_id().to_string());
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    assert_eq!(attribute("process.cgroup"), groups.trim_end());
    assert!(
        scraped.value("process.memory.virtual", "") >= scraped.value("process.memory.usage", "")
    );
    assert!(scraped.value("process.threads", "") >= 1.0);
    assert!(scraped.value("process.open_file_descriptors", "") >= 3.0);
    assert!(scraped.value("process.uptime", "") < 3600.0);
    let cpu: f64 = scraped.points("process.cpu.time").iter().map(|it| it.1).sum();
    assert!((0.0..600.0).contains(&cpu), "{cpu}");
}

#[test]
fn young_processes_and_others_by_name_are_left_out() {
    assert!(own("scrape_process_delay: 10h, ").names().is_empty());
    assert!(own("include: {names: [init], match_type: strict}, ").names().is_empty());
    assert!(own("exclude: {names: [host_metrics], match_type: regexp}, ").names().is_empty());
    assert!(!own("include: {names: [host_metrics], match_type: regexp}, ").names().is_empty());
}

#[test]
fn what_cannot_be_read_of_a_process_is_said_unless_it_is_muted() {
    // A process without an executable, of a user without a name, that may not be looked at: a thread of the kernel.
    let stat = "2 (kthreadd) S 0 0 0 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
    let files = [
        ("proc/stat", "cpu 1\nbtime 1700000000\n"),
        ("proc/2/stat", stat),
        ("proc/2/comm", "kthreadd\n"),
        ("proc/2/cmdline", ""),
        ("proc/2/status", "Name:\tkthreadd\nUid:\t4000000\t0\t0\t0\n"),
        ("proc/2/statm", "0 0 0 0 0 0 0\n"),
        // Where a text should be.
        ("proc/2/io/file", ""),
    ];
    let (folder, machine) = super::machine(&files);
    let scraped = |section: &str| {
        let scrapers = scrapers(section);
        scrape(&mut process::Processes::new(&machine, section_of(&scrapers)))
    };
    fn section_of(it: &crate::Scrapers) -> &process::Config {
        it.process.get().unwrap()
    }
    let told = scraped("{process: }");
    let proc = folder.path().join("proc/2");
    let proc = proc.display();
    assert_eq!(
        told.errors.to_string(),
        format!(
            "error reading process executable for pid 2: readlink {proc}/exe: no such file or directory; \
             error reading username for process \"kthreadd\" (pid 2): user: unknown userid 4000000; \
             error reading disk usage for process \"kthreadd\" (pid 2): read {proc}/io: is a directory"
        )
    );
    assert_eq!(told.errors.failed(), 2);
    assert_eq!(told.value("process.cpu.time", "system"), 0.06);
    let muted = scraped(
        "{process: {mute_process_exe_error: true, mute_process_user_error: true, mute_process_io_error: true}}",
    );
    assert!(muted.errors.is_empty(), "{}", muted.errors);
    assert!(scraped("{process: {mute_process_all_errors: true}}").errors.is_empty());
    assert_eq!(muted.names(), told.names());
}

#[test]
fn a_scrape_like_the_one_before_allocates_little() {
    let here = here();
    let scrapers = scrapers("{cpu: , load: , memory: , disk: , network: , system: }");
    let check = |name: &str, most: u64, scraper: &mut dyn FnMut()| {
        scraper();
        scraper();
        let measured = allocation_counter::measure(&mut *scraper);
        assert!(measured.count_total <= most, "{name}: {measured:?}");
    };
    macro_rules! check {
        ($($name:ident $most:literal: $scraper:expr;)*) => {$({
            let mut scraper = $scraper;
            check(stringify!($name), $most, &mut || drop(scraper.scrape(&mut Errors::default())));
        })*};
    }
    // Each hands out one buffer.
    check! {
        cpu 8: cpu::Cpu::new(&here, section(&scrapers.cpu));
        load 8: load::Load::new(&here, section(&scrapers.load));
        memory 16: memory::Usage::new(&here, section(&scrapers.memory));
        disk 8: disk::Disks::new(&here, section(&scrapers.disk));
        network 8: network::Network::new(&here, section(&scrapers.network));
        system 8: system::System::new(&here, section(&scrapers.system));
    }
}
