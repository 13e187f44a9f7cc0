//! The bulk API of Elasticsearch and OpenSearch: what a request has to be, and what is answered.
//! <https://opensearch.org/docs/latest/api-reference/document-apis/bulk/>

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::{Reply, Request};

/// What the bulk API wants: two lines for each document, each an object, each key once.
pub fn pairs(body: &[u8]) -> Vec<(Value, Value)> {
    let text = std::str::from_utf8(body).expect("a bulk request is text");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let lines: Vec<Value> = text.lines().map(strict).collect();
    assert_eq!(lines.len() % 2, 0, "an action without a document");
    lines.chunks(2).map(|it| (it[0].clone(), it[1].clone())).collect()
}

fn strict(line: &str) -> Value {
    let mut read = serde_json::Deserializer::from_str(line);
    Strict.deserialize(&mut read).unwrap_or_else(|why| panic!("{why}: {line}"));
    serde_json::from_str(line).expect("it was read before")
}

/// Refuses a key that comes twice, as Elasticsearch does.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            assert!(
                !key.is_empty() && keys.insert(key.clone()),
                "{key:?} comes twice, or is empty"
            );
            map.next_value_seed(Strict)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Checks a request whose documents have the action `wanted`, and answers it: one item for each document, with the status that
/// `status` gives it.
pub fn answer(request: &Request, wanted: &str, status: impl Fn(&Value) -> u16) -> Reply {
    assert!(request.line.starts_with("POST /_bulk?"), "{}", request.line);
    assert!(request.line.contains("filter_path="), "{}", request.line);
    assert_eq!(request.header("content-type"), "application/x-ndjson");
    let item = |(action, document): &(Value, Value)| {
        let action = action.as_object().expect("an action is an object");
        assert_eq!(action.keys().collect::<Vec<_>>(), [wanted]);
        let index = &action[wanted]["_index"];
        assert!(index.as_str().is_some_and(|it| !it.is_empty()), "no index");
        match status(document) {
            201 => json!({wanted: {"_index": index, "status": 201}}),
            status => {
                let error = json!({"type": format!("error_{status}"), "reason": "because"});
                json!({wanted: {"_index": index, "status": status, "error": error}})
            }
        }
    };
    let items: Vec<Value> = pairs(&request.body).iter().map(item).collect();
    Reply::new("200 OK", json!({"errors": true, "items": items}).to_string())
}
