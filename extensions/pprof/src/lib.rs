//! The addresses of Go's profiler, with what a program that is not written in Go can say at them.
//!
//! Charts and tools ask these paths, so configurations have the extension. Memory, tasks and threads are totals: the
//! allocator and the runtime keep no stacks. A CPU profile needs a sampler in the process, which would cost more than
//! it is worth beside `perf`; who asks for one is told how to get it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use component::{BoxError, Component, Context, Extension, Host, Meter, Settings};
use confighttp::server::{Handler, ServerConfig, mux_answer, redirect, serve};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

mod config;
mod profile;
#[cfg(test)]
mod tests;

pub use config::Config;

/// The extension.
pub struct Pprof {
    config: Config,
}

impl Extension for Pprof {
    type Config = Config;
    const TYPE: &'static str = "pprof";

    fn create(_settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config })
    }
}

#[async_trait]
impl Component for Pprof {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Config { net, save_to_file, .. } = &self.config;
        tracing::info!(endpoint = net.endpoint, "Starting net/http/pprof server");
        if !save_to_file.is_empty() {
            tracing::warn!(
                save_to_file,
                "no CPU profile is written: take one with `perf record -g -p {}`",
                std::process::id()
            );
        }
        let server = ServerConfig { net: net.address(), ..ServerConfig::default() };
        serve(&server, Arc::new(Pages), (host, &Meter::default()))?;
        Ok(())
    }
}

struct Pages;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const BINARY: &str = "application/octet-stream";

const INDEX_PATH: &str = "/debug/pprof/";
const INDEX: &str = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>/debug/pprof/</title></head><body>\n\
<h1>/debug/pprof/</h1>\n<p>Totals of this process. Its allocator and its runtime keep no stacks.</p>\n<ul>\n\
<li><a href=\"heap?debug=1\">heap</a>: resident anonymous memory</li>\n\
<li><a href=\"allocs?debug=1\">allocs</a>: the same</li>\n\
<li><a href=\"goroutine?debug=1\">goroutine</a>: tasks that are alive</li>\n\
<li><a href=\"threadcreate?debug=1\">threadcreate</a>: threads</li>\n\
<li><a href=\"block?debug=1\">block</a>, <a href=\"mutex?debug=1\">mutex</a>: not measured</li>\n\
<li><a href=\"cmdline\">cmdline</a>: the command line, with zeros between the arguments</li>\n\
<li><a href=\"profile\">profile</a>, <a href=\"trace\">trace</a>: how to take them</li>\n\
</ul></body></html>\n";

#[async_trait]
impl Handler for Pages {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        Some(answer(head))
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        answer(head)
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        page(status, TEXT, message.to_owned())
    }
}

fn answer(head: &Parts) -> Response<Bytes> {
    if head.uri.path() == INDEX_PATH.trim_end_matches('/') {
        return redirect(head, INDEX_PATH);
    }
    let Some(name) = head.uri.path().strip_prefix(INDEX_PATH) else {
        return mux_answer(head);
    };
    let has_debug = |it: &str| it.strip_prefix("debug=").is_some_and(|it| it != "0");
    let in_words = head.uri.query().is_some_and(|query| query.split('&').any(has_debug));
    match name {
        "" => page(StatusCode::OK, HTML, INDEX),
        "cmdline" => {
            let mut arguments = std::fs::read("/proc/self/cmdline").unwrap_or_default();
            // As Go has it: a zero between the arguments, and none behind them.
            arguments.pop();
            page(StatusCode::OK, TEXT, arguments)
        }
        "symbol" => page(StatusCode::OK, TEXT, "num_symbols: 1\n"),
        "profile" | "trace" => {
            let how = format!(
                "This program has no sampler of its own. Take a profile from outside:\n  perf record -F 99 -g -p {} -- \
                 sleep 30\n  perf script | inferno-collapse-perf > stacks.txt\n",
                std::process::id()
            );
            page(StatusCode::NOT_IMPLEMENTED, TEXT, how)
        }
        name => match profile::of(name) {
            None => page(StatusCode::NOT_FOUND, TEXT, "Unknown profile\n"),
            Some(it) if in_words => page(StatusCode::OK, TEXT, it.in_words()),
            Some(it) => page(StatusCode::OK, BINARY, it.encoded()),
        },
    }
}

fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
