//! Failed handshakes in the words of Go's `crypto/tls`, with what to do about them.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// What a client says about a handshake that failed.
pub(crate) fn of_client(error: &io::Error) -> String {
    let Some(error) = rustls_error(error) else { return plain(error) };
    match error {
        Error::InvalidCertificate(why) => {
            format!("tls: failed to verify certificate: {}", certificate(why))
        }
        Error::InvalidMessage(_) => {
            "tls: first record does not look like a TLS handshake (the server does not speak TLS: use http://, or \
             set tls.insecure: true)"
                .into()
        }
        other => common(other),
    }
}

/// What a server says about a handshake that failed.
pub(crate) fn of_server(error: &io::Error) -> String {
    let Some(error) = rustls_error(error) else { return plain(error) };
    match error {
        Error::NoCertificatesPresented => "tls: client didn't provide a certificate".into(),
        Error::InvalidCertificate(why) => {
            format!("tls: failed to verify certificate: {}", certificate(why))
        }
        Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".into(),
        other => common(other),
    }
}

pub(crate) fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "EOF".into(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
        io::ErrorKind::BrokenPipe => "broken pipe".into(),
        _ => error.to_string(),
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        // An authority of that name is known, and its key is another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "x509: certificate signed by unknown authority (set tls.ca_file to the \
                                            certificate of the authority that signed the peer's)"
            .into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "x509: certificate has expired or is not yet valid (renew the peer's certificate, or correct the clock)"
                .into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "x509: certificate has expired or is not yet valid (correct the clock of this machine or of the peer)"
                .into()
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "x509: certificate relies on legacy Common Name field, use SANs instead (make it with subjectAltName, for \
             example DNS:backend.example)"
                .into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|it| unwrapped(it)).collect();
            let expected = expected.to_str();
            format!(
                "x509: certificate is valid for {}, not {expected} (use one of these names in the endpoint, or set \
                 tls.server_name_override)",
                names.join(", ")
            )
        }
        CertificateError::NotValidForName => {
            "x509: certificate is valid for another name (set tls.server_name_override)".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage".into()
        }

        other => format!("x509: {other}"),
    }
}

/// rustls shows names as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn unwrapped(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|it| it.1.strip_suffix(')'));
    inner.map_or(name, |it| it.trim_matches('"'))
}

fn common(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        Error::PeerIncompatible(why) => {
            format!(
                "tls: handshake failure: nothing in common with the peer ({why:?}): see min_version, max_version, cipher_suites and curve_preferences on both sides"
            )
        }
        other => format!("tls: {other}"),
    }
}

/// `crypto/tls`, `alertText`.
fn alert_text(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CloseNotify => "close notify",
        A::UnexpectedMessage => "unexpected message",
        A::BadRecordMac => "bad record MAC",
        A::RecordOverflow => "record overflow",
        A::HandshakeFailure => "handshake failure",
        A::BadCertificate => "bad certificate",
        A::UnsupportedCertificate => "unsupported certificate",
        A::CertificateRevoked => "revoked certificate",
        A::CertificateExpired => "expired certificate",
        A::CertificateUnknown => "unknown certificate",
        A::IllegalParameter => "illegal parameter",
        A::UnknownCA => "unknown certificate authority",
        A::AccessDenied => "access denied",
        A::DecodeError => "error decoding message",
        A::DecryptError => "error decrypting message",
        A::ProtocolVersion => "protocol version not supported",
        A::InsufficientSecurity => "insufficient security level",
        A::InternalError => "internal error",
        A::UserCanceled => "user canceled",
        A::MissingExtension => "missing extension",
        A::UnrecognisedName => "unrecognized name",
        A::CertificateRequired => "certificate required",
        A::NoApplicationProtocol => "no application protocol",
        _ => "unknown alert",
    }
}
