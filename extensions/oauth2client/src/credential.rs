//! What a client is known by.

use component::Host;
use credentials::{Given, Watched};

/// A name or a secret, written in the section or in a file.
pub(crate) type Credential = Given<String>;

pub(crate) fn credential(text: &str, file: &str, host: &Host) -> Result<Credential, String> {
    if file.is_empty() {
        return Ok(Given::Fixed(text.to_owned()));
    }
    let read = |text: &str| match text.trim() {
        "" => Err("the file is empty: write the credential into it".to_owned()),
        text => Ok(text.to_owned()),
    };
    Ok(Given::File(Watched::open(file.as_ref(), host, read)?))
}
