# The menu. Each recipe is one cargo line; more logic belongs into xtask or bench.

# What CI runs.
check: fmt lint test

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

test:
    cargo test --workspace

# Processes against real programs (Go Collector, Loki): see tests/README.md.
e2e:
    cargo test -p sluice --test system

tidy:
    cargo run -q -p xtask -- tidy

# A new component: `just new processor my_name`.
new kind name:
    cargo run -q -p xtask -- new {{kind}} {{name}}

bench *args:
    cargo run --release -p bench -- {{args}}

# Instructions per record beside the kept ones; needs valgrind.
bench-check:
    cargo run --release -p bench -- check

# `just fuzz otlp_logs`; needs cargo-fuzz.
fuzz target:
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}}

deny:
    cargo deny check licenses bans sources

# What is shipped.
dist:
    cargo build --profile dist -p sluice
