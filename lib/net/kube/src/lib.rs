//! A client of the Kubernetes API server.
//!
//! [`ApiConfig`] are the keys that components flatten into their sections, [`Server`] is a server named otherwise; [`Client`] sends requests; a [`Feed`] keeps a list of
//! objects current by LIST and WATCH, once for all who want the same objects from the same server; [`Follow`] tells what happens
//! to objects, each change once, to who has to have it all. A feed's objects are read into the
//! few fields that somebody needs ([`Object`], or a type of the component): a pod of 20 KiB becomes some hundred bytes before it
//! is kept anywhere. [`Kubelet`] is how the same client reaches the kubelet of a node.

mod backoff;
mod client;
mod complaints;
mod config;
mod connection;
mod deliver;
mod discover;
mod error;
mod exec;
mod feed;
mod follow;
mod kubeconfig;
mod kubelet;
mod locate;
mod object;
mod pages;
mod positions;
mod pull;
mod quantity;
mod resource;
#[cfg(test)]
mod script;
mod server;
mod stream;
mod yaml;

pub use client::Client;
pub use component::config::null_is_default;
pub use config::{ApiConfig, AuthType};
pub use deliver::Delivery;
pub use discover::Served;
pub use error::Error;
pub use feed::{Event, Feed, Sink, State};
pub use follow::{Beginning, Follow, Taker};
pub use kubelet::Kubelet;
pub use object::{Meta, Object, Owner};
pub use positions::Positions;
pub use pull::pull;
pub use quantity::{Quantity, amounts};
pub use resource::{Query, Resource, cluster_role, field_equals};
pub use server::{Credentials, Server, own_namespace};
pub use stream::{Change, Happened, WatchStream};
