//! Reports to an OpAMP server (Open Agent Management Protocol): who the collector is, how its components are, which
//! configuration runs. What the server sends back is run through a reload, if the section allows it.
//!
//! One task has the connection ([`session`]); what is said on it is decided without sockets ([`agent`]).

use std::sync::Arc;

use component::{
    BoxError, BuildInfo, Component, Extension, Host, Id, ServiceView, Settings, Stability,
    async_trait,
};
use machine::Machine;
use uuid::Uuid;

mod agent;
mod config;
mod describe;
mod link;
mod messages;
mod session;
#[cfg(test)]
mod tests;
mod websocket;

use agent::{Agent, State};
pub use config::{AgentDescription, Capabilities, Common, Config, Http, Server};
use messages::can;
use session::Session;

/// The extension.
pub struct OpAmp {
    id: Id,
    build: BuildInfo,
    config: Config,
}

impl Extension for OpAmp {
    type Config = Config;
    const TYPE: &'static str = "opamp";
    const STABILITY: Stability = Stability::Alpha;

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { id: settings.id, build: settings.build, config })
    }
}

#[async_trait]
impl Component for OpAmp {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let chosen = self.config.server.chosen();
        let (section, transport) =
            chosen.ok_or("opamp server must have at least ws or http set")?;
        let server = link::Server::new(section, transport, host, &self.build)?;
        let facts =
            tokio::task::spawn_blocking(|| describe::Facts::of(&Machine::default())).await?;
        let view = host.view();
        let written = config::uid(&self.config.instance_uid);
        let uid = written.or_else(|| describe::instance_id(&view)).unwrap_or_else(Uuid::now_v7);
        let components = describe::components(&view, self.build.version);
        let agent = Agent::new(uid, self.config.capabilities.bits(), components);
        self.watch_parent(host);
        let (id, look) = (self.id.clone(), Arc::clone(&self));
        let look = Box::new(move |view: &ServiceView, uid, host: &Host| {
            let allowed = &look.config.capabilities;
            let section = &look.config.agent_description;
            State {
                description: describe::description(section, view, (uid, &look.build, &facts)),
                health: allowed.reports_health.then(|| describe::health(view)),
                config: allowed.reports_effective_config.then(|| host.configuration_yaml()),
            }
        });
        let session = Session { id, host: host.clone(), server, transport, look };
        host.spawn(session.run(agent));
        Ok(())
    }
}

impl Capabilities {
    /// As the server is told.
    fn bits(&self) -> u64 {
        let all = [
            (true, can::REPORT_STATUS | can::REPORT_HEARTBEAT),
            (self.reports_effective_config, can::REPORT_EFFECTIVE_CONFIG),
            (self.reports_health, can::REPORT_HEALTH),
            (self.reports_available_components, can::REPORT_AVAILABLE_COMPONENTS),
            (self.accepts_restart_command, can::ACCEPT_RESTART_COMMAND),
            (self.accepts_remote_config, can::ACCEPT_REMOTE_CONFIG | can::REPORT_REMOTE_CONFIG),
        ];
        all.iter().filter(|it| it.0).fold(0, |bits, it| bits | it.1)
    }
}

impl OpAmp {
    /// Ends the collector with the process that has started it.
    fn watch_parent(&self, host: &Host) {
        let Some(parent) = rustix::process::Pid::from_raw(self.config.ppid) else { return };
        let (every, stopping) = (self.config.ppid_poll_interval.std(), host.stopping().clone());
        host.spawn(async move {
            loop {
                let asked = rustix::process::test_kill_process(parent);
                if asked == Err(rustix::io::Errno::SRCH) {
                    let pid = parent.as_raw_nonzero();
                    return Err(format!(
                        "collector was orphaned, process with pid {pid} does not exist"
                    )
                    .into());
                }
                tokio::select! {
                    () = tokio::time::sleep(every) => {}
                    () = stopping.cancelled() => return Ok(()),
                }
            }
        });
    }
}
