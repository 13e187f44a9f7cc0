//! Names of images: `registry:port/path:tag@digest`. As `distribution/reference` of Go reads them.

use std::sync::LazyLock;

use regex::Regex;

/// Of the reference grammar: a domain, a path in small letters, a tag, a digest.
static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let digest = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let form = format!(
        r"^((?:{domain}/)?{part}(?:/{part})*)(?::([a-zA-Z0-9_][a-zA-Z0-9_.-]{{0,127}}))?(?:@({digest}))?$"
    );
    Regex::new(&form).ok()
});

/// The registry of names without one, and what it was called before.
const REGISTRY: &str = "docker.io";
const OLD_REGISTRY: &str = "index.docker.io";
/// Digests that registries know, and how many letters they have. OCI image specification, "Registered Algorithms"; `go-digest`.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

fn is_digest(text: &str) -> bool {
    let is_hex = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    text.split_once(':')
        .is_some_and(|(name, hex)| DIGESTS.contains(&(name, hex.len())) && hex.bytes().all(is_hex))
}

/// An image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// Registry and path, as written.
    pub repository: &'a str,
    /// As written; empty if there is none.
    tag: &'a str,
    /// `sha256:...`; empty if there is none.
    digest: &'a str,
}

impl<'a> Image<'a> {
    /// `None` for what is no name of an image.
    pub fn parse(text: &'a str) -> Option<Self> {
        let found = FORM.as_ref()?.captures(text)?;
        let part = |at| found.get(at).map_or("", |it| it.as_str());
        Some(Self { repository: part(1), tag: part(2), digest: part(3) })
    }

    /// What is pulled without a tag is the latest. The Collector says so as well of an image that is given by its digest alone.
    pub fn tag(self) -> &'a str {
        if self.tag.is_empty() { "latest" } else { self.tag }
    }

    /// The version of a service: tag, digest, or both; `None` without either.
    pub(crate) fn version(self) -> Option<String> {
        match (self.tag, self.digest) {
            ("", "") => None,
            (tag, "") => Some(tag.to_owned()),
            ("", digest) => Some(digest.to_owned()),
            (tag, digest) => Some(format!("{tag}@{digest}")),
        }
    }

    /// The whole name of what is one image for ever, as the registry knows it: `ubuntu` is `docker.io/library/ubuntu`.
    /// `None` without a digest.
    pub(crate) fn canonical(self) -> Option<String> {
        if !is_digest(self.digest) {
            return None;
        }
        // A first part is a registry only if it can be no part of a path.
        let is_registry = |part: &str| {
            part == "localhost"
                || part.contains(['.', ':'])
                || part.contains(|it: char| it.is_ascii_uppercase())
        };
        let parts = self.repository.split_once('/').filter(|it| is_registry(it.0));
        let (registry, path) = match parts {
            None | Some((OLD_REGISTRY, _)) => (REGISTRY, parts.map_or(self.repository, |it| it.1)),
            Some(parts) => parts,
        };
        let library = if registry == REGISTRY && !path.contains('/') { "library/" } else { "" };
        let colon = if self.tag.is_empty() { "" } else { ":" };
        Some(format!("{registry}/{library}{path}{colon}{}@{}", self.tag, self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:7d697f43c851721f39a3e7405f67b1808104af422c4cbbdfe4dbf6617b3f961f";

    #[test]
    fn images_are_split_into_repository_tag_and_digest() {
        let check = |text: &str, repository: &str, tag: &str, version: Option<&str>| {
            let image = Image::parse(text).unwrap();
            assert_eq!((image.repository, image.tag()), (repository, tag), "{text}");
            assert_eq!(image.version().as_deref(), version, "{text}");
        };
        check("proxy", "proxy", "latest", None);
        check(
            "registry.example:5000/shop/cart:1.4.2",
            "registry.example:5000/shop/cart",
            "1.4.2",
            Some("1.4.2"),
        );
        check("localhost:5000/a", "localhost:5000/a", "latest", None);
        check("[fd00::1]:5000/a__b/c-d:v", "[fd00::1]:5000/a__b/c-d", "v", Some("v"));
        check(&format!("a/b@{DIGEST}"), "a/b", "latest", Some(DIGEST));
        check(&format!("a/b:3@{DIGEST}"), "a/b", "3", Some(&format!("3@{DIGEST}")));
    }

    #[test]
    fn what_is_no_image_has_no_parts() {
        for text in ["", "UPPER", "a b", "a:", "a@sha256:1", "docker-pullable://a@sha256:x", ":1"] {
            assert_eq!(Image::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_names_one_image_for_ever_is_named_with_its_registry() {
        let check = |name: &str, want: Option<&str>| {
            let got = Image::parse(&format!("{name}@{DIGEST}")).and_then(Image::canonical);
            assert_eq!(got, want.map(|it| format!("{it}@{DIGEST}")), "{name}");
        };
        check("ubuntu", Some("docker.io/library/ubuntu"));
        check("ubuntu:22.04", Some("docker.io/library/ubuntu:22.04"));
        check("docker.io/ubuntu", Some("docker.io/library/ubuntu"));
        check("index.docker.io/a/b", Some("docker.io/a/b"));
        check("a/b", Some("docker.io/a/b"));
        check("q.io/a/b:1", Some("q.io/a/b:1"));
        check("localhost/a", Some("localhost/a"));
        check("registry:5000/a", Some("registry:5000/a"));
        check("Registry/a", Some("Registry/a"));
        check("q.io/A", None);
        let unknown = format!("a@md5:{}", "0".repeat(32));
        let upper = format!("a@sha256:{}", "A".repeat(64));
        for text in ["ubuntu", DIGEST, &unknown, &upper] {
            assert_eq!(Image::parse(text).and_then(Image::canonical), None, "{text}");
        }
    }
}
