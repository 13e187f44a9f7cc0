//! `secret_provider:`, which names an extension that gives the credentials. There is none here (upstream's asks AWS), so
//! the section is checked as upstream does, and then refused with what can be used instead.

use component::config::Problems;
use serde::{Deserialize, Serialize};

/// `secret_provider:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "basicauthextension.SecretProviderConfig")]
pub struct SecretProvider {
    /// Id of the extension. No extension of this program can be one.
    pub id: String,
    /// Where the name is in the secret.
    #[config(omit_empty)]
    pub username_key: String,
    /// Where the password is in the secret.
    #[config(omit_empty)]
    pub password_key: String,
}

const OTHER_SOURCE: &str =
    "only one credential source allowed: choose `secret_provider` or inline/file, not both";
const NO_ID: &str = "`secret_provider.id` is required";
const NO_KEYS: &str = "`secret_provider.username_key` and `secret_provider.password_key` are required for client_auth";

impl SecretProvider {
    /// `place` is the section around it, `needs_keys` of one that sends; `instead` are keys that can do without.
    pub(crate) fn validate(
        &self,
        place: &str,
        (has_other, needs_keys): (bool, bool),
        instead: &str,
        problems: &mut Problems,
    ) {
        let own = format!("{place}::secret_provider");
        let has_keys = !self.username_key.is_empty() && !self.password_key.is_empty();
        if has_other {
            problems.at("", OTHER_SOURCE).remove(&own);
        } else if self.id.is_empty() {
            problems.at("", NO_ID).about(&own);
        } else if needs_keys && !has_keys {
            problems.at("", NO_KEYS).about(&own);
        } else {
            let text = format!("secret provider extension {:?} not found", self.id);
            let advice = format!("no extension of this program gives secrets: write {instead}");
            problems.at_start("", text).say(&own, advice);
        }
    }
}
