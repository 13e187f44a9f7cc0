//! Queries and commands of databases without the values in them.

use std::collections::HashSet;

use crate::config::{Database, DbSanitizer};
use crate::{json, redis, sql};

/// Attributes that say which database it is. The newer name counts.
pub(crate) const SYSTEM_KEYS: [&str; 2] = ["db.system.name", "db.system"];

/// The compiled section.
pub(crate) struct Databases {
    all: Vec<Kind>,
    of_span_names: bool,
}

struct Kind {
    systems: &'static [&'static str],
    attributes: HashSet<String>,
    wiped: fn(&str) -> String,
}

impl Databases {
    pub(crate) fn new(config: &DbSanitizer) -> Option<Self> {
        let kinds: [(&Database, &'static [&'static str], fn(&str) -> String); 7] = [
            (&config.sql, &["other_sql", "mysql", "postgresql", "mariadb", "sqlite"], sql::wiped),
            (&config.redis, &["redis"], redis::wiped),
            (&config.valkey, &["valkey"], redis::wiped),
            (&config.memcached, &["memcached"], memcached),
            (&config.mongo, &["mongodb"], documents),
            (&config.opensearch, &["opensearch"], documents),
            (&config.es, &["elasticsearch"], documents),
        ];
        let kinds = kinds.into_iter().filter(|it| it.0.enabled);
        let all: Vec<Kind> = kinds
            .map(|(config, systems, wiped)| {
                let attributes = config.attributes.iter().cloned().collect();
                Kind { systems, attributes, wiped }
            })
            .collect();
        let of_span_names = config.sanitize_span_name.unwrap_or(true);
        (!all.is_empty()).then_some(Self { all, of_span_names })
    }

    /// `system` is empty where nothing says it; `any` takes then whatever the key is listed for, as upstream for logs.
    pub(crate) fn of_attribute(
        &self,
        key: &str,
        text: &str,
        (system, any): (&str, bool),
    ) -> Option<String> {
        let listed = || self.all.iter().filter(|it| it.attributes.contains(key));
        if !system.is_empty() {
            return listed().find(|it| it.systems.contains(&system)).map(|it| (it.wiped)(text));
        }
        any.then(|| listed().fold(text.to_owned(), |text, it| (it.wiped)(&text)))
    }

    /// A body does not say of which database it is.
    pub(crate) fn of_body(&self, text: &str) -> String {
        self.all.iter().fold(text.to_owned(), |text, it| (it.wiped)(&text))
    }

    pub(crate) fn of_span_name(&self, name: &str, system: &str) -> Option<String> {
        let mut kinds = self.all.iter().filter(|_| self.of_span_names);
        kinds.find(|it| it.systems.contains(&system)).map(|it| (it.wiped)(name))
    }
}

/// The value stands on the lines after the command.
/// <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>
fn memcached(text: &str) -> String {
    text.split("\r\n").next().unwrap_or_default().trim().to_owned()
}

/// What is no JSON stays, as upstream: names of spans are often none.
fn documents(text: &str) -> String {
    json::wiped(text).unwrap_or_else(|| text.to_owned())
}
