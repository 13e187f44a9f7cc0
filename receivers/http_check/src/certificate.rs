//! What a certificate says of its time and of whom it is for.

use std::net::IpAddr;

use x509_cert::Certificate as X509;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Decode as _, Tagged as _, oid::ObjectIdentifier};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `commonName`.
const CN: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A server's certificate.
#[derive(Debug, PartialEq)]
pub(crate) struct Certificate {
    pub(crate) issuer: String,
    pub(crate) common_name: String,
    /// Addresses, URIs, names and mail addresses, in this order, as upstream.
    pub(crate) names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub(crate) ends: i64,
}

impl Certificate {
    /// `None` for what is no certificate.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let whole = X509::from_der(der).ok()?;
        let it = &whole.tbs_certificate;
        let mut common_name = String::new();
        for part in it.subject.0.iter().flat_map(|it| it.0.iter()).filter(|it| it.oid == CN) {
            let text = match part.value.tag() {
                x509_cert::der::Tag::PrintableString => {
                    part.value.decode_as::<PrintableStringRef<'_>>().ok().map(|it| it.to_string())
                }
                _ => part.value.decode_as::<Utf8StringRef<'_>>().ok().map(|it| it.to_string()),
            };
            common_name = text.unwrap_or_default();
        }
        let names = it.get::<SubjectAltName>().ok().flatten().map(|it| it.1.0).unwrap_or_default();
        let ends = it.validity.not_after.to_unix_duration().as_secs();
        let ends = i64::try_from(ends).ok()?;
        Some(Self { issuer: it.issuer.to_string(), common_name, names: sorted(&names), ends })
    }
}

fn sorted(names: &[GeneralName]) -> Vec<String> {
    let of = |pick: fn(&GeneralName) -> Option<String>| names.iter().filter_map(pick);
    of(address)
        .chain(of(|it| match it {
            GeneralName::UniformResourceIdentifier(it) => Some(it.to_string()),
            _ => None,
        }))
        .chain(of(|it| match it {
            GeneralName::DnsName(it) => Some(it.to_string()),
            _ => None,
        }))
        .chain(of(|it| match it {
            GeneralName::Rfc822Name(it) => Some(it.to_string()),
            _ => None,
        }))
        .collect()
}

fn address(name: &GeneralName) -> Option<String> {
    let GeneralName::IpAddress(bytes) = name else { return None };
    let bytes = bytes.as_bytes();
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|it| it.to_string())
}
