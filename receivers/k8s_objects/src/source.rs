//! One kind of objects in one namespace: where its records come from.

use component::{BoxError, async_trait};
use kube::{
    Beginning, Change, Client, Delivery, Follow, Happened, Positions, Query, Served, Taker, pull,
};
use regex::Regex;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ErrorMode, Mode, ObjectConfig};
use crate::record::{Shape, word};

/// How often objects are pulled unless the section says otherwise.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(3600);

/// What is collected.
pub(crate) struct Source {
    query: Query,
    object: ObjectConfig,
    excluded: Vec<Regex>,
    includes_existing: bool,
}

/// What the section asks for and the server has.
pub(crate) fn choose(config: &Config, kinds: &[Served]) -> Result<Vec<Source>, BoxError> {
    let mut all = Vec::new();
    for object in &config.objects {
        let named = || kinds.iter().filter(|it| it.resource.plural == object.name);
        let found = named().find(|it| it.resource.group == object.group).or_else(|| named().next());
        let Some(found) = found else {
            let names: Vec<&str> = kinds.iter().map(|it| &*it.resource.plural).collect();
            let text = format!(
                "resource not found: {}. Available resources in cluster: [{}]",
                object.name,
                names.join(" ")
            );
            match *config.error_mode {
                ErrorMode::Propagate => return Err(text.into()),
                ErrorMode::Ignore => tracing::info!("{text}"),
                ErrorMode::Silent => {}
            }
            continue;
        };
        let everywhere = [String::new()];
        let namespaces =
            if object.namespaces.is_empty() { &everywhere[..] } else { &object.namespaces };
        all.extend(namespaces.iter().map(|namespace| Source {
            query: Query {
                resource: found.resource.clone(),
                namespace: namespace.clone(),
                labels: object.label_selector.clone(),
                fields: object.field_selector.clone(),
                metadata_only: false,
            },
            object: object.clone(),
            excluded: object.excluded(),
            includes_existing: config.include_initial_state,
        }));
    }
    if all.is_empty() {
        return Err("no valid Kubernetes objects found to watch".into());
    }
    Ok(all)
}

impl Source {
    /// Collects until it is to stop.
    pub(crate) async fn run(
        &self,
        client: &Client,
        positions: &Positions,
        delivery: &Delivery,
        version: &str,
        stopping: &CancellationToken,
    ) {
        let key = Positions::key(&self.query);
        let watched = *self.object.mode == Mode::Watch;
        let shape = Shape { plural: &self.query.resource.plural, watched, version };
        let keeps = self.object.persist_resource_version != Some(false);
        let place = Place { key: &key, positions, keeps };
        let taker = Records { source: self, shape, delivery, place, stopping };
        tracing::info!(
            resource = self.query.resource.to_string(),
            namespace = self.query.namespace,
            watch = watched,
            "Started collecting"
        );
        if watched {
            let beginning = self.beginning(positions.get(&key));
            Follow::new(client, self.query.clone(), beginning).run(&taker, stopping).await;
            return;
        }
        let interval = match self.object.interval.std() {
            none if none.is_zero() => INTERVAL,
            given => given,
        };
        let work = pull(client, &self.query, &self.object.resource_version, interval, &taker);
        stopping.run_until_cancelled(work).await;
    }

    /// Where a watch begins: where it has come to, else as the section says.
    fn beginning(&self, known: Option<String>) -> Beginning {
        match (known, self.object.resource_version.as_str()) {
            (Some(version), _) if self.includes_existing => Beginning::ExistingAfter(version),
            (Some(version), _) => Beginning::After(version),
            (None, _) if self.includes_existing => Beginning::Existing,
            (None, "" | "0") => Beginning::Now,
            (None, version) => Beginning::After(version.to_owned()),
        }
    }

    fn wants(&self, change: Change) -> bool {
        !self.object.exclude_watch_type.iter().any(|it| it == word(change))
    }

    fn wants_namespace(&self, namespace: &str) -> bool {
        !self.excluded.iter().any(|it| it.is_match(namespace))
    }
}

/// Where a watch has come to.
struct Place<'a> {
    key: &'a str,
    positions: &'a Positions,
    keeps: bool,
}

/// Makes records of what happens, and delivers them.
struct Records<'a> {
    source: &'a Source,
    shape: Shape<'a>,
    delivery: &'a Delivery,
    place: Place<'a>,
    stopping: &'a CancellationToken,
}

#[async_trait]
impl Taker for Records<'_> {
    async fn take(&self, happened: Vec<Happened>) -> bool {
        let source = self.source;
        let watched = self.shape.watched;
        let wants = |change, namespace: &str| {
            source.wants_namespace(namespace) && (!watched || source.wants(change))
        };
        let Some(data) = self.shape.records(&happened, wants) else { return true };
        drop(happened);
        self.delivery.deliver(data, self.stopping).await
    }

    fn reached(&self, version: &str) {
        self.place.positions.set(self.place.key, version, self.place.keeps);
    }
}
