//! Credentials from a program, as cloud providers' kubeconfigs ask for them (`client.authentication.k8s.io`).

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::clock;
use component::config::Secret;
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::Mutex;

/// How long the program may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A token without an end is asked for again after this time, and after a refusal.
const LIFETIME: Duration = Duration::from_secs(600);

/// `exec:` of a user.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Exec {
    api_version: String,
    command: String,
    #[serde(deserialize_with = "crate::null_is_default")]
    args: Vec<String>,
    #[serde(deserialize_with = "crate::null_is_default")]
    env: Vec<Variable>,
    #[serde(skip)]
    known: Arc<Mutex<Option<(Secret, u64)>>>,
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec").field("command", &self.command).finish_non_exhaustive()
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credential {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    token: String,
    client_certificate_data: String,
}

impl Exec {
    /// A command with a slash is looked for from the folder of its file, as kubectl does.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        if self.command.contains('/') {
            self.command = folder.join(&self.command).to_string_lossy().into_owned();
        }
        self
    }

    /// The token, from the program if the one before is too old.
    ///
    /// # Errors
    /// The program fails, hangs, or gives no token.
    pub(crate) async fn token(&self) -> Result<Secret, String> {
        let mut known = self.known.lock().await;
        let now = clock::unix_nanos();
        if let Some((token, until)) = &*known
            && now < *until
        {
            return Ok(token.clone());
        }
        let token = self.run().await.map_err(|why| format!("exec {}: {why}", self.command))?;
        let life = u64::try_from(LIFETIME.as_nanos()).unwrap_or(u64::MAX);
        *known = Some((token.clone(), now.saturating_add(life)));
        Ok(token)
    }

    /// The token is not known to the server.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }

    async fn run(&self) -> Result<Secret, String> {
        let info = serde_json::json!({
            "kind": "ExecCredential", "apiVersion": self.api_version, "spec": {"interactive": false},
        });
        let mut command = Command::new(&self.command);
        command.args(&self.args).envs(self.env.iter().map(|it| (&it.name, &it.value)));
        command.env("KUBERNETES_EXEC_INFO", info.to_string()).kill_on_drop(true);
        command.stdin(std::process::Stdio::null());
        let output = tokio::time::timeout(TIMEOUT, command.output()).await;
        let output = output.map_err(|_| format!("did not end within {} s", TIMEOUT.as_secs()))?;
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("{}: {said}", output.status));
        }
        let credential: Credential = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("its answer is no ExecCredential: {error}"))?;
        match credential.status {
            Status { token, .. } if !token.is_empty() => Ok(Secret::from(&*token)),
            Status { client_certificate_data, .. } if !client_certificate_data.is_empty() => {
                Err("it gives a certificate, and only tokens are supported".into())
            }
            _ => Err("its answer has no token".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(script: &str) -> Exec {
        let args = vec!["-c".into(), script.into()];
        let env = vec![Variable { name: "SAY".into(), value: "t-1".into() }];
        Exec { command: "sh".into(), args, env, ..Exec::default() }
    }

    #[tokio::test]
    async fn a_program_gives_a_token_and_is_not_asked_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("m");
        let script = format!(
            r#"echo x >> {}; echo "{{\"status\": {{\"token\": \"$SAY\"}}}}""#,
            mark.display()
        );
        let it = exec(&script);
        for _ in 0..3 {
            assert_eq!(it.token().await.unwrap().expose(), "t-1");
        }
        assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
        it.forget().await;
        it.token().await.unwrap();
        assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\nx\n");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let failed = exec("echo no login >&2; exit 3").token().await.unwrap_err();
        assert_eq!(failed, "exec sh: exit status: 3: no login");
        let odd = exec("echo hello").token().await.unwrap_err();
        assert!(odd.starts_with("exec sh: its answer is no ExecCredential"), "{odd}");
        let certificate = r#"echo '{"status": {"clientCertificateData": "x"}}'"#;
        assert!(exec(certificate).token().await.unwrap_err().contains("only tokens"));
    }
}
