//! The program between real neighbours: the Go Collector before and behind it, Loki behind it.

mod commands;
mod deploy;
mod go_collector;
mod helm;
mod logs;
mod loki;
mod own_logs;
mod own_telemetry;
mod start;
