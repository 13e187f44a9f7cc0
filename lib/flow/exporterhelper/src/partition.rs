//! Which requests may ride together: those whose clients sent the same values for the listed metadata keys.

use std::sync::Arc;

use component::{Client, Context};

/// The values of the listed keys, in the order of the keys; a key may have several. Empty when no keys
/// are listed.
pub type Values = Box<[Box<[String]>]>;

/// Reads the partition of a request.
#[derive(Debug, Clone, Default)]
pub struct Partitioner {
    keys: Vec<String>,
}

impl Partitioner {
    /// `keys` are case-insensitive.
    pub fn new(keys: &[String]) -> Self {
        let mut keys: Vec<_> = keys.iter().map(|it| it.to_lowercase()).collect();
        keys.sort();
        Self { keys }
    }

    /// True when there is one partition only.
    pub fn is_single(&self) -> bool {
        self.keys.is_empty()
    }

    /// The first key that is listed twice, in lower case.
    pub fn duplicate(&self) -> Option<&str> {
        self.keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].as_str())
    }

    /// The partition of a request.
    pub fn values(&self, ctx: &Context) -> Values {
        let values = |key: &String| match &ctx.client {
            Some(client) => client.metadata(key).map(str::to_owned).collect(),
            None => Box::default(),
        };
        self.keys.iter().map(values).collect()
    }

    /// What is left of the clients of a partition once their requests are joined.
    pub fn context(&self, values: &Values) -> Context {
        let entries = self.keys.iter().zip(values);
        let metadata: Vec<_> = entries
            .flat_map(|(key, values)| values.iter().map(|value| (key.clone(), value.clone())))
            .collect();
        let client =
            (!metadata.is_empty()).then(|| Arc::new(Client { metadata, ..Client::default() }));
        Context { client, ..Context::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Context {
        let metadata = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let client = Client { metadata, ..Client::default() };
        Context { client: Some(Arc::new(client)), ..Context::default() }
    }

    #[test]
    fn only_the_listed_keys_tell_requests_apart_and_survive() {
        let partitioner = Partitioner::new(&["X-Tenant".into()]);
        let a = partitioner.values(&sent(&[("x-tenant", "a"), ("x-other", "1")]));
        let b = partitioner.values(&sent(&[("x-tenant", "b")]));
        let also_a = partitioner.values(&sent(&[("x-other", "2"), ("x-tenant", "a")]));
        assert_ne!(a, b);
        assert_eq!(a, also_a);
        let ctx = partitioner.context(&a);
        assert_eq!(ctx.client.unwrap().metadata, [("x-tenant".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn a_key_listed_twice_is_found_in_any_case() {
        let duplicate = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|it| (*it).to_owned()).collect();
            Partitioner::new(&keys).duplicate().map(str::to_owned)
        };
        assert_eq!(duplicate(&["X-T", "a", "x-t"]).as_deref(), Some("x-t"));
        assert_eq!(duplicate(&["a", "b"]), None);
    }
}
