//! Kubeconfig files, as far as a client needs them: clusters, users, contexts, merged as `kubectl` merges them.

use std::path::{Path, PathBuf};

use component::config::Secret;
use pdata::text::Base64;
use serde::Deserialize;

use crate::connection::{Auth, Connection, Login};
use crate::exec::Exec;
use crate::null_is_default;
use crate::yaml;

/// Most bytes of a file.
const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    #[serde(deserialize_with = "null_is_default")]
    clusters: Vec<Named<Cluster>>,
    #[serde(deserialize_with = "null_is_default")]
    users: Vec<Named<User>>,
    #[serde(deserialize_with = "null_is_default")]
    contexts: Vec<Named<Context>>,
    #[serde(deserialize_with = "null_is_default")]
    current_context: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named<T> {
    name: String,
    #[serde(alias = "cluster", alias = "user", alias = "context")]
    value: Option<T>,
    /// The folder of its file: paths in it begin there.
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: String,
    certificate_authority_data: String,
    insecure_skip_tls_verify: bool,
    tls_server_name: String,
    proxy_url: String,
}

#[derive(Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct User {
    token: String,
    #[serde(rename = "tokenFile")]
    token_file: String,
    username: String,
    password: String,
    client_certificate: String,
    client_certificate_data: String,
    client_key: String,
    client_key_data: String,
    exec: Option<Exec>,
    auth_provider: Option<serde_json::Value>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User")
    }
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
}

/// Where the files are: `KUBECONFIG`, a list with colons between, or the one in the home folder.
pub(crate) fn paths(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let listed = variable("KUBECONFIG").unwrap_or_default();
    let listed: Vec<PathBuf> =
        listed.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    if !listed.is_empty() {
        return listed;
    }
    variable("HOME").map(|it| Path::new(&it).join(".kube/config")).into_iter().collect()
}

/// Reads and merges the files, and takes the context, or the current one if that is empty. It reads files: not for a thread
/// that must not block.
///
/// # Errors
/// What is missing or wrong, and in which file.
pub(crate) fn read(paths: &[PathBuf], context: &str) -> Result<Connection, String> {
    let mut merged = File::default();
    let mut found = false;
    for path in paths {
        // Of several files some may be absent, as for kubectl.
        let Some(text) = text(path)? else { continue };
        found = true;
        let wrong = |why: String| format!("kubeconfig {}: {why}", path.display());
        let file: File = match yaml::parse(&text).map_err(wrong)? {
            serde_json::Value::Null => continue,
            value => serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?,
        };
        merged.take(file, path.parent().unwrap_or(Path::new("")));
    }
    if !found {
        let places: Vec<_> = paths.iter().map(|it| it.display().to_string()).collect();
        return Err(format!(
            "there is no kubeconfig at {}: set KUBECONFIG to one",
            if places.is_empty() { "~/.kube/config".to_owned() } else { places.join(", ") }
        ));
    }
    merged.connection(context)
}

fn text(path: &Path) -> Result<Option<String>, String> {
    use std::io::Read as _;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("kubeconfig {}: {error}", path.display())),
    };
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| format!("kubeconfig {}: {error}", path.display()))?;
    Ok(Some(text))
}

impl File {
    /// The first file that has a name counts, as for kubectl.
    fn take(&mut self, other: File, folder: &Path) {
        fn take<T>(all: &mut Vec<Named<T>>, new: Vec<Named<T>>, folder: &Path) {
            for it in new {
                if !all.iter().any(|known| known.name == it.name) {
                    all.push(Named { folder: folder.to_owned(), ..it });
                }
            }
        }
        take(&mut self.clusters, other.clusters, folder);
        take(&mut self.users, other.users, folder);
        take(&mut self.contexts, other.contexts, folder);
        if self.current_context.is_empty() {
            self.current_context = other.current_context;
        }
    }

    fn connection(self, context: &str) -> Result<Connection, String> {
        let name = if context.is_empty() { &self.current_context } else { context };
        if name.is_empty() {
            return Err("the kubeconfig has no current-context: set `context`".into());
        }
        let (context, _) =
            find(&self.contexts, name).ok_or_else(|| format!("context {name:?} does not exist"))?;
        let (cluster, folder) = find(&self.clusters, &context.cluster)
            .ok_or_else(|| format!("cluster {:?} does not exist", context.cluster))?;
        if cluster.server.is_empty() {
            return Err(format!("cluster {:?} has no server", context.cluster));
        }
        let mut tls = configtls::ClientConfig {
            insecure_skip_verify: cluster.insecure_skip_tls_verify,
            server_name_override: cluster.tls_server_name.clone(),
            ..configtls::ClientConfig::default()
        };
        let ca = Given::new(&cluster.certificate_authority_data, &cluster.certificate_authority);
        ca.put(folder, &mut tls.common.ca_pem, &mut tls.common.ca_file)
            .map_err(|it| format!("certificate-authority-data: {it}"))?;
        let auth = match find(&self.users, &context.user) {
            Some((user, folder)) => user.auth(folder, &mut tls)?,
            None if context.user.is_empty() => Auth::default(),
            None => return Err(format!("user {:?} does not exist", context.user)),
        };
        let proxy_url = cluster.proxy_url.clone();
        Ok(Connection { server: cluster.server.clone(), tls, auth, proxy_url })
    }
}

fn find<'a, T>(all: &'a [Named<T>], name: &str) -> Option<(&'a T, &'a Path)> {
    let it = all.iter().find(|it| it.name == name)?;
    Some((it.value.as_ref()?, &it.folder))
}

/// Something that stands in the file in base64, or in another file.
struct Given<'a> {
    data: &'a str,
    file: &'a str,
}

impl<'a> Given<'a> {
    fn new(data: &'a str, file: &'a str) -> Self {
        Self { data, file }
    }

    /// Data beat the file.
    fn put(&self, folder: &Path, pem: &mut Secret, file: &mut String) -> Result<(), String> {
        if !self.data.is_empty() {
            let packed: String = self.data.split_whitespace().collect();
            let bytes = Base64::STANDARD.decode(packed.as_bytes());
            let bytes = bytes.map_err(|at| format!("is no base64 at byte {at}"))?;
            let text = String::from_utf8(bytes).map_err(|_| "is no PEM".to_owned())?;
            *pem = Secret::from(&*text);
        } else if !self.file.is_empty() {
            *file = folder.join(self.file).to_string_lossy().into_owned();
        }
        Ok(())
    }
}

impl User {
    fn auth(&self, folder: &Path, tls: &mut configtls::ClientConfig) -> Result<Auth, String> {
        let certificate = Given::new(&self.client_certificate_data, &self.client_certificate);
        certificate
            .put(folder, &mut tls.common.cert_pem, &mut tls.common.cert_file)
            .map_err(|it| format!("client-certificate-data: {it}"))?;
        let key = Given::new(&self.client_key_data, &self.client_key);
        key.put(folder, &mut tls.common.key_pem, &mut tls.common.key_file)
            .map_err(|it| format!("client-key-data: {it}"))?;
        if self.auth_provider.is_some() {
            return Err("auth-provider is not supported, as in kubectl since 1.26: use exec".into());
        }
        let login = if let Some(exec) = &self.exec {
            Login::Exec(exec.clone().within(folder))
        } else if !self.token_file.is_empty() {
            Login::TokenFile(folder.join(&self.token_file))
        } else if !self.token.is_empty() {
            Login::Token(Secret::from(&*self.token))
        } else if !self.username.is_empty() {
            let pair = format!("{}:{}", self.username, self.password);
            Login::Basic(Secret::from(&*Base64::STANDARD.encode(pair.as_bytes())))
        } else {
            Login::None
        };
        Ok(Auth { login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_texts(texts: &[&str], context: &str) -> Result<Connection, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = vec![folder.path().join("absent")];
        for (at, text) in texts.iter().enumerate() {
            paths.push(folder.path().join(at.to_string()));
            std::fs::write(paths.last().unwrap(), text).unwrap();
        }
        read(&paths, context).map_err(|it| it.replace(folder.path().to_str().unwrap(), "DIR"))
    }

    const LOCAL: &str = "
current-context: local
clusters:
- {name: local, cluster: {server: 'https://10.0.0.1:6443', certificate-authority: ca.crt, tls-server-name: kube}}
- {name: away, cluster: {server: 'https://away', insecure-skip-tls-verify: true}}
users:
- {name: me, user: {token: secret}}
- {name: basic, user: {username: a, password: b}}
- {name: file, user: {tokenFile: t}}
- {name: old, user: {auth-provider: {name: gcp}}}
contexts:
- {name: local, context: {cluster: local, user: me}}
- {name: away, context: {cluster: away, user: basic}}
- {name: file, context: {cluster: away, user: file}}
- {name: old, context: {cluster: away, user: old}}
- {name: nobody, context: {cluster: away}}
- {name: stray, context: {cluster: nowhere}}
";

    #[test]
    fn the_current_context_counts_unless_another_one_is_asked_for() {
        let local = read_texts(&[LOCAL], "").unwrap();
        assert_eq!(local.server, "https://10.0.0.1:6443");
        assert_eq!(local.tls.server_name_override, "kube");
        assert!(local.tls.common.ca_file.ends_with("/ca.crt"), "{}", local.tls.common.ca_file);
        assert!(matches!(&local.auth.login, Login::Token(it) if it.expose() == "secret"));
        let away = read_texts(&[LOCAL], "away").unwrap();
        assert!(away.tls.insecure_skip_verify);
        assert!(matches!(&away.auth.login, Login::Basic(it) if it.expose() == "YTpi"));
        let file = read_texts(&[LOCAL], "file").unwrap();
        assert!(matches!(&file.auth.login, Login::TokenFile(it) if it.ends_with("t")));
        assert!(matches!(read_texts(&[LOCAL], "nobody").unwrap().auth.login, Login::None));
    }

    #[test]
    fn of_several_files_the_first_that_has_a_name_counts() {
        let second = "
current-context: nobody
clusters: [{name: local, cluster: {server: 'https://other'}}, {name: more, cluster: {server: 'https://more'}}]
contexts: [{name: more, context: {cluster: more, user: me}}]
users:
";
        assert_eq!(read_texts(&[LOCAL, second], "").unwrap().server, "https://10.0.0.1:6443");
        let more = read_texts(&[LOCAL, "", second], "more").unwrap();
        assert_eq!(more.server, "https://more");
        assert!(matches!(more.auth.login, Login::Token(_)));
    }

    #[test]
    fn certificates_in_base64_become_pem() {
        let data = Base64::STANDARD.encode(b"-----BEGIN CERTIFICATE-----\n");
        let text = format!(
            r#"{{"current-context":"a","clusters":[{{"name":"a","cluster":{{"server":"https://a","certificate-authority-data":"{data}"}}}}],"contexts":[{{"name":"a","context":{{"cluster":"a"}}}}]}}"#
        );
        let tls = read_texts(&[&text], "").unwrap().tls;
        assert_eq!(tls.common.ca_pem.expose(), "-----BEGIN CERTIFICATE-----\n");
        let broken = text.replace(&data, "###");
        assert!(
            read_texts(&[&broken], "").unwrap_err().starts_with("certificate-authority-data: ")
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |texts: &[&str], context| read_texts(texts, context).unwrap_err();
        assert_eq!(error(&[], ""), "there is no kubeconfig at DIR/absent: set KUBECONFIG to one");
        assert_eq!(error(&[LOCAL], "x"), "context \"x\" does not exist");
        assert_eq!(error(&[LOCAL], "stray"), "cluster \"nowhere\" does not exist");
        assert!(error(&["{}"], "").contains("current-context"));
        assert!(error(&["clusters: 3"], "").starts_with("kubeconfig DIR/0: "));
        assert!(error(&[LOCAL], "old").contains("use exec"));
    }

    #[test]
    fn the_variable_lists_files_and_the_home_folder_is_the_default() {
        let of = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            paths(move |it| (it == name).then(|| value.clone()))
        };
        assert_eq!(of("KUBECONFIG", "/a::/b"), [Path::new("/a"), Path::new("/b")]);
        assert_eq!(of("HOME", "/home/me"), [Path::new("/home/me/.kube/config")]);
    }
}
