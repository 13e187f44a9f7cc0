//! Whom a connection trusts.
//!
//! rustls trusts what an authority has signed. Go also trusts a certificate that is itself in the list, which is what
//! people have who made one with `openssl req -x509` and gave it to both sides: webpki refuses it as "an authority used
//! as an end entity". So a certificate that is byte for byte in the list is accepted, if it is in its time and made for
//! the name.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_cert::der::Decode;

/// Authorities, and certificates that are trusted themselves.
#[derive(Debug, Clone)]
pub(crate) struct Trusted {
    pub(crate) authorities: RootCertStore,
    pub(crate) themselves: Vec<CertificateDer<'static>>,
}

impl Trusted {
    pub(crate) fn nobody() -> Self {
        Self { authorities: RootCertStore::empty(), themselves: Vec::new() }
    }

    /// Whether a certificate is in the list, and in its time.
    fn has(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        if !self.themselves.iter().any(|it| it == certificate) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let read = x509_cert::Certificate::from_der(certificate);
        let validity =
            read.map_err(|_| Error::from(CertificateError::BadEncoding))?.tbs_certificate.validity;
        let now = now.as_secs();
        if validity.not_after.to_unix_duration().as_secs() < now {
            return Err(CertificateError::Expired.into());
        }
        if now < validity.not_before.to_unix_duration().as_secs() {
            return Err(CertificateError::NotValidYet.into());
        }
        Ok(())
    }
}

/// What webpki refuses before it looks who has signed.
fn may_be_trusted_itself(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
    )
}

/// Says whether a server is trusted.
pub(crate) fn of_servers(
    trusted: Trusted,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, VerifierBuilderError> {
    let whom = if trusted.authorities.is_empty() {
        Whom::Nobody
    } else {
        let roots = Arc::new(trusted.authorities.clone());
        let signed = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        Whom::Signed(signed.build()?, trusted)
    };
    Ok(Arc::new(Servers { whom, provider: Arc::clone(provider) }))
}

/// Says whether a client is trusted.
pub(crate) fn of_clients(
    trusted: &Trusted,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let roots = Arc::new(trusted.authorities.clone());
    let inner = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build()?;
    Ok(Arc::new(Clients { inner, trusted: trusted.clone() }))
}

/// `insecure_skip_verify`: only the signature of the handshake is checked, so that the server has the key of the
/// certificate that it shows, whoever it is.
pub(crate) fn of_anybody(provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Servers { whom: Whom::Anybody, provider: Arc::clone(provider) })
}

#[derive(Debug)]
struct Servers {
    whom: Whom,
    provider: Arc<CryptoProvider>,
}

/// Which servers are trusted.
#[derive(Debug)]
enum Whom {
    /// Whoever it is.
    Anybody,
    /// A machine without any authority, where none is configured either.
    Nobody,
    /// Whom an authority vouches for, and who is in the list.
    Signed(Arc<WebPkiServerVerifier>, Trusted),
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (signed, trusted) = match &self.whom {
            Whom::Anybody => return Ok(ServerCertVerified::assertion()),
            Whom::Nobody => return Err(CertificateError::UnknownIssuer.into()),
            Whom::Signed(signed, trusted) => (signed, trusted),
        };
        match signed.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(error) if may_be_trusted_itself(&error) => {
                trusted.has(certificate, now)?;
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug)]
struct Clients {
    inner: Arc<dyn ClientCertVerifier>,
    trusted: Trusted,
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.inner.verify_client_cert(certificate, chain, now) {
            Err(error) if may_be_trusted_itself(&error) => {
                self.trusted.has(certificate, now).map(|()| ClientCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
