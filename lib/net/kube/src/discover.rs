//! Which kinds of objects a server has.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde::Deserialize;

use crate::{Client, Error, Resource, null_is_default};

/// A kind of objects that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The kind, in the version that the server prefers.
    pub resource: Resource,
    /// What can be done with them: `list`, `watch`.
    pub verbs: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Groups {
    #[serde(deserialize_with = "null_is_default")]
    groups: Vec<Group>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Group {
    name: String,
    preferred_version: Version,
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kinds {
    #[serde(deserialize_with = "null_is_default")]
    resources: Vec<Kind>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    name: String,
    namespaced: bool,
    #[serde(deserialize_with = "null_is_default")]
    verbs: Vec<String>,
}

impl Client {
    /// All kinds: those of the core group, and then those of the others in the order in which the server names them. A
    /// group whose server is away is left out.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn kinds(&self) -> Result<Vec<Served>, Error> {
        let core: Kinds = self.get("/api/v1").await?;
        let Groups { groups } = self.get("/apis").await?;
        let mut all = served("", "v1", core);
        let asked = groups.iter().map(|group| async move {
            let mut found = Vec::new();
            let preferred = group.preferred_version.version.as_str();
            // What only another version has counts as well.
            let others = group.versions.iter().map(|it| it.version.as_str());
            let others = others.filter(|it| *it != preferred);
            for version in std::iter::once(preferred).chain(others) {
                let path = format!("/apis/{}/{version}", group.name);
                match self.get::<Kinds>(&path).await {
                    Ok(kinds) => found.extend(served(&group.name, version, kinds)),
                    Err(error) => {
                        let (group, error) = (group.name.as_str(), error.to_string());
                        tracing::debug!(
                            group,
                            version,
                            error,
                            "the kinds of a group are not known"
                        );
                    }
                }
            }
            found
        });
        all.extend(join_all(asked).await.into_iter().flatten());
        let mut known = BTreeSet::new();
        all.retain(|it| known.insert((it.resource.group.clone(), it.resource.plural.clone())));
        Ok(all)
    }
}

/// What is no part of something else, such as `pods/log`.
fn served(group: &str, version: &str, kinds: Kinds) -> Vec<Served> {
    let whole = kinds.resources.into_iter().filter(|it| !it.name.contains('/'));
    let one = |it: Kind| Served {
        resource: Resource {
            group: group.to_owned().into(),
            version: version.to_owned().into(),
            plural: it.name.into(),
            namespaced: it.namespaced,
        },
        verbs: it.verbs,
    };
    whole.map(one).collect()
}
