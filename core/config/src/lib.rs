//! Configuration sections: laid over `Default`, key by key, at any depth.

// What the derive writes names this crate as others see it.
extern crate self as config;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod choice;
mod described;
mod duration;
mod fault;
mod load;
mod marks;
mod named;
mod null;
mod overlay;
mod pieces;
mod problems;
mod read;
mod refused;
pub mod schema;
mod secret;
mod section;
mod shape;
mod shown;
mod tagged;
#[cfg(test)]
mod tests;
mod text_or;
mod together;
mod value;

pub use choice::{Choice, Choices};
pub use config_derive::Described;
pub use described::{Described, Inside, Item, Key, Upstream};
pub use duration::Duration;
pub use fault::{Fault, Named, Remedy, Saying, Stage, Step, Type, Wanted};
pub use load::{bare_durations, check, independent, load, load_at, without};
pub use named::go_name;
pub use null::null_is_default;
pub use problems::{Caution, Need, Problems, Right, Side};
pub use secret::{MapList, Secret};
pub use section::Section;
pub use shape::Show;
pub use shown::to_value;
pub use tagged::{Tag, Tagged, Tags};
pub use text_or::TextOr;
pub use together::Together;
pub use value::Value;

/// What stands for a secret.
const REDACTED: &str = "[REDACTED]";

/// A component's section. `Default` is the only place with default values.
pub trait Config:
    Default + Serialize + DeserializeOwned + Described + Send + Sync + 'static
{
    /// What the Collector's own `Unmarshal` of the section says in place of what was found here.
    fn unmarshal(_section: &Value, faults: Vec<Fault>) -> Vec<Fault> {
        faults
    }

    /// Says everything that is wrong, by key as the user typed it.
    fn validate(&self, _problems: &mut Problems) {}
}

/// A section without keys.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Described)]
#[config(go = "struct {}")]
pub struct NoConfig {}

impl Config for NoConfig {}
