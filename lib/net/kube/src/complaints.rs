//! What goes wrong again and again is said once, with what to do about it.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Resource};

/// The same failure is said again after this time.
const SAY_AGAIN: Duration = Duration::from_secs(300);

/// What was said last.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    said: Option<(String, Instant)>,
}

impl Complaints {
    /// It works again.
    pub(crate) fn end(&mut self) {
        self.said = None;
    }

    /// Says what went wrong, once, and returns it with the remedy; `verbs` is what the request needs.
    pub(crate) fn say(
        &mut self,
        resource: &Resource,
        verbs: &[&'static str],
        error: &Error,
    ) -> String {
        let remedy = error.remedy(&resource.rule(verbs)).unwrap_or_default();
        let resource = resource.to_string();
        let text = error.to_string();
        let whole = match &*remedy {
            "" => format!("cannot watch {resource}: {text}"),
            remedy => format!("cannot watch {resource}: {text}; {remedy}"),
        };
        if self.said.as_ref().is_some_and(|it| it.0 == text && it.1.elapsed() < SAY_AGAIN) {
            return whole;
        }
        if error.is_refused() {
            tracing::error!(resource, error = text, remedy, "the API server refuses a watch");
        } else {
            tracing::warn!(
                resource,
                error = text,
                "the API server cannot be watched: trying again"
            );
        }
        self.said = Some((text, Instant::now()));
        whole
    }
}
