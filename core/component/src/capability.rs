//! What extensions offer to other components.
//!
//! One closed list: whoever needs something asks [`Host::uses`](crate::Host::uses) for it by the id of the extension, and
//! the host notes who was asked, so that a reload that replaces an extension also replaces those that use it. A new
//! capability is a variant here, its [`Offered`], and nothing else.

use std::sync::Arc;

use crate::auth::{ClientAuth, ServerAuth};
use crate::{BoxError, Storage};

/// Something that an extension does for other components.
#[derive(Clone)]
pub enum Capability {
    /// Keeps their state.
    Storage(Arc<dyn Storage>),
    /// Checks who sends a request.
    ServerAuth(Arc<dyn ServerAuth>),
    /// Puts credentials into requests.
    ClientAuth(Arc<dyn ClientAuth>),
}

/// The kinds of [`Capability`], known of an extension's type before there is an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    /// [`Capability::Storage`].
    Storage,
    /// [`Capability::ServerAuth`].
    ServerAuth,
    /// [`Capability::ClientAuth`].
    ClientAuth,
}

impl Offers {
    /// The Collector's words for an extension that is not listed in `service::extensions`.
    pub fn not_listed(self, id: &str) -> String {
        match self {
            Self::Storage => format!(
                "no storage client extension found: extension \"{id}\" is not listed in service::extensions"
            ),
            Self::ServerAuth | Self::ClientAuth => {
                format!("failed to resolve authenticator \"{id}\": authenticator not found")
            }
        }
    }

    /// The Collector's words for an extension that offers something else.
    pub fn not_offered(self) -> &'static str {
        match self {
            Self::Storage => "requested extension is not a storage extension",
            Self::ServerAuth => "requested authenticator is not a server authenticator",
            Self::ClientAuth => "requested authenticator is not a client authenticator",
        }
    }
}

/// What can be asked for: `dyn Storage`, `dyn ServerAuth`, `dyn ClientAuth`.
pub trait Offered {
    /// Its kind.
    const KIND: Offers;
    /// It, if `capability` is of this kind.
    fn of(capability: &Capability) -> Option<Arc<Self>>;
}

impl Offered for dyn Storage {
    const KIND: Offers = Offers::Storage;
    fn of(capability: &Capability) -> Option<Arc<Self>> {
        match capability {
            Capability::Storage(it) => Some(Arc::clone(it)),
            _ => None,
        }
    }
}

impl Offered for dyn ServerAuth {
    const KIND: Offers = Offers::ServerAuth;
    fn of(capability: &Capability) -> Option<Arc<Self>> {
        match capability {
            Capability::ServerAuth(it) => Some(Arc::clone(it)),
            _ => None,
        }
    }
}

impl Offered for dyn ClientAuth {
    const KIND: Offers = Offers::ClientAuth;
    fn of(capability: &Capability) -> Option<Arc<Self>> {
        match capability {
            Capability::ClientAuth(it) => Some(Arc::clone(it)),
            _ => None,
        }
    }
}

/// What `C` is among the capabilities of the extension `id`; `None` stands for one that is not listed.
pub(crate) fn find<C: Offered + ?Sized>(
    offered: Option<Vec<Capability>>,
    id: &str,
) -> Result<Arc<C>, BoxError> {
    let offered = offered.ok_or_else(|| C::KIND.not_listed(id))?;
    offered.iter().find_map(C::of).ok_or_else(|| C::KIND.not_offered().into())
}
