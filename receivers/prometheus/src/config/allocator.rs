//! `target_allocator:` (`receiver/prometheusreceiver/internal/targetallocator/config.go`, v0.149).

use component::Problems;
use component::config::{Caution, Duration, MapList, Value};
use serde::{Deserialize, Serialize};

use super::http::{HttpClient, check_client};
use super::job::HttpSd;

/// The allocator of the OpenTelemetry operator: it says what is scraped, and which of the targets are this collector's.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "targetallocator.Config", unmarshals)]
pub struct TargetAllocator {
    /// Its URL.
    pub endpoint: String,
    /// Pause before it is asked again which jobs there are. Must be positive.
    pub interval: Duration,
    /// Who this collector is to it: the name of the pod. Required.
    pub collector_id: String,
    /// Longest time of a request; 0 is 30s. Default 30s.
    pub timeout: Duration,
    /// For `https`.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Sent with every request for jobs.
    #[config(omit_empty)]
    pub headers: MapList,
    /// Proxy for all requests to it.
    #[config(omit_empty)]
    pub proxy_url: String,
    /// How it is asked for the targets of a job. Default: every 30s.
    #[config(omit_empty)]
    pub http_sd_config: Option<HttpSd>,
    /// How all targets are asked, in place of what it says.
    #[config(omit_empty)]
    pub http_scrape_config: Option<HttpClient>,
    /// Refused: not supported yet.
    #[config(omit_empty)]
    pub auth: Option<Value>,
    /// Without effect: nothing is sent.
    #[config(omit_empty)]
    pub compression: Option<Value>,
    /// Without effect: each request has a connection of its own.
    #[config(omit_empty)]
    pub max_idle_conns: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub idle_conn_timeout: Option<Value>,
}

/// Time of a request where the section says 0.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

impl Default for TargetAllocator {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            interval: Duration::ZERO,
            collector_id: String::new(),
            timeout: TIMEOUT,
            tls: configtls::ClientConfig::default(),
            headers: MapList::default(),
            proxy_url: String::new(),
            http_sd_config: None,
            http_scrape_config: None,
            auth: None,
            compression: None,
            max_idle_conns: None,
            idle_conn_timeout: None,
        }
    }
}

/// What is wrong with it.
pub(super) fn check(section: &TargetAllocator, problems: &mut Problems) {
    let key = "target_allocator";
    if confighttp::client::Url::parse(&section.endpoint).is_err() {
        let text = format!("TargetAllocator endpoint is not valid: {}", section.endpoint);
        problems.at(key, text).about("endpoint");
    }
    if section.collector_id.is_empty() || section.collector_id.contains("${") {
        problems.at(key, "CollectorID is not a valid ID").about("collector_id");
    }
    if section.interval.nanos() <= 0 {
        let text = format!("interval must be a positive duration, got {}", section.interval);
        problems.at(key, text).set("interval", "30s");
    }
    if section.timeout.nanos() < 0 {
        problems.at(key, "timeout must not be negative").set("timeout", "30s");
    }
    if section.auth.is_some() {
        problems.at(key, "auth is not supported for a target allocator yet").about("auth");
    }
    section.tls.validate("target_allocator::tls", problems);
    section.headers.validate("target_allocator::headers", problems);
    if let Some(http) = &section.http_sd_config {
        check_client(&http.client, "target_allocator::http_sd_config", problems);
    }
    if let Some(client) = &section.http_scrape_config {
        check_client(client, "target_allocator::http_scrape_config", problems);
    }
    for (name, value) in [
        ("compression", &section.compression),
        ("max_idle_conns", &section.max_idle_conns),
        ("idle_conn_timeout", &section.idle_conn_timeout),
    ] {
        if value.is_some() {
            let text = format!("{name} has no effect: each request has a connection of its own");
            problems.warn(Caution::NoEffect, key, text).remove(name);
        }
    }
}
