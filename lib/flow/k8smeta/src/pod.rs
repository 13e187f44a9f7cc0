//! What is kept of a pod.

use pdata::AttributeBuf;

use crate::containers::Container;
use crate::origin::Origin;
use crate::rules::From;

/// What is kept of a pod.
#[derive(Debug, Default)]
pub struct Pod {
    pub(crate) uid: Box<str>,
    /// The source with the last word among those that know it.
    pub origin: Origin,
    /// Its namespace.
    pub namespace: Box<str>,
    /// The node that it runs on; empty if the rules do not ask for it.
    pub node: Box<str>,
    /// Uids of the workloads that it belongs to, of which labels or annotations are read.
    pub owners: Box<[(From, Box<str>)]>,
    /// What is added to its resources.
    pub attributes: Box<[AttributeBuf]>,
    /// Its containers.
    pub containers: Box<[Container]>,
    /// Nothing is to be known of it.
    pub(crate) ignored: bool,
    /// When it was started, in nanoseconds since 1970; it is not, before a node has taken it.
    pub(crate) start: Option<i128>,
}

impl Pod {
    /// The uid of the workload of this kind that it belongs to; empty without one.
    pub fn owner(&self, kind: From) -> &str {
        self.owners.iter().find(|it| it.0 == kind).map_or("", |it| &it.1)
    }

    /// Roughly how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let attributes = |list: &[AttributeBuf]| -> usize {
            list.iter().map(|it| size_of::<AttributeBuf>() + it.bytes()).sum()
        };
        let containers = self.containers.iter().map(|it| {
            let run = it.run.as_ref().map_or(0, |run| attributes(&run.attributes));
            size_of::<Container>() + it.name.len() + attributes(&it.attributes) + run
        });
        let owners = self.owners.iter().map(|it| size_of::<(From, Box<str>)>() + it.1.len());
        let texts = self.uid.len() + self.namespace.len() + self.node.len();
        size_of::<Self>()
            + texts
            + attributes(&self.attributes)
            + containers.sum::<usize>()
            + owners.sum::<usize>()
    }
}
