//! Sets headers of what exporters send: fixed ones, those of a file, and those that tell whose data it is.

use std::sync::{Arc, OnceLock};

use component::config::{Caution, Need, Problems, Secret};
use component::{
    BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Id, Offers, Outgoing,
    Settings, async_trait,
};
use credentials::{Given, Watched};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// `extensions: headers_setter:`
///
/// Upstream: `extension/headerssetterextension`, v0.149.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "headerssetterextension.Config")]
pub struct Config {
    /// What is done to the headers, in this order.
    pub headers: Vec<Header>,
    /// An authenticator whose headers are set before these.
    #[config(omit_empty)]
    pub additional_auth: Option<String>,
}

/// One of `headers`. A value comes from exactly one place, except for `delete`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "headerssetterextension.HeaderConfig")]
pub struct Header {
    /// `insert` where it is not there, `update` where it is, `upsert` always, or `delete`. Default `upsert`.
    pub action: String,
    /// The name of the header.
    #[config(omit_empty)]
    pub key: Option<String>,
    /// The value.
    #[config(omit_empty)]
    pub value: Option<Secret>,
    /// A file with the value, read again when it changes.
    #[config(omit_empty)]
    pub value_file: Option<String>,
    /// Request metadata of the client: the receiver needs `include_metadata: true`.
    #[config(omit_empty)]
    pub from_context: Option<String>,
    /// What the authenticator of the receiver knows of the client, such as `username`.
    #[config(omit_empty)]
    pub from_attribute: Option<String>,
    /// The value where the client has none. Default empty.
    #[config(omit_empty)]
    pub default_value: Option<Secret>,
}

/// What is done to one header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Insert,
    Update,
    Upsert,
    Delete,
}

const ACTIONS: [&str; 4] = ["insert", "update", "upsert", "delete"];

impl Header {
    fn action(&self) -> Option<Action> {
        Some(match self.action.as_str() {
            "insert" => Action::Insert,
            "update" => Action::Update,
            "upsert" => Action::Upsert,
            "delete" => Action::Delete,
            _ => return None,
        })
    }

    fn name(&self) -> Result<HeaderName, String> {
        let key = self.key.as_deref().unwrap_or_default();
        HeaderName::try_from(key).map_err(|_| format!("{key:?} cannot be the name of a header"))
    }

    /// How many places the value is to come from.
    fn sources(&self) -> usize {
        usize::from(self.value.is_some())
            + usize::from(self.value_file.is_some())
            + usize::from(self.from_context.is_some())
            + usize::from(self.from_attribute.is_some())
    }

    fn validate(&self, at: &str, problems: &mut Problems) {
        if self.key.as_deref().is_none_or(str::is_empty) {
            problems.at("", "missing header name").about(at);
            return;
        }
        if let Err(why) = self.name() {
            problems.at_start(format!("{at}::key"), why);
        }
        if self.action() != Some(Action::Delete) {
            let all = "'from_context', 'from_attribute', 'value', or 'value_file'";
            let text = match self.sources() {
                0 => Some(format!("missing header source, must be {all}")),
                1 => None,
                _ => Some(format!("invalid header source, must be only one of {all}")),
            };
            if let Some(text) = text {
                problems.at("", text).about(at);
            }
        }
        if !self.action.is_empty() && self.action().is_none() {
            let text = format!("{:?} is no action: upsert is done, as upstream", self.action);
            let key = format!("{at}::action");
            problems.warn(Caution::NoEffect, key, text).one_of("action", &ACTIONS);
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.headers.is_empty() {
            let advice =
                "write at least one: headers: [{key: X-Scope-OrgID, from_context: x-tenant}]";
            problems.at("", "missing headers configuration").say("headers", advice);
        }
        for (index, header) in self.headers.iter().enumerate() {
            header.validate(&format!("headers::{index}"), problems);
        }
        if let Some(id) = &self.additional_auth {
            if is_headers_setter(id) {
                let text =
                    "another headers_setter cannot be the additional_auth: write its headers here";
                problems.at_start("additional_auth", text);
            } else {
                problems.needs("additional_auth", Need::ClientAuth(id.clone()));
            }
        }
    }
}

/// Two that call each other would never end.
fn is_headers_setter(id: &str) -> bool {
    id.split('/').next().is_some_and(|it| it.trim() == HeadersSetter::TYPE)
}

/// The extension.
pub struct HeadersSetter {
    config: Config,
    started: OnceLock<Started>,
}

/// What a request says before [`Component::start`].
const NOT_STARTED: &str = "the extension is not started";

struct Started {
    steps: Vec<Step>,
    additional: Option<Arc<dyn ClientAuth>>,
}

/// One of `headers`, ready to be used.
struct Step {
    action: Action,
    name: HeaderName,
    source: Source,
}

/// Where a value comes from.
enum Source {
    Nowhere,
    Given(Given<String>),
    Context { key: String, default: String },
    Attribute { name: String, default: String },
}

impl Extension for HeadersSetter {
    type Config = Config;
    const TYPE: &'static str = "headers_setter";
    const OFFERS: &'static [Offers] = &[Offers::ClientAuth];

    fn create(_settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config, started: OnceLock::new() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::ClientAuth(self)]
    }
}

#[async_trait]
impl Component for HeadersSetter {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let steps: Result<Vec<Step>, BoxError> =
            self.config.headers.iter().map(|it| step(it, host)).collect();
        let additional = match &self.config.additional_auth {
            None => None,
            Some(id) => Some(host.uses::<dyn ClientAuth>(&id.parse::<Id>()?)?),
        };
        let _ = self.started.set(Started { steps: steps?, additional });
        Ok(())
    }
}

fn step(header: &Header, host: &Host) -> Result<Step, BoxError> {
    let default =
        header.default_value.as_ref().map(|it| it.expose().to_owned()).unwrap_or_default();
    let source = if let Some(value) = &header.value {
        Source::Given(Given::Fixed(value.expose().to_owned()))
    } else if let Some(path) = &header.value_file {
        let trimmed = |it: &str| Ok(it.trim().to_owned());
        Source::Given(Given::File(Watched::open(path.as_ref(), host, trimmed)?))
    } else if let Some(key) = &header.from_context {
        Source::Context { key: key.to_lowercase(), default }
    } else if let Some(name) = &header.from_attribute {
        Source::Attribute { name: name.clone(), default }
    } else {
        Source::Nowhere
    };
    Ok(Step { action: header.action().unwrap_or(Action::Upsert), name: header.name()?, source })
}

impl Source {
    /// # Errors
    /// The client has sent several values.
    fn value(&self, ctx: &Context) -> Result<String, String> {
        let client = ctx.client.as_deref();
        match self {
            Self::Nowhere => Ok(String::new()),
            Self::Given(it) => Ok(it.get()),
            Self::Context { key, default } => {
                let mut values = client.into_iter().flat_map(|it| it.metadata(key));
                let first = values.next();
                match values.count() {
                    0 => Ok(first.unwrap_or(default).to_owned()),
                    more => Err(format!(
                        "{} source keys found in the context, can't determine which one to use",
                        more + 1
                    )),
                }
            }
            Self::Attribute { name, default } => {
                let known = client.and_then(|it| it.auth.as_ref()?.text(name));
                Ok(known.unwrap_or_else(|| default.clone()))
            }
        }
    }
}

#[async_trait]
impl ClientAuth for HeadersSetter {
    async fn authorize(&self, ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        let started = self.started.get().ok_or(NOT_STARTED)?;
        if let Some(additional) = &started.additional {
            additional.authorize(ctx, headers).await?;
        }
        started.apply(ctx, headers)
    }

    async fn sign(
        &self,
        ctx: &Context,
        request: &Outgoing<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let started = self.started.get().ok_or(NOT_STARTED)?;
        if let Some(additional) = &started.additional {
            additional.sign(ctx, request, headers).await?;
        }
        started.apply(ctx, headers)
    }

    fn needs_encryption(&self) -> bool {
        let additional = self.started.get().and_then(|it| it.additional.as_ref());
        additional.is_some_and(|it| it.needs_encryption())
    }
}

impl Started {
    fn apply(&self, ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        for Step { action, name, source } in &self.steps {
            // An empty one counts as none, as upstream.
            let is_there = headers.get(name).is_some_and(|it| !it.is_empty());
            match action {
                Action::Delete => drop(headers.remove(name)),
                Action::Insert if is_there => {}
                Action::Update if !is_there => {}
                Action::Insert | Action::Update | Action::Upsert => {
                    let value = source.value(ctx);
                    let value =
                        value.map_err(|it| format!("failed to determine the source: {it}"))?;
                    let value = HeaderValue::try_from(value);
                    let mut value = value
                        .map_err(|_| format!("the value for {name} cannot be sent in a header"))?;
                    value.set_sensitive(true);
                    headers.insert(name, value);
                }
            }
        }
        Ok(())
    }
}
