//! One scrape: the pages of the kubelet, and what is asked of the API server.

use std::collections::HashMap;

use component::{async_trait, clock};
use kube::{Client, Error};
use scraping::{Builder, Errors, Scraped, Scraper};
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::pods::{self, Page, Pod};
use crate::record::{Around, Recorder, Wanted};
use crate::server::{Claims, NodeWatch};
use crate::summary::Summary;
use crate::table::Table;

/// Asks one kubelet.
pub(crate) struct KubeletScraper {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) node: Option<NodeWatch>,
    pub(crate) claims: Option<Claims>,
    pub(crate) wanted: Wanted,
    pub(crate) builder: Builder<Table>,
    pub(crate) started: u64,
}

#[async_trait]
impl Scraper for KubeletScraper {
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        let summary: Summary = match self.page("/stats/summary").await {
            Ok(it) => it,
            Err(why) => {
                errors.total(why);
                return Scraped::default();
            }
        };
        let pods = if self.config.wants_pods() {
            match self.page::<Page>("/pods").await {
                Ok(page) => pods::by_uid(page),
                Err(why) => {
                    errors.total(why);
                    return Scraped::default();
                }
            }
        } else {
            HashMap::new()
        };
        self.ask_for_claims(&summary, &pods).await;
        let capacity = self.node.as_ref().map(NodeWatch::capacity).unwrap_or_default();
        let mut recorder = Recorder {
            builder: &mut self.builder,
            wanted: self.wanted,
            around: Around { pods: &pods, capacity, claims: self.claims.as_ref() },
            started: self.started,
            now: clock::unix_nanos(),
            skipped: None,
        };
        recorder.all(&summary);
        if let Some((skipped, first)) = recorder.skipped {
            tracing::warn!(
                skipped,
                error = first,
                "containers or volumes are left out of this scrape"
            );
        }
        self.builder.finish()
    }
}

impl KubeletScraper {
    /// What the kubelet has at `path`.
    async fn page<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        self.client.get(path).await.map_err(|error| {
            let failed = format!("call to {path} endpoint failed: kubelet request GET {}{path} failed", self.client.server());
            let remedy = match error.code() {
                401 => "; the kubelet does not know the credentials: auth_type: serviceAccount needs a token of the cluster, \
                    tls a certificate of its authority"
                    .to_owned(),
                403 => format!("; add to the ClusterRole: {}", self.config.right(path)),
                _ => String::new(),
            };
            match error {
                // It names the URL.
                Error::Connection(why) => format!("call to {path} endpoint failed: {why}"),
                other => format!("{failed} - {other}{remedy}"),
            }
        })
    }

    /// Finds out what is behind the claims that are not known yet.
    async fn ask_for_claims(&mut self, summary: &Summary, pods: &HashMap<String, Pod>) {
        let Some(claims) = self.claims.as_mut().filter(|_| self.wanted.volume) else { return };
        for pod in &summary.pods {
            let of = &pod.pod_ref;
            let Some(known) = pods.get(&of.uid) else { continue };
            for volume in &pod.volumes {
                let claim = known.volume(&volume.name).and_then(|it| it.claim.as_ref());
                let Some(claim) = claim else { continue };
                let id = format!("{}/{}", of.uid, volume.name);
                if let Err(error) = claims.ask(id, &of.namespace, claim).await {
                    tracing::warn!(
                        pod = of.name,
                        volume = volume.name,
                        error,
                        "Failed to gather additional volume metadata. Skipping metric collection."
                    );
                }
            }
        }
    }
}
