//! The program as its users run it: between real neighbours, in good surroundings and bad.

mod auth;
mod bad_input;
mod commands;
mod containerd;
mod cri;
mod deploy;
mod full_outputs;
mod go_collector;
mod helm;
mod intake;
mod kubernetes;
mod logs;
mod loki;
mod losses;
mod offsets;
mod own_logs;
mod own_telemetry;
mod recipes;
mod scarcity;
mod shutdown;
mod start;
mod strange_files;
mod tls;
mod tokens;
mod transform;
