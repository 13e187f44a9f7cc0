//! What all objects have, and what is read of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::null_is_default;

/// An object of which only the metadata matter: what a metadata-only request answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Its metadata.
    pub metadata: Meta,
}

/// `metadata:` of an object.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Unique among those of its kind in its namespace that exist at the same time.
    pub name: String,
    /// Empty for what belongs to no namespace.
    #[serde(deserialize_with = "null_is_default")]
    pub namespace: String,
    /// Unique for ever.
    pub uid: String,
    /// RFC 3339.
    #[serde(deserialize_with = "null_is_default")]
    pub creation_timestamp: String,
    /// For selectors.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// For everything else.
    #[serde(deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Whose part it is.
    #[serde(deserialize_with = "null_is_default")]
    pub owner_references: Vec<Owner>,
}

/// One of `ownerReferences:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// `ReplicaSet`.
    pub kind: String,
    /// In the namespace of what it owns.
    pub name: String,
    /// Unique for ever.
    pub uid: String,
    /// It is the one that manages the object.
    #[serde(deserialize_with = "null_is_default")]
    pub controller: bool,
}

impl Meta {
    /// The owner that manages it, if it is of this kind.
    pub fn controller(&self, kind: &str) -> Option<&Owner> {
        self.owner_references.iter().find(|it| it.kind == kind && it.controller)
    }

    /// The first owner of this kind, whether it manages the object or not.
    pub fn owner(&self, kind: &str) -> Option<&Owner> {
        self.owner_references.iter().find(|it| it.kind == kind)
    }
}
