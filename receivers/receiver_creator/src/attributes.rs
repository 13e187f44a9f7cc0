//! What is added to the resources of a receiver that was started: which pod, container, node it reads from.

use component::{Data, Finish, async_trait};
use pdata::{AttributeBuf, Depth, Field, Keep};

/// Sets attributes of resources.
pub(crate) struct Attributes(Vec<AttributeBuf>);

impl Attributes {
    pub(crate) fn new(all: &[(String, String)]) -> Self {
        Self(all.iter().map(|(key, value)| AttributeBuf::new(key, value.as_str())).collect())
    }
}

#[async_trait]
impl Finish for Attributes {
    async fn finish(&self, data: Data) -> Data {
        if self.0.is_empty() {
            return data;
        }
        data.edit(Depth::Resource, |place| {
            if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                self.0.iter().for_each(|it| attributes.set_buf(it));
            }
            Keep::Whole
        })
    }
}
