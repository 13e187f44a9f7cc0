//! Signature Version 4 of AWS: where credentials come from ([`Provider`]), and how a request is signed with them ([`sign`]).

use serde::{Deserialize, Serialize};

mod provider;
mod sign;

pub use provider::{Provider, element};
pub use sign::{Credentials, ToSign, encoded, sign, time};

/// `assume_role:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "sigv4authextension.AssumeRole")]
pub struct Role {
    /// The Amazon resource name of the role. Default none.
    #[config(omit_empty)]
    pub arn: String,
    /// What the session is called. Default `sluice-` and the time.
    #[config(omit_empty)]
    pub session_name: String,
    /// The region whose token service is asked. Default `region`.
    #[config(omit_empty)]
    pub sts_region: String,
}

/// `assume_role_with_web_identity:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "sigv4authextension.AssumeRoleWithWebIdentity")]
pub struct WebIdentity {
    /// The Amazon resource name of the role.
    #[config(omit_empty)]
    pub arn: String,
    /// The file with the token, read for every new session.
    pub token_file: String,
    /// The region whose token service is asked. Default `region`.
    #[config(omit_empty)]
    pub sts_region: String,
}
