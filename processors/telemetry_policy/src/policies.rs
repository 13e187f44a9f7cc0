//! The policies in use: compiled anew when a provider has others, and put in the place of the old ones at once.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use component::PolicyDocuments;
use telemetry_policy::{Engine, Policies};
use tokio::sync::watch;
use tracing::{error, info};

use crate::INLINE;

/// Most mistakes that are logged of one set of policies.
const LOGGED_MAX: usize = 20;

/// The documents of one provider.
pub(crate) type Source = watch::Receiver<PolicyDocuments>;

/// What is in use, and what it was made of.
pub(crate) struct Shared {
    /// The policies of the section, as JSON.
    inline: String,
    engine: ArcSwap<Engine>,
    made_of: Mutex<Option<Vec<PolicyDocuments>>>,
}

impl Shared {
    pub(crate) fn new(inline: String) -> Self {
        let list = Policies::read([(INLINE, inline.as_str())]).list;
        let engine = ArcSwap::from_pointee(Engine::new(&list, None));
        Self { inline, engine, made_of: Mutex::new(None) }
    }

    /// What is wrong with the policies of the section.
    pub(crate) fn inline_mistakes(&self) -> Vec<String> {
        let mistakes = Policies::read([(INLINE, self.inline.as_str())]).mistakes;
        mistakes.into_iter().map(|it| format!("policy {:?}: {}", it.policy, it.text)).collect()
    }

    pub(crate) fn engine(&self) -> arc_swap::Guard<Arc<Engine>> {
        self.engine.load()
    }

    /// Compiles what the providers have now, unless that is what is in use.
    pub(crate) fn update(&self, sources: &[Source]) {
        let mut made_of = self.made_of.lock().unwrap_or_else(PoisonError::into_inner);
        let now: Vec<PolicyDocuments> = sources.iter().map(|it| Arc::clone(&it.borrow())).collect();
        let is_same = |old: &Vec<PolicyDocuments>| {
            old.len() == now.len() && old.iter().zip(&now).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if made_of.as_ref().is_some_and(is_same) {
            return;
        }
        let texts = now.iter().flat_map(|it| it.iter());
        let texts = texts.map(|it| (it.name.as_str(), it.text.as_str()));
        let policies = Policies::read([(INLINE, self.inline.as_str())].into_iter().chain(texts));
        // Each provider has said what is wrong in itself; two that have the same id is what only we can see.
        for mistake in policies.mistakes.iter().take(LOGGED_MAX) {
            let place = mistake.place().unwrap_or_default();
            error!(policy = mistake.policy, place, "a policy is not used: {}", mistake.text);
        }
        let before = self.engine.load();
        self.engine.store(Arc::new(Engine::new(&policies.list, Some(&before))));
        info!(policies = policies.list.len(), "policies are in use");
        *made_of = Some(now);
    }
}
