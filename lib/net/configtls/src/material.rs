//! Certificates, keys and authorities: read from files or from the section, and checked.
//!
//! `validate` and the start read them with the same code, so what one says the other says.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use component::config::Secret;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode;

use crate::CommonConfig;
use crate::trust::Trusted;

/// Most bytes read of a file with certificates or a key. A bundle of all public authorities has 250 KB.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is wrong with a file or a text that the section names.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// The key of the section.
    pub(crate) key: &'static str,
    /// In Go's words.
    pub(crate) text: String,
    /// What to do.
    pub(crate) remedy: String,
    /// The file is not there: it may be on the machine that the configuration is for.
    pub(crate) absent: bool,
}

impl Mistake {
    /// For an error of the start, which has one line.
    pub(crate) fn with_remedy(self) -> String {
        format!("{} ({})", self.text, self.remedy)
    }

    /// Versions, suites and curves leave nothing.
    pub(crate) fn nothing_to_speak(error: &impl std::fmt::Display) -> Self {
        Self {
            key: "",
            text: error.to_string(),
            remedy: "see min_version, max_version, cipher_suites and curve_preferences: together they leave nothing"
                .into(),
            absent: false,
        }
    }

    pub(crate) fn server_name(text: String) -> Self {
        let remedy = "write a host name or an address, without scheme and port".into();
        Self { key: "server_name_override", text, remedy, absent: false }
    }
}

/// A file, or the text that may stand in its place.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: (&'static str, &'a str),
    text: (&'static str, &'a Secret),
}

impl Source<'_> {
    fn key(&self) -> &'static str {
        if self.file.1.is_empty() { self.text.0 } else { self.file.0 }
    }

    /// What is meant, for a remedy: the file by its name, a text by its key only.
    fn name(&self) -> String {
        let (file, text) = (self.file.1, self.text.0);
        if file.is_empty() { text.to_owned() } else { file.to_owned() }
    }

    /// `envelope` is what Go writes before the reason.
    fn read(&self, envelope: &str) -> Result<Vec<u8>, Mistake> {
        if self.file.1.is_empty() {
            return Ok(self.text.1.expose().as_bytes().to_vec());
        }
        read_file(self.file.0, self.file.1, envelope)
    }
}

fn read_file(key: &'static str, path: &str, envelope: &str) -> Result<Vec<u8>, Mistake> {
    let fail = |why: &str, remedy: String, absent: bool| Mistake {
        key,
        text: format!("{envelope}open {path}: {why}"),
        remedy,
        absent,
    };
    let read = || {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::fs::File::open(Path::new(path))?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().map_err(|error| match error.kind() {
        ErrorKind::NotFound => fail(
            "no such file or directory",
            format!("put the file at {path}, or correct the path; a relative path is looked up from the working directory"),
            true,
        ),
        ErrorKind::PermissionDenied => fail(
            "permission denied",
            format!("let the user of the collector read {path}"),
            false,
        ),
        ErrorKind::IsADirectory => {
            fail("is a directory", format!("name a file in {path}"), false)
        }
        _ => fail(&error.to_string(), format!("see why {path} cannot be read"), false),
    })
}

/// Our certificate with its key; `None` when there is none.
pub(crate) fn identity(
    config: &CommonConfig,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, Mistake> {
    if !config.has_certificate() || !config.has_key() {
        return Ok(None);
    }
    let certificate = certificate_source(config);
    let secret =
        Source { file: ("key_file", &config.key_file), text: ("key_pem", &config.key_pem) };
    let before = "failed to load TLS cert and key: ";
    let fail = |source: Source<'_>, why: &str, remedy: String| {
        let text = format!("{before}failed to load TLS cert and key PEMs: {why}");
        Mistake { key: source.key(), text, remedy, absent: false }
    };
    let chain_pem = certificate.read(before)?;
    let key_pem = secret.read(before)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
    let chain = chain.unwrap_or_default();
    if chain.is_empty() {
        let remedy = format!(
            "{} has to hold a certificate in PEM: a block that begins with -----BEGIN CERTIFICATE-----",
            certificate.name()
        );
        return Err(fail(
            certificate,
            "tls: failed to find any PEM data in certificate input",
            remedy,
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| {
        let remedy = if key_pem.windows(9).any(|it| it == b"ENCRYPTED") {
            format!(
                "the key in {} has a password: write it without one, for example with openssl pkey",
                secret.name()
            )
        } else {
            format!(
                "{} has to hold a key in PEM: a block that begins with -----BEGIN PRIVATE KEY-----",
                secret.name()
            )
        };
        fail(secret, "tls: failed to find any PEM data in key input", remedy)
    })?;
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(pair) => Ok(Some(Arc::new(pair))),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let remedy = format!(
                "{} belongs to another certificate than {}: name the key that the certificate was made for",
                secret.name(),
                certificate.name()
            );
            Err(fail(secret, "tls: private key does not match public key", remedy))
        }
        Err(error) => {
            let remedy = format!(
                "use an RSA key of 2048 bits or more, or one on the curve P256, P384 or Ed25519: {} ({error})",
                secret.name()
            );
            Err(fail(secret, "tls: failed to parse private key", remedy))
        }
    }
}

fn certificate_source(config: &CommonConfig) -> Source<'_> {
    Source { file: ("cert_file", &config.cert_file), text: ("cert_pem", &config.cert_pem) }
}

/// Whom we trust: `ca_file` or `ca_pem`, with the system's when these are wanted, or the system's alone.
pub(crate) fn authorities(config: &CommonConfig) -> Result<Trusted, Mistake> {
    let source = Source { file: ("ca_file", &config.ca_file), text: ("ca_pem", &config.ca_pem) };
    let mut roots = Trusted::nobody();
    if config.has_ca() {
        let (kind, before) = match config.ca_file.as_str() {
            "" => ("PEM", String::new()),
            file => ("File", format!("failed to load cert {file}: ")),
        };
        let envelope = format!("failed to load CA CertPool {kind}: ");
        let pem = source.read(&format!("{envelope}{before}"))?;
        let wrong = || not_authorities(source.key(), source.name(), &envelope);
        add(&mut roots, &pem).ok_or_else(wrong)?;
    }
    if !config.has_ca() || config.include_system_ca_certs_pool {
        add_systems(&mut roots.authorities);
    }
    Ok(roots)
}

/// Whose clients a server trusts.
pub(crate) fn client_authorities(path: &str, system: bool) -> Result<Trusted, Mistake> {
    let envelope = format!("failed to load client CA CertPool: failed to load CA {path}: ");
    let pem = read_file("client_ca_file", path, &envelope)?;
    let mut roots = Trusted::nobody();
    let wrong = || {
        let envelope = "failed to load client CA CertPool: ";
        not_authorities("client_ca_file", path.to_owned(), envelope)
    };
    add(&mut roots, &pem).ok_or_else(wrong)?;
    if system {
        add_systems(&mut roots.authorities);
    }
    Ok(roots)
}

fn not_authorities(key: &'static str, name: String, envelope: &str) -> Mistake {
    let remedy = format!(
        "{name} has to hold certificates in PEM: blocks that begin with -----BEGIN CERTIFICATE-----"
    );
    Mistake { key, text: format!("{envelope}failed to parse cert"), remedy, absent: false }
}

/// As Go's `AppendCertsFromPEM`: what cannot be read is skipped, and one has to be left.
fn add(trusted: &mut Trusted, pem: &[u8]) -> Option<()> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).flatten().collect();
    let (added, _) = trusted.authorities.add_parsable_certificates(found.iter().cloned());
    trusted.themselves = found;
    (added > 0).then_some(())
}

/// The system's authorities; a machine without any trusts nobody, which the handshake then says. They are read once
/// in the life of the process, as in Go.
fn add_systems(roots: &mut RootCertStore) {
    static SYSTEMS: OnceLock<RootCertStore> = OnceLock::new();
    let systems = SYSTEMS.get_or_init(|| {
        let mut read = RootCertStore::empty();
        read.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        read
    });
    roots.extend(systems.roots.iter().cloned());
}

/// When our certificate ends or begins, if that is not now: a sentence, and its key.
pub(crate) fn out_of_time(
    config: &CommonConfig,
    pair: &CertifiedKey,
    now: std::time::SystemTime,
) -> Option<(&'static str, String)> {
    let source = certificate_source(config);
    let certificate = x509_cert::Certificate::from_der(pair.end_entity_cert().ok()?).ok()?;
    let validity = certificate.tbs_certificate.validity;
    let name = source.name();
    if now > validity.not_after.to_system_time() {
        let text =
            format!("the certificate in {name} ended at {}: peers refuse it", validity.not_after);
        return Some((source.key(), text));
    }
    if now < validity.not_before.to_system_time() {
        let text = format!(
            "the certificate in {name} begins only at {}: peers refuse it until then",
            validity.not_before
        );
        return Some((source.key(), text));
    }
    None
}
