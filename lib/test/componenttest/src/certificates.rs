//! Certificates for tests, made by the test.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SignatureAlgorithm,
};
use tempfile::TempDir;

/// A folder with the certificate of an authority, `ca.pem`, and of those that it vouches for.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// With a key of its own; all authorities have the same name.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose subject is its issuer for one that has signed itself.
        params.distinguished_name.push(DnType::CommonName, "Sluice test authority");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("it is written");
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path").to_owned()
    }

    /// Writes `<name>.pem` and `<name>.key` for a host.
    pub fn issue(&self, name: &str, host: &str) {
        self.issue_with(&rcgen::PKCS_ECDSA_P256_SHA256, (name, host), |_| {});
    }

    /// The same with a key of another kind, and with whatever `change` does.
    pub fn issue_with(
        &self,
        algorithm: &'static SignatureAlgorithm,
        (name, host): (&str, &str),
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("it is written");
        self.sign(&key, (name, host), change);
    }

    /// Writes `<name>.pem` for the key in `<name>.key`.
    pub fn issue_for_key(&self, name: &str, host: &str) {
        let key = fs::read_to_string(self.path(&format!("{name}.key"))).expect("a file");
        let key = KeyPair::from_pem(&key).expect("a key");
        self.sign(&key, (name, host), |_| {});
    }

    fn sign(
        &self,
        key: &KeyPair,
        (name, host): (&str, &str),
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).expect("it is written");
    }
}
