//! How a container names its image.

use crate::messages::{Container, Image};

/// Name and tag of the image of a container, as the pod names it if that is known. `image` is what the runtime knows of an
/// image of which the container has only the id.
pub fn name_and_tag<'a>(container: &'a Container, image: Option<&'a Image>) -> (&'a str, &'a str) {
    let spec = container.image.as_ref();
    let tagged = image.and_then(|it| it.repo_tags.first()).map(String::as_str);
    let named = spec.map(|it| it.user_specified_image.as_str()).filter(|it| !it.is_empty());
    let listed = spec.map(|it| it.image.as_str()).filter(|it| !is_id(it));
    named.or(listed).or(tagged).map_or(("", ""), split)
}

/// `registry:5000/app:1.2@sha256:...` into name and tag. Without a tag it is `latest`.
fn split(image: &str) -> (&str, &str) {
    let name = image.split_once('@').map_or(image, |it| it.0);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, "latest"),
    }
}

/// True for `sha256:...` and the bare digits.
pub fn is_id(image: &str) -> bool {
    let digits = image.strip_prefix("sha256:").unwrap_or(image);
    digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit())
}
