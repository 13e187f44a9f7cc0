//! `io.jwt.*`: JSON web tokens in compact form, as OPA's `topdown/tokens.go` reads them.

mod keys;
mod sign;
mod verify;

use regorus::Value;
use regorus::value::Object;

use super::args::{Answer, Failure, Table, failed, field, object, object_of, string};
use super::base64;
use super::crypto::hex;
use keys::Key;

pub const TABLE: Table = &[
    ("io.jwt.decode", |args| decode(string(args, 0)?, 0)),
    ("io.jwt.decode_verify", decode_verify),
    ("io.jwt.verify_rs256", |args| verified(args, "RS256")),
    ("io.jwt.verify_rs384", |args| verified(args, "RS384")),
    ("io.jwt.verify_rs512", |args| verified(args, "RS512")),
    ("io.jwt.verify_ps256", |args| verified(args, "PS256")),
    ("io.jwt.verify_ps384", |args| verified(args, "PS384")),
    ("io.jwt.verify_ps512", |args| verified(args, "PS512")),
    ("io.jwt.verify_es256", |args| verified(args, "ES256")),
    ("io.jwt.verify_es384", |args| verified(args, "ES384")),
    ("io.jwt.verify_es512", |args| verified(args, "ES512")),
    ("io.jwt.verify_eddsa", |args| verified(args, "EdDSA")),
    ("io.jwt.verify_hs256", |args| verified_with_secret(args, "HS256")),
    ("io.jwt.verify_hs384", |args| verified_with_secret(args, "HS384")),
    ("io.jwt.verify_hs512", |args| verified_with_secret(args, "HS512")),
    ("io.jwt.encode_sign", encode_sign),
    ("io.jwt.encode_sign_raw", |args| {
        sign::sign(string(args, 0)?, string(args, 1)?, string(args, 2)?)
    }),
];

/// How deep a token may lie within tokens.
const NESTING_MAX: usize = 8;
/// Algorithms that exist.
const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256",
    "HS384", "HS512", "EdDSA",
];

/// The three parts.
struct Token<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        if !text.contains('.') {
            return failed("encoded JWT had no period separators");
        }
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            [header, payload, signature] => Ok(Self { header, payload, signature }),
            _ => failed(format!("encoded JWT must have 3 sections, found {}", parts.len())),
        }
    }

    /// What is signed.
    fn signed(&self) -> String {
        format!("{}.{}", self.header, self.payload)
    }

    fn decoded_header(&self) -> Result<Value, Failure> {
        let text = decoded(self.header, "JWT header had invalid encoding: ")?;
        let header = match json_object(&text) {
            Ok(header) => header,
            Err(Failure::Failed(text) | Failure::Type(text)) => {
                return failed(format!("bad JWT header: {text}"));
            }
        };
        if object_in(&header).is_some_and(|it| field(it, "enc").is_some()) {
            return failed("JWT is a JWE object, which is not supported");
        }
        Ok(header)
    }
}

fn bytes_of(text: &str, what: &str) -> Result<Vec<u8>, Failure> {
    base64::decode(text)
        .map_err(|at| Failure::Failed(format!("{what}illegal base64 data at input byte {at}")))
}

fn decoded(text: &str, what: &str) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&bytes_of(text, what)?).into_owned())
}

fn object_in(value: &Value) -> Option<&Object> {
    value.as_object().ok()
}

fn json_object(text: &str) -> Result<Value, Failure> {
    // serde_json keeps the last of equal keys, as Go does.
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|it| Failure::Failed(format!("invalid JSON: {it}")))?;
    if !parsed.is_object() {
        return failed("decoded JSON type was not an Object");
    }
    Value::from_json_str(text).or_else(|_| Ok(Value::from(parsed)))
}

fn decode(text: &str, depth: usize) -> Answer {
    let token = Token::parse(text)?;
    let header = token.decoded_header()?;
    let payload = decoded(token.payload, "JWT payload had invalid encoding: ")?;
    let nested = object_in(&header)
        .and_then(|it| field(it, "cty"))
        .is_some_and(|it| *it == Value::from("JWT"));
    if nested {
        if depth >= NESTING_MAX {
            return failed("JWT is nested too deeply");
        }
        return decode(payload.trim_matches(['"', '\'']), depth + 1);
    }
    let payload = json_object(&payload)?;
    let signature = bytes_of(token.signature, "JWT signature had invalid encoding: ")?;
    Ok(Value::from(vec![header, payload, Value::from(hex(&signature))]))
}

/// `verify_rs256` and the like: any key of a certificate, a public key or a JWK set.
fn verified(args: &[Value], algorithm: &str) -> Answer {
    let token = Token::parse(string(args, 0)?)?;
    let keys = keys::parse(string(args, 1)?)?;
    let signature = bytes_of(token.signature, "")?;
    let header = token.decoded_header()?;
    let header = Header::read(&header)?;
    let holds = |key: &Key| verify::verify(key, algorithm, token.signed().as_bytes(), &signature);
    Ok(Value::from(any_key(&keys, &header.kid, &header.alg, &holds)))
}

/// The payload of a token, if a key has signed it with this algorithm: a secret for HS256 and the like, else a public key or
/// certificate in PEM, or a JWK.
///
/// # Errors
/// It is no token, the key is none, or it has not signed it.
pub fn verified_payload(token: &str, algorithm: &str, key: &str) -> Result<Vec<u8>, String> {
    let said = |failure: Failure| match failure {
        Failure::Failed(text) | Failure::Type(text) => text,
    };
    let token = Token::parse(token).map_err(said)?;
    let header = token.decoded_header().and_then(|it| Header::read(&it)).map_err(said)?;
    if header.alg != algorithm {
        return Err(format!("it is signed with {:?}, and the key is for {algorithm}", header.alg));
    }
    if !ALGORITHMS.contains(&algorithm) {
        return Err(format!("there is no algorithm {algorithm:?}"));
    }
    let keys = if algorithm.starts_with("HS") {
        vec![Key::secret(key.as_bytes())]
    } else {
        keys::parse(key).map_err(said)?
    };
    let signature = bytes_of(token.signature, "").map_err(said)?;
    let signed = token.signed();
    let holds = |key: &Key| verify::verify(key, algorithm, signed.as_bytes(), &signature);
    if !any_key(&keys, &header.kid, &header.alg, &holds) {
        return Err("the signature does not hold".into());
    }
    bytes_of(token.payload, "").map_err(said)
}

/// The key of this id alone, else any key whose algorithm does not contradict.
fn any_key(keys: &[Key], kid: &str, alg: &str, holds: &dyn Fn(&Key) -> bool) -> bool {
    let named = keys.iter().find(|it| !kid.is_empty() && it.kid == kid);
    if let Some(key) = named {
        return holds(key);
    }
    keys.iter().any(|it| (it.alg.is_empty() || it.alg == alg) && holds(it))
}

fn verified_with_secret(args: &[Value], algorithm: &str) -> Answer {
    let token = Token::parse(string(args, 0)?)?;
    let secret = string(args, 1)?;
    let signature = bytes_of(token.signature, "")?;
    let key = Key::secret(secret.as_bytes());
    Ok(Value::from(verify::verify(&key, algorithm, token.signed().as_bytes(), &signature)))
}

/// The fields of a header that mean something here.
#[derive(Default)]
struct Header {
    alg: String,
    kid: String,
    cty: String,
    critical: Vec<String>,
    unknown: Vec<String>,
}

impl Header {
    fn read(header: &Value) -> Result<Self, Failure> {
        let mut read = Self::default();
        for (key, value) in object_in(header).into_iter().flat_map(Object::iter) {
            let name = key.as_string().map(ToString::to_string).unwrap_or_default();
            let text = |value: &Value| match value.as_string() {
                Ok(text) => Ok(text.to_string()),
                Err(_) => failed(format!("{name}: must be a string")),
            };
            match name.as_str() {
                "alg" => read.alg = text(value)?,
                "kid" => read.kid = text(value)?,
                "cty" => read.cty = text(value)?,
                "typ" => drop(text(value)?),
                "crit" => read.critical = critical(value)?,
                _ => read.unknown.push(name),
            }
        }
        Ok(read)
    }

    /// RFC 7515 4.1.1 and 4.1.11: `alg` must be there, what is critical must be known.
    fn is_valid(&self) -> bool {
        !self.alg.is_empty() && !self.unknown.iter().any(|it| self.critical.contains(it))
    }
}

fn critical(value: &Value) -> Result<Vec<String>, Failure> {
    let Ok(items) = value.as_array() else { return failed("crit: must be a list") };
    let text = |it: &Value| it.as_string().ok().map(ToString::to_string);
    let names: Vec<String> = items.iter().filter_map(text).collect();
    if names.is_empty() {
        return failed("crit: must be a nonempty list");
    }
    Ok(names)
}

/// What `decode_verify` asks for.
struct Constraints {
    keys: Option<Vec<Key>>,
    alg: String,
    iss: String,
    aud: String,
    seconds: f64,
}

impl Constraints {
    fn read(args: &[Value]) -> Result<Self, Failure> {
        let now = clock::unix_nanos() as f64 / 1e9;
        let mut read = Self {
            keys: None,
            alg: String::new(),
            iss: String::new(),
            aud: String::new(),
            seconds: now,
        };
        let mut secret = String::new();
        for (key, value) in object(args, 1)?.iter_sorted() {
            let name = key.as_string().map(ToString::to_string).unwrap_or_default();
            let text = || match value.as_string() {
                Ok(text) => Ok(text.to_string()),
                Err(_) => failed(format!("{name} constraint: must be a string")),
            };
            match name.as_str() {
                "cert" => read.keys = Some(keys::parse(&text()?)?),
                "secret" => secret = text()?,
                "alg" => read.alg = text()?,
                "iss" => read.iss = text()?,
                "aud" => read.aud = text()?,
                "time" => read.seconds = seconds(value)?,
                _ => return failed(format!("unknown token validation constraint: {name}")),
            }
        }
        match (&read.keys, secret.is_empty()) {
            (Some(_), false) => failed("duplicate key constraints"),
            (None, true) => failed("no key constraint"),
            (Some(_), true) => Ok(read),
            (None, false) => Ok(Self { keys: Some(vec![Key::secret(secret.as_bytes())]), ..read }),
        }
    }

    fn allows_audience(&self, audience: Option<&Value>) -> bool {
        match audience {
            None => self.aud.is_empty(),
            Some(Value::String(text)) => **text == *self.aud,
            Some(Value::Array(items)) => {
                items.iter().any(|it| *it == Value::from(self.aud.as_str()))
            }
            Some(_) => false,
        }
    }
}

fn seconds(value: &Value) -> Result<f64, Failure> {
    match value {
        Value::Number(_) => match float(value) {
            Some(nanos) if nanos >= 0.0 => Ok(nanos / 1e9),
            _ => failed("token time constraint: must not be negative"),
        },
        _ => failed("token time constraint: must be a number"),
    }
}

/// The nearest float: the engine gives one only where it is exact.
fn float(value: &Value) -> Option<f64> {
    value.as_f64().ok().or_else(|| value.to_json_str().ok()?.trim().parse().ok())
}

fn decode_verify(args: &[Value]) -> Answer {
    let unverified = || {
        let empty = || object_of([]);
        Ok(Value::from(vec![Value::from(false), empty(), empty()]))
    };
    let constraints = Constraints::read(args)?;
    let mut text = string(args, 0)?.to_owned();
    for _ in 0..NESTING_MAX {
        let token = Token::parse(&text)?;
        let decoded_header = token.decoded_header()?;
        let header = Header::read(&decoded_header)?;
        if !header.is_valid() || !(constraints.alg.is_empty() || constraints.alg == header.alg) {
            return unverified();
        }
        let signature = bytes_of(token.signature, "")?;
        let signed = token.signed();
        let holds = |key: &Key| verify::verify(key, &header.alg, signed.as_bytes(), &signature);
        let keys = constraints.keys.as_deref().unwrap_or_default();
        if !any_key(keys, &header.kid, &header.alg, &holds) {
            return unverified();
        }
        let payload = decoded(token.payload, "JWT payload had invalid encoding: ")?;
        if header.cty.eq_ignore_ascii_case("JWT") {
            text = payload;
            continue;
        }
        let payload = json_object(&payload)?;
        let claims = object_in(&payload).cloned().unwrap_or_default();
        if !claims_hold(&claims, &constraints)? {
            return unverified();
        }
        return Ok(Value::from(vec![Value::from(true), decoded_header, payload]));
    }
    failed("JWT is nested too deeply")
}

/// RFC 7519 4.1: issuer, audience, expiry and the time before which the token does not hold.
fn claims_hold(claims: &Object, constraints: &Constraints) -> Result<bool, Failure> {
    let issuer = field(claims, "iss").and_then(|it| it.as_string().ok());
    if !constraints.iss.is_empty() && issuer.is_none_or(|it| **it != *constraints.iss) {
        return Ok(false);
    }
    if !constraints.allows_audience(field(claims, "aud")) {
        return Ok(false);
    }
    let time = |name: &str| match field(claims, name) {
        None => Ok(None),
        Some(it @ Value::Number(_)) => Ok(float(it)),
        Some(_) => failed(format!("{name} value must be a number")),
    };
    let is_over = time("exp")?.is_some_and(|it| constraints.seconds >= it);
    let is_early = time("nbf")?.is_some_and(|it| constraints.seconds < it);
    Ok(!is_over && !is_early)
}

fn encode_sign(args: &[Value]) -> Answer {
    let json = |index: usize| {
        object(args, index)?;
        let value = args.get(index).unwrap_or(&Value::Undefined);
        serde_json::to_string(value).map_err(|it| Failure::Failed(it.to_string()))
    };
    sign::sign(&json(0)?, &json(1)?, &json(2)?)
}
