//! The fields of resources and scopes.

use pdata::Field as Otlp;

use super::Takes::{Int, Map, Text};
use super::Wrong::{Ignored, Refused};
use super::{Entry, entry, indexed};

pub(super) const RESOURCE: &[Entry] = &[
    indexed("attributes", Otlp::RESOURCE_ATTRIBUTES, Map),
    entry("dropped_attributes_count", Otlp::RESOURCE_DROPPED, Int(Ignored)),
    entry("schema_url", Otlp::RESOURCE_SCHEMA_URL, Text(Ignored)),
];

pub(super) const SCOPE: &[Entry] = &[
    entry("name", Otlp::SCOPE_NAME, Text(Refused)),
    entry("version", Otlp::SCOPE_VERSION, Text(Refused)),
    indexed("attributes", Otlp::SCOPE_ATTRIBUTES, Map),
    entry("dropped_attributes_count", Otlp::SCOPE_DROPPED, Int(Refused)),
    entry("schema_url", Otlp::SCOPE_SCHEMA_URL, Text(Refused)),
];
