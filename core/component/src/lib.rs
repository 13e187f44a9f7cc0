//! The component API: what a receiver, processor, exporter, connector or extension is.
//!
//! A pipeline is a chain of calls: each step implements [`Consumer`] and calls the next. Waiting is
//! backpressure, `Ok` is the acknowledgement, `Err` the rejection, a dropped future the withdrawal.

mod auth;
mod backoff;
mod capability;
mod consumer;
mod context;
mod delivery;
mod error;
mod handover;
mod host;
mod id;
mod in_flight;
mod inner;
mod kind;
mod kinds;
mod leader;
mod lost;
pub mod memory;
pub mod meter;
mod middleware;
mod observer;
mod outputs;
mod per_signal;
mod place;
mod planned;
mod policies;
mod queue_log;
mod received;
mod remote;
mod settings;
mod stateless;
mod storage;
mod switch;
pub mod trace;
mod view;

pub use async_trait::async_trait;
pub use auth::{ClientAuth, Outgoing, Refusal, ServerAuth};
pub use backoff::Backoff;
pub use capability::{Capability, Offered, Offers};
pub use clock;
pub use config::{self, Config, Problems};
pub use consumer::{Consumer, Next};
pub use context::{AuthData, Client, Context, Wants};
pub use delivery::{BatchConfig, Delivery, Overflow, QueueConfig, RetryConfig, Sizer};
pub use error::{BoxError, ConsumeError, GrpcStatus, grpc_code_name};
pub use handover::{HandedOver, Handover, Ownership};
pub use host::{Component, Host, InnerReceiver, Services};
pub use id::{Id, IdError, PipelineId};
pub use in_flight::{InFlight, InFlightLimit, UnderWay};
pub use inner::ReceiverType;
pub use kind::Kind;
pub use kinds::{
    Connector, ConnectorSettings, Exporter, ExporterSettings, Extension, Processor,
    ProcessorSettings, Receiver, Stability,
};
pub use leader::{Lead, LeaderElection, while_leading};
pub use lost::LostReason;
pub use meter::Meter;
pub use middleware::ServerMiddleware;
pub use observer::{Endpoint, Endpoints, Observer, publish_endpoints};
pub use outputs::{Finish, Outputs, fan_out};
pub use pdata::{Data, Signal};
pub use per_signal::PerSignal;
pub use place::Place;
pub use planned::Planned;
pub use policies::{PolicyDocument, PolicyDocuments, PolicyProvider};
pub use queue_log::{
    Appended, Backlog, Fsync, NewRecord, QueueLog, StoredRecord, Sync as LogSync, Unstored,
};
pub use received::Received;
pub use remote::RemoteConfiguration;
pub use settings::{BuildInfo, Settings};
pub use stateless::Stateless;
pub use storage::{Damage, DefaultStorage, Storage, StorageClient, Write};
pub use switch::{Held, Switch};
pub use trace::Tracer;
pub use view::{
    End, GateView, Phase, PipelineView, Reported, ServiceView, Status, TypeView, component_of,
    instance_name,
};
