//! Signatures of a request.

use pdata::text::{Base64, hex};
use ring::hmac;

/// `webhook-signature`, version 1 (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub(crate) fn standard(secret: &str, id: &str, time: u64, body: &[u8]) -> String {
    let key = match secret.strip_prefix("whsec_") {
        Some(text) => Base64::STANDARD.decode(text.as_bytes()).unwrap_or_else(|_| text.into()),
        None => secret.into(),
    };
    let signed = [format!("{id}.{time}.").as_bytes(), body].concat();
    format!("v1,{}", Base64::STANDARD.encode(&digest(&key, &signed)))
}

/// `X-Hub-Signature-256`.
pub(crate) fn sha256(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex(&digest(secret.as_bytes(), body)))
}

fn digest(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_standard_webhooks_has_its_signature() {
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(standard(secret, id, 1_614_265_330, body), want);
    }

    #[test]
    fn the_example_of_github_has_its_signature() {
        let want = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(sha256("It's a Secret to Everybody", b"Hello, World!"), want);
    }
}
