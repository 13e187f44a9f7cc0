//! Scaffold, tidy and generated pages: `cargo run -p xtask -- tidy`, `cargo run -p xtask -- new processor NAME`.

mod coverage;
mod pictures;
mod scaffold;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["tidy"] => {
            let problems = tidy::check(&root())?;
            for problem in &problems {
                eprintln!("{problem}");
            }
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ["coverage"] => {
            std::fs::write(root().join(coverage::PAGE), coverage::render(&root())?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["pictures"] => {
            pictures::draw(&root())?;
            Ok(ExitCode::SUCCESS)
        }
        ["new", kind, name] => {
            scaffold::create(&root(), kind, name)?;
            eprintln!(
                "made {kind}s/{name}, which passes its tests. Three places are yours now: src/lib.rs, src/tests.rs, \
                 README.md with testdata/config.yaml (CONTRIBUTING.md says how)"
            );
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!(
                "usage: xtask tidy | xtask coverage | xtask pictures | xtask new receiver|processor|exporter|connector|extension NAME"
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
