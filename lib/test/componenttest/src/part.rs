//! A real program beside a test, where it is on this machine: `tests/parts` has a script that gets it and one that starts it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/parts");
/// How often it is looked whether a killed program is gone.
const LOOK: Duration = Duration::from_millis(10);

/// The program; it is killed at the end.
#[derive(Debug)]
pub struct Part {
    name: &'static str,
    parts: PathBuf,
    state: PathBuf,
    address: String,
}

impl Part {
    /// Starts it; `None` where it is not there.
    pub fn start(name: &'static str) -> Option<Self> {
        let parts = PathBuf::from(std::env::var_os("SLUICE_PARTS")?);
        if !parts.join("bin").join(name).exists() {
            eprintln!("skipped: tests/parts/get-{name} was not run");
            return None;
        }
        let state = std::env::temp_dir().join(format!("sluice-{name}-{}", std::process::id()));
        let mut part = Self { name, parts, state, address: String::new() };
        part.address = part.run(None);
        Some(part)
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn run(&self, port: Option<&str>) -> String {
        let script = Path::new(SCRIPTS).join(format!("start-{}", self.name));
        let mut command = Command::new("sh");
        command.arg(script).arg(&self.parts).arg(&self.state).args(port);
        let output = command.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    fn pid(&self) -> Option<String> {
        Some(std::fs::read_to_string(self.state.join("pid")).ok()?.trim().to_owned())
    }

    /// Kills it, as a machine that dies does.
    pub async fn kill(&self) {
        let pid = self.pid().expect("a pid");
        let killed = Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.expect("kill").success());
        // It is gone, or nothing but an exit status of it is left.
        while std::fs::read_link(format!("/proc/{pid}/exe")).is_ok() {
            tokio::time::sleep(LOOK).await;
        }
        std::fs::remove_file(self.state.join("pid")).expect("a pid");
    }

    /// Starts it again, with the port and the data of before.
    pub fn restart(&self) {
        let port = self.address.rsplit_once(':').expect("a port").1;
        self.run(Some(port));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
        let _ = std::fs::remove_dir_all(&self.state);
    }
}
