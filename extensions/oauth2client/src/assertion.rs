//! The statement by which a client shows who it is (RFC 7523, section 3): a JSON Web Token that it signs with its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::config::Value;
use component::{Host, clock};
use credentials::{Given, Watched};
use pdata::text::Base64;
use ring::rand::SystemRandom;
use ring::signature::{self, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, json};

use crate::Config;
use crate::credential::Credential;

/// How long a statement counts, in seconds. The value of upstream.
const LIFE_SECONDS: u64 = 30 * 60;

type Algorithm = (&'static str, &'static dyn signature::RsaEncoding);

/// By its name; none stands for RS256.
pub(crate) fn algorithm(name: &str) -> Result<Algorithm, String> {
    Ok(match name {
        "" | "RS256" => ("RS256", &signature::RSA_PKCS1_SHA256),
        "RS384" => ("RS384", &signature::RSA_PKCS1_SHA384),
        "RS512" => ("RS512", &signature::RSA_PKCS1_SHA512),
        _ => {
            return Err(format!(
                "invalid signature algorithm {name:?}: RS256, RS384 and RS512 are supported"
            ));
        }
    })
}

/// The key in a text. The text is not repeated.
pub(crate) fn key(pem: &str) -> Result<Arc<RsaKeyPair>, String> {
    let wrong = |why: &str| format!("the client's key cannot be used: {why}");
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let pair = match der.map_err(|_| wrong("it is no private key as PEM"))? {
        PrivateKeyDer::Pkcs1(it) => RsaKeyPair::from_der(it.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(it) => RsaKeyPair::from_pkcs8(it.secret_pkcs8_der()),
        _ => return Err(wrong("it is no RSA key")),
    };
    // ring reads keys of 2048 to 4096 bits.
    pair.map(Arc::new)
        .map_err(|why| wrong(&format!("it is no RSA key of 2048 to 4096 bits ({why})")))
}

/// What is signed, and with what.
pub(crate) struct Assertion {
    id: Credential,
    key: Given<Arc<RsaKeyPair>>,
    key_id: String,
    algorithm: Algorithm,
    iss: String,
    audience: String,
    scope: String,
    claims: BTreeMap<String, Value>,
}

impl Assertion {
    pub(crate) fn new(config: &Config, id: Credential, host: &Host) -> Result<Self, String> {
        let path = &config.client_certificate_key_file;
        let key = if path.is_empty() {
            Given::Fixed(key(config.client_certificate_key.expose())?)
        } else {
            Given::File(Watched::open(path.as_ref(), host, key)?)
        };
        let audience =
            if config.audience.is_empty() { &config.token_url } else { &config.audience };
        Ok(Self {
            id,
            key,
            key_id: config.client_certificate_key_id.clone(),
            algorithm: algorithm(&config.signature_algorithm)?,
            iss: config.iss.clone(),
            audience: audience.clone(),
            scope: config.scopes.join(" "),
            claims: config.claims.clone(),
        })
    }

    /// A statement that is made now.
    pub(crate) fn signed(&self) -> Result<String, String> {
        let (name, encoding) = self.algorithm;
        let mut head = Map::new();
        head.insert("alg".into(), name.into());
        head.insert("typ".into(), "JWT".into());
        if !self.key_id.is_empty() {
            head.insert("kid".into(), self.key_id.as_str().into());
        }
        let part = |it: &Map<String, serde_json::Value>| {
            let text = serde_json::to_vec(it).map_err(|why| why.to_string())?;
            Ok::<_, String>(Base64::RAW_URL.encode(&text))
        };
        let text = format!("{}.{}", part(&head)?, part(&self.statement()?)?);
        let key = self.key.get();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| "the client's key cannot sign")?;
        Ok(format!("{text}.{}", Base64::RAW_URL.encode(&signature)))
    }

    fn statement(&self) -> Result<Map<String, serde_json::Value>, String> {
        let (id, now) = (self.id.get(), clock::unix_nanos() / 1_000_000_000);
        let iss = if self.iss.is_empty() { &id } else { &self.iss };
        let own = json!({
            "iss": iss,
            "sub": id,
            "jti": uuid::Uuid::new_v4().to_string(),
            "aud": self.audience,
            "iat": now,
            "exp": now + LIFE_SECONDS,
        });
        let serde_json::Value::Object(mut all) = own else { return Ok(Map::new()) };
        if !self.scope.is_empty() {
            all.insert("scope".into(), self.scope.as_str().into());
        }
        for (name, value) in &self.claims {
            let value = serde_json::to_value(value).map_err(|why| why.to_string())?;
            all.insert(name.clone(), value);
        }
        Ok(all)
    }
}
