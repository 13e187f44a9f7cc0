//! Who belongs to which resource.

use std::collections::BTreeMap;
use std::rc::Rc;

use component::Data;
use pdata::{Depth, Field, Keep, Place, Value};

/// Attributes by key, encoded: equal where they are the same in any order.
type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// What was grouped.
pub(crate) struct Grouped {
    pub(crate) data: Data,
    /// Items that had one of the keys.
    pub(crate) moved: u64,
    /// Those that had none.
    pub(crate) stayed: u64,
    /// Resources.
    pub(crate) groups: usize,
}

/// Each resource once, in the order in which its first item came; below it each scope once, by name and version.
pub(crate) fn grouped(data: Data, keys: &[String]) -> Grouped {
    let signal = data.signal();
    let (mut moved, mut stayed) = (0, 0);
    let mut around = Around::default();
    let parts = data.partition(Depth::of_items(signal), |place| {
        let (target, any) = around.target(place, keys);
        *(if any { &mut moved } else { &mut stayed }) += 1;
        target
    });
    let groups = parts.len();
    let parts = parts.into_iter().map(|(target, part)| with_resource(&part, &target, keys));
    let data = Data::concat(parts).unwrap_or_else(|| Data::empty(signal));
    Grouped { data, moved, stayed, groups }
}

/// The resource that was seen last: items come below it one after another.
#[derive(Default)]
struct Around {
    encoded: Vec<u8>,
    attributes: Rc<Attributes>,
}

impl Around {
    /// The attributes of the resource that an item belongs to, and whether some are its own, which it loses.
    fn target(&mut self, place: &mut Place<'_>, keys: &[String]) -> (Rc<Attributes>, bool) {
        let resource = place.resource();
        if self.encoded != resource.encoded() {
            self.encoded = resource.encoded().to_vec();
            self.attributes = Rc::default();
            let attributes = Rc::make_mut(&mut self.attributes);
            for (key, value) in resource.attributes().iter_encoded() {
                // Of those with the same key the first counts, as in all views.
                attributes.entry(key.to_vec()).or_insert_with(|| value.to_vec());
            }
        }
        let mut target = Rc::clone(&self.attributes);
        let field = place.own_attributes();
        let mut any = false;
        for key in keys {
            let Some(value) = place.entry_encoded(field, key) else { continue };
            // Most items keep the resource that they have: only the others have attributes of their own.
            if target.get(key.as_bytes()).is_none_or(|it| it != value) {
                Rc::make_mut(&mut target).insert(key.as_bytes().to_vec(), value.to_vec());
            }
            any = true;
            let _ = place.remove(field, &[key.as_str().into()]);
        }
        (target, any)
    }
}

/// A part, of which all resources become one with these attributes. They have all of them but those that come from items.
fn with_resource(part: &Data, target: &Attributes, keys: &[String]) -> Data {
    let part = part.edit(Depth::Resource, |place| {
        if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
            for key in keys {
                let Some(value) = target.get(key.as_bytes()) else { continue };
                if attributes.get_encoded(key) != Some(value.as_slice()) {
                    attributes.set(key, Value::Encoded(value));
                }
            }
        }
        Keep::Whole
    });
    part.merge(|place| match place.depth() {
        Depth::Resource => (String::new(), String::new()),
        _ => (place.scope().name().to_owned(), place.scope().version().to_owned()),
    })
}
