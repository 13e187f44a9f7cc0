//! What extensions offer to other components.
//!
//! One closed list: whoever needs something asks [`Host::uses`](crate::Host::uses) for it by the id of the extension, and
//! the host notes who was asked, so that a reload that replaces an extension also replaces those that use it. A new
//! capability is a variant here, its [`Offered`], and nothing else.

use std::sync::Arc;

use config::Side;

use crate::auth::{ClientAuth, ServerAuth};
use crate::middleware::ServerMiddleware;
use crate::{BoxError, LeaderElection, Observer, PolicyProvider, Storage};

/// Something that an extension does for other components.
#[derive(Clone)]
pub enum Capability {
    /// Keeps their state.
    Storage(Arc<dyn Storage>),
    /// Checks who sends a request.
    ServerAuth(Arc<dyn ServerAuth>),
    /// Puts credentials into requests.
    ClientAuth(Arc<dyn ClientAuth>),
    /// Stands before the requests of servers.
    ServerMiddleware(Arc<dyn ServerMiddleware>),
    /// Has telemetry policies.
    Policies(Arc<dyn PolicyProvider>),
    /// Says whether this collector does what only one of several may do.
    LeaderElection(Arc<dyn LeaderElection>),
    /// Finds things that telemetry can be had from.
    Observer(Arc<dyn Observer>),
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
    /// [`Capability::ServerMiddleware`]; there is none for clients yet.
    Middleware(Side),
    /// [`Capability::Policies`].
    Policies,
    /// [`Capability::LeaderElection`].
    LeaderElection,
    /// [`Capability::Observer`].
    Observer,
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
            Self::Middleware(side) => {
                let found = format!("failed to resolve middleware \"{id}\": middleware not found");
                in_options(side, found)
            }
            Self::Policies => {
                format!("policy provider \"{id}\" is not listed in service::extensions")
            }
            // receiver/k8sobjectsreceiver/receiver.go, v0.149.
            Self::LeaderElection => format!("unknown k8s leader elector \"{id}\""),
            // receiver/receivercreator/receiver.go, v0.149.
            Self::Observer => format!("failed to find observer \"{id}\" in the extensions list"),
        }
    }

    /// The Collector's words for an extension that offers something else.
    pub fn not_offered(self) -> String {
        match self {
            Self::Storage => "requested extension is not a storage extension".into(),
            Self::ServerAuth => "requested authenticator is not a server authenticator".into(),
            Self::ClientAuth => "requested authenticator is not a client authenticator".into(),
            Self::Middleware(side) => {
                let name = side.name();
                let article = if name.starts_with('H') { "an" } else { "a" };
                in_options(side, format!("requested extension is not {article} {name} middleware"))
            }
            Self::Policies => "requested extension is not a policy provider".into(),
            Self::LeaderElection => {
                "the extension does not implement k8sleaderelector.LeaderElection".into()
            }
            Self::Observer => "extension in watch_observers is not an observer".into(),
        }
    }
}

/// A gRPC server or client of the Collector says more about it. `configgrpc.go`, v0.165.
fn in_options(side: Side, why: String) -> String {
    match side {
        Side::HttpServer | Side::HttpClient => why,
        Side::GrpcServer | Side::GrpcClient => {
            format!("failed to get {} options from middleware: {why}", side.name())
        }
    }
}

/// What can be asked for by its type alone.
pub trait Offered {
    /// Its kind.
    const KIND: Offers;
    /// It, if `capability` is of this kind.
    fn of(capability: &Capability) -> Option<Arc<Self>>;
}

/// What a variant holds is asked for by its own type.
macro_rules! offered {
    ($($what:ident as $variant:ident),*) => {
        $(impl Offered for dyn $what {
            const KIND: Offers = Offers::$variant;
            fn of(capability: &Capability) -> Option<Arc<Self>> {
                match capability {
                    Capability::$variant(it) => Some(Arc::clone(it)),
                    _ => None,
                }
            }
        })*
    };
}

offered! {
    Storage as Storage,
    ServerAuth as ServerAuth,
    ClientAuth as ClientAuth,
    PolicyProvider as Policies,
    LeaderElection as LeaderElection,
    Observer as Observer
}

/// What `of` finds among the capabilities of the extension `id`; `None` stands for one that is not listed.
pub(crate) fn find<T>(
    offered: Option<Vec<Capability>>,
    id: &str,
    (kind, of): (Offers, impl Fn(&Capability) -> Option<T>),
) -> Result<T, BoxError> {
    let offered = offered.ok_or_else(|| kind.not_listed(id))?;
    offered.iter().find_map(of).ok_or_else(|| kind.not_offered().into())
}

/// The middleware that `capability` is, if it can stand at `side`.
pub(crate) fn middleware(capability: &Capability, side: Side) -> Option<Arc<dyn ServerMiddleware>> {
    match (capability, side) {
        (Capability::ServerMiddleware(it), Side::HttpServer | Side::GrpcServer) => {
            Some(Arc::clone(it))
        }
        _ => None,
    }
}
