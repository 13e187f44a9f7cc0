//! The fields of resources and scopes.

use super::{Entry, Field, entry, indexed};
use crate::context::Scene;
use crate::value::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceField {
    Attributes,
    DroppedAttributesCount,
    SchemaUrl,
}

pub(super) const RESOURCE: &[Entry] = &[
    indexed("attributes", Field::Resource(ResourceField::Attributes)),
    entry("dropped_attributes_count", Field::Resource(ResourceField::DroppedAttributesCount)),
    entry("schema_url", Field::Resource(ResourceField::SchemaUrl)),
];

impl ResourceField {
    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        match self {
            Self::Attributes => Value::Map(Map::View(scene.resource.attributes())),
            Self::DroppedAttributesCount => {
                Value::Int(scene.resource.dropped_attributes_count().into())
            }
            Self::SchemaUrl => scene.resource_schema_url.into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeField {
    Name,
    Version,
    Attributes,
    DroppedAttributesCount,
    SchemaUrl,
}

pub(super) const SCOPE: &[Entry] = &[
    entry("name", Field::Scope(ScopeField::Name)),
    entry("version", Field::Scope(ScopeField::Version)),
    indexed("attributes", Field::Scope(ScopeField::Attributes)),
    entry("dropped_attributes_count", Field::Scope(ScopeField::DroppedAttributesCount)),
    entry("schema_url", Field::Scope(ScopeField::SchemaUrl)),
];

impl ScopeField {
    pub(super) fn value<'a>(self, scene: &Scene<'a>) -> Value<'a> {
        match self {
            Self::Name => scene.scope.name().into(),
            Self::Version => scene.scope.version().into(),
            Self::Attributes => Value::Map(Map::View(scene.scope.attributes())),
            Self::DroppedAttributesCount => {
                Value::Int(scene.scope.dropped_attributes_count().into())
            }
            Self::SchemaUrl => scene.scope_schema_url.into(),
        }
    }
}
