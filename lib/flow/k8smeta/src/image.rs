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

    /// It names one image for ever.
    pub(crate) fn is_canonical(self) -> bool {
        !self.digest.is_empty()
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
        assert!(Image::parse(&format!("a@{DIGEST}")).unwrap().is_canonical());
        assert!(!Image::parse(DIGEST).is_some_and(Image::is_canonical));
    }
}
