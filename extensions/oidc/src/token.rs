//! A JSON Web Token (RFC 7519) in its compact form, and what it has to say to be taken. The order and the words of the
//! checks are those of go-oidc, which upstream uses: what costs least comes first.

use component::clock;
use jws::{ALGORITHMS, Algorithm};
use pdata::text::Base64;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Provider;
use crate::keys::Keys;

/// Longest token, in bytes. A head of a request is not longer in most servers.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How much the clocks of an issuer and this machine may differ for `nbf`, in seconds. The value of go-oidc.
const LEEWAY_SECONDS: f64 = 300.0;
/// Most characters of what a client has sent that are said back.
const SAID_CHARS_MAX: usize = 200;

/// A token that is well formed; nothing of it is known to be true before [`check`](Self::check) and
/// [`is_signed`](Self::is_signed).
pub(crate) struct Token<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    pub(crate) claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let malformed = |why: &str| format!("oidc: malformed jws: {why}");
        if text.len() > TOKEN_BYTES_MAX {
            return Err(malformed(&format!("it is longer than {TOKEN_BYTES_MAX} bytes")));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let &[head, claims, signature] = parts.as_slice() else {
            return Err(malformed("compact JWS format must have three parts"));
        };
        let decode = |part: &str| Base64::RAW_URL.decode(part.as_bytes()).ok();
        let not_base64 = || malformed("a part is not base64url");
        let head_text = decode(head).ok_or_else(not_base64)?;
        let head_read: Head = serde_json::from_slice(&head_text)
            .map_err(|_| malformed("its head is no JSON with an alg"))?;
        if head_read.crit.is_some() {
            return Err(malformed("its head has extensions that are critical (crit)"));
        }
        let known = Algorithm::named(&head_read.alg);
        let algorithm = known.ok_or_else(|| {
            let names: Vec<&str> = ALGORITHMS.iter().map(|it| it.name).collect();
            let said = short(&head_read.alg);
            malformed(&format!("unexpected signature algorithm {said:?}; expected {names:?}"))
        })?;
        let claims_text = decode(claims).ok_or_else(not_base64)?;
        let claims_read = serde_json::from_slice(&claims_text)
            .map_err(|_| "oidc: failed to unmarshal claims: they are no JSON object")?;
        Ok(Self {
            algorithm,
            key: head_read.kid,
            claims: claims_read,
            signed: text.as_bytes().get(..=head.len() + claims.len()).unwrap_or_default(),
            signature: decode(signature).ok_or_else(not_base64)?,
        })
    }

    /// A claim that is text; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whom it is from, whom it is for, and when it counts.
    pub(crate) fn check(&self, provider: &Provider) -> Result<(), String> {
        let (wanted, issuer) = (&provider.issuer_url, self.text("iss"));
        if !provider.ignore_issuer && issuer != wanted {
            let said = short(issuer);
            return Err(format!(
                "oidc: id token issued by a different provider, expected {wanted:?} got {said:?}"
            ));
        }
        if !provider.ignore_audience && !self.is_for(&provider.audience) {
            let aud = self.claims.get("aud").map(Value::to_string).unwrap_or_default();
            return Err(format!(
                "oidc: expected audience {:?} got {}",
                provider.audience,
                short(&aud)
            ));
        }
        let now = clock::unix_nanos() as f64 / 1e9;
        let seconds = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        // A token that does not say when it ends has ended.
        let end = seconds("exp").unwrap_or(0.0);
        if end < now {
            return Err(format!("oidc: token is expired (Token Expiry: {})", shown(end)));
        }
        let begin = match self.claims.get("nbf") {
            None | Some(Value::Null) => 0.0,
            Some(it) => it.as_f64().ok_or("oidc: failed to unmarshal claims: nbf is no number")?,
        };
        if now + LEEWAY_SECONDS < begin {
            return Err(format!(
                "oidc: current time {} before the nbf (not before) time: {}",
                shown(now),
                shown(begin)
            ));
        }
        Ok(())
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(it)) => it == audience,
            Some(Value::Array(all)) => all.iter().any(|it| it.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// Whether it names the key that it was signed with, and that is one of these.
    pub(crate) fn names_one_of(&self, keys: &Keys) -> bool {
        self.key.as_deref().is_some_and(|it| keys.has(it))
    }

    /// Whether the issuer has signed it with one of its keys.
    pub(crate) fn is_signed(&self, keys: &Keys) -> bool {
        keys.verify(self.algorithm, self.key.as_deref(), self.signed, &self.signature)
    }
}

fn short(text: &str) -> String {
    text.chars().take(SAID_CHARS_MAX).collect()
}

/// As Go prints a time.
fn shown(seconds: f64) -> String {
    let whole = jiff::SignedDuration::try_from_secs_f64(seconds).map(|it| it.as_secs());
    match whole.and_then(jiff::Timestamp::from_second) {
        Ok(it) => it.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => format!("{seconds} s"),
    }
}
