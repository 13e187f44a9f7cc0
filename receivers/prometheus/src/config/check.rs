//! What is wrong with a section. Texts of Prometheus, where it has them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use component::Problems;
use hickory_proto::rr::RecordType;

use super::http::{check_client, unreadable};
use super::{
    Config, Global, PrometheusConfig, RelabelConfig, ScrapeConfig, Text, allocator, kubernetes,
};
use crate::dns;
use crate::relabel::{Rule, Rules};

/// `config.ScrapeProtocolsHeaders` of Prometheus.
const PROTOCOLS: [&str; 5] = [
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
];

/// Looks at everything that can be seen without the network. The rules of each job, unless one of them is wrong.
pub(crate) fn check(config: &Config, problems: &mut Problems) -> Option<Vec<Rules>> {
    let prometheus = &config.config;
    let jobs = &prometheus.scrape_configs;
    if let Some(section) = &config.target_allocator {
        allocator::check(section, problems);
    } else if jobs.is_empty() && prometheus.scrape_config_files.is_empty() {
        let text = "no Prometheus scrape_configs or target_allocator set";
        problems.at("", text).about("config");
    }
    if config.api_server.enabled {
        let text = "api_server is not supported: remove it, or set enabled to false";
        problems.at("", text).set("api_server", "{enabled: false}");
    }
    unsupported(prometheus, problems);
    check_global(&prometheus.global, problems);
    let mut names = HashSet::new();
    let mut all = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        let key = format!("config::scrape_configs::{at}");
        if job.job_name.is_empty() {
            unreadable(problems, &key, "job_name is empty").about("job_name");
        } else if !names.insert(&*job.job_name) {
            let name = &*job.job_name;
            let text = format!("found multiple scrape configs with job name {name:?}");
            unreadable(problems, &key, &text).about("job_name");
        }
        all.push(check_job(job, prometheus, &key, problems));
    }
    all.into_iter().collect()
}

/// What Prometheus says of `global:` while it reads it.
fn check_global(global: &Global, problems: &mut Problems) {
    const KEY: &str = "config::global";
    for (name, value) in [
        ("scrape_interval", &global.scrape_interval),
        ("scrape_timeout", &global.scrape_timeout),
        ("evaluation_interval", &global.evaluation_interval),
    ] {
        if !value.is_empty() && duration(value).is_none() {
            bad_duration(KEY, name, value, problems);
        }
    }
    let scheme = &*global.naming.metric_name_validation_scheme;
    if !matches!(scheme, "" | "utf8" | "legacy") {
        let text = format!("unrecognized ValidationScheme: {scheme:?}");
        unreadable(problems, KEY, &text)
            .one_of("metric_name_validation_scheme", &["utf8", "legacy"]);
    }
}

/// `PromConfig.Validate`, and what Sluice lacks.
fn unsupported(prometheus: &PrometheusConfig, problems: &mut Problems) {
    let alerting = prometheus.alerting.as_ref();
    let has = |key: &str| alerting.is_some_and(|it| it.get(key).is_some());
    let mut found = Vec::new();
    for (name, key, there) in [
        ("alert_config.alertmanagers", "alerting", has("alertmanagers")),
        ("alert_config.relabel_configs", "alerting", has("alert_relabel_configs")),
        ("remote_read", "remote_read", !prometheus.remote_read.is_empty()),
        ("remote_write", "remote_write", !prometheus.remote_write.is_empty()),
        ("rule_files", "rule_files", !prometheus.rule_files.is_empty()),
    ] {
        if there {
            found.push((name, key));
        }
    }
    if let Some((_, key)) = found.first() {
        let names: Vec<&str> = found.iter().map(|it| it.0).collect();
        let text = format!("unsupported features:\n\t{}", names.join("\n\t"));
        problems.at("config", text).remove(key);
    }
    if !prometheus.scrape_config_files.is_empty() {
        let text = "scrape_config_files are not supported yet: write their jobs into \
                    scrape_configs, or name the files with --config";
        problems.at("config", text).about("scrape_config_files");
    }
}

/// Looks at one job. Its rules, unless one of them is wrong.
pub(crate) fn check_job(
    job: &ScrapeConfig,
    prometheus: &PrometheusConfig,
    key: &str,
    problems: &mut Problems,
) -> Option<Rules> {
    let global = &prometheus.global;
    let of = |own: &Text, global: &Text| if own.is_empty() { global.clone() } else { own.clone() };
    let interval = of(&job.scrape_interval, &global.scrape_interval);
    let timeout = of(&job.scrape_timeout, &global.scrape_timeout);
    match (duration(&interval), duration(&timeout)) {
        // As Prometheus: a timeout that is only the default gives way.
        (Some(interval), Some(timeout)) if timeout > interval && !job.scrape_timeout.is_empty() => {
            let name = &*job.job_name;
            let text = format!(
                "scrape timeout greater than scrape interval for scrape config with job name {name:?}"
            );
            unreadable(problems, key, &text).about("scrape_timeout");
        }
        // Those of `global:` have been looked at.
        (None, _) if !job.scrape_interval.is_empty() => {
            bad_duration(key, "scrape_interval", &interval, problems);
        }
        (_, None) if !job.scrape_timeout.is_empty() => {
            bad_duration(key, "scrape_timeout", &timeout, problems);
        }
        _ => {}
    }
    if !matches!(job.scheme.as_str(), "http" | "https") {
        problems
            .at(key, format!("scheme {:?} is neither http nor https", job.scheme))
            .set("scheme", "http");
    }
    let size = &job.limits.body_size_limit;
    if !size.is_empty() && bytes(size).is_none() {
        unreadable(problems, key, &format!("units: invalid {}", &**size)).about("body_size_limit");
    }
    for protocol in job.scrape_protocols.iter().filter(|it| !PROTOCOLS.contains(&it.as_str())) {
        let text = format!(
            "scrape_protocols: unknown scrape protocol {protocol}, supported: [{}] for scrape config with job name {:?}",
            PROTOCOLS.join(" "),
            &*job.job_name
        );
        unreadable(problems, key, &text).about("scrape_protocols");
    }
    for target in job.discovery.static_configs.iter().flat_map(|it| &it.targets) {
        if target.contains('/') {
            let text = format!("{target:?} is not a valid hostname");
            unreadable(problems, key, &text).about("static_configs");
        }
    }
    check_client(&job.client, key, problems);
    let targets = rules(&job.relabel_configs, &format!("{key}::relabel_configs"), problems);
    let metrics =
        rules(&job.metric_relabel_configs, &format!("{key}::metric_relabel_configs"), problems);
    check_discovery(job, key, problems);
    Some(Rules { targets: targets?, metrics: metrics? })
}

fn bad_duration(key: &str, name: &str, value: &str, problems: &mut Problems) {
    unreadable(problems, key, &format!("not a valid duration string: {value:?}")).about(name);
}

fn rules(rules: &[RelabelConfig], key: &str, problems: &mut Problems) -> Option<Arc<[Rule]>> {
    let mut all = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        match Rule::new(rule) {
            Ok(rule) => all.push(rule),
            Err((part, why)) => {
                unreadable(problems, &format!("{key}::{at}"), &why).about(part);
            }
        }
    }
    (all.len() == rules.len()).then(|| all.into())
}

fn check_discovery(job: &ScrapeConfig, key: &str, problems: &mut Problems) {
    let it = &job.discovery;
    for (name, listed) in [
        ("consul_sd_configs", &it.consul_sd_configs),
        ("ec2_sd_configs", &it.ec2_sd_configs),
        ("gce_sd_configs", &it.gce_sd_configs),
        ("azure_sd_configs", &it.azure_sd_configs),
        ("docker_sd_configs", &it.docker_sd_configs),
        ("dockerswarm_sd_configs", &it.dockerswarm_sd_configs),
        ("openstack_sd_configs", &it.openstack_sd_configs),
    ] {
        if !listed.is_empty() {
            let text = format!(
                "{name} is not supported yet: targets come from static_configs, kubernetes_sd_configs, file_sd_configs, http_sd_configs and dns_sd_configs"
            );
            problems.at(key, text).about(name);
        }
    }
    for (at, dns) in it.dns_sd_configs.iter().enumerate() {
        if dns.names.is_empty() {
            let text = "DNS-SD config must contain at least one SRV record name";
            unreadable(problems, &format!("{key}::dns_sd_configs::{at}"), text).about("names");
        } else if dns::kind(&dns.record).is_none() {
            let text = format!("invalid DNS-SD records type {}", dns.record);
            unreadable(problems, &format!("{key}::dns_sd_configs::{at}"), &text)
                .one_of("type", &["SRV", "A", "AAAA", "MX", "NS"]);
        } else if dns.port == 0 && dns::kind(&dns.record) != Some(RecordType::SRV) {
            let text = "a port is required in DNS-SD configs for all record types except SRV";
            unreadable(problems, &format!("{key}::dns_sd_configs::{at}"), text).about("port");
        }
    }
    for (at, file) in it.file_sd_configs.iter().enumerate() {
        for path in &file.files {
            let json = path.rsplit_once('.').is_some_and(|it| it.1.eq_ignore_ascii_case("json"));
            if !json {
                let text = format!("{path}: only JSON is read from files of targets yet");
                problems.at(format!("{key}::file_sd_configs::{at}"), text).about("files");
            }
        }
    }
    for (at, section) in it.kubernetes_sd_configs.iter().enumerate() {
        kubernetes::check(section, &format!("{key}::kubernetes_sd_configs::{at}"), problems);
    }
    for (at, http) in it.http_sd_configs.iter().enumerate() {
        let key = format!("{key}::http_sd_configs::{at}");
        if let Err(why) = confighttp::client::Url::parse(&http.url) {
            problems.at(&key, why).about("url");
        }
        check_client(&http.client, &key, problems);
    }
}

/// `model.ParseDuration`: `1h30m`, units from `y` to `ms` in this order.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let units = [
        ("y", 365 * 24 * 3_600_000),
        ("w", 7 * 24 * 3_600_000),
        ("d", 24 * 3_600_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let (mut rest, mut millis, mut first) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|it: char| it.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let at = units.iter().position(|it| it.0 == unit).filter(|at| *at >= first)?;
        let (_, scale) = units.get(at)?;
        millis = number.parse::<u64>().ok()?.checked_mul(*scale)?.checked_add(millis)?;
        (rest, first) = (next, at + 1);
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// `units.ParseBase2Bytes`: `10MB`, where a thousand is 1024. A number alone is bytes.
pub(crate) fn bytes(text: &str) -> Option<usize> {
    let digits = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_prometheus() {
        for (text, millis) in
            [("15s", 15_000), ("1m30s", 90_000), ("1d", 86_400_000), ("500ms", 500), ("0", 0)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "15", "s", "1.5s", "30s1m", "-1s", "1s1s", "99999999999999y"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, want) in [("10MB", 10 << 20), ("1KiB", 1024), ("7", 7), ("2GB", 2 << 30)] {
            assert_eq!(bytes(text), Some(want), "{text}");
        }
        assert_eq!(bytes("10Mb"), None);
    }
}
