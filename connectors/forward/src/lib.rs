//! Joins and fans out pipelines of one signal: what arrives at its exporter end leaves unchanged at its
//! receiver end.

use std::sync::Arc;

use component::{
    BoxError, Component, Connector, ConnectorSettings, ConsumeError, Consumer, Context, Data,
    Outputs, Problems, Signal, Stability, async_trait,
};
use serde::{Deserialize, Serialize};

/// `connectors: forward:`, which has no keys.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, config::Described)]
#[config(go = "forwardconnector.Config")]
pub struct Config {}

impl component::Config for Config {}

/// The connector. The answer of its pipelines is its answer.
pub struct Forward {
    out: Outputs,
}

impl Connector for Forward {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "forward";
    const SIGNALS: &'static [(Signal, Signal, Stability)] = &[
        (Signal::Traces, Signal::Traces, Stability::Beta),
        (Signal::Metrics, Signal::Metrics, Stability::Beta),
        (Signal::Logs, Signal::Logs, Stability::Beta),
    ];

    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        Some(config)
    }

    fn create(
        _settings: ConnectorSettings,
        _plan: Arc<Config>,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        Ok(Self { out })
    }
}

impl Component for Forward {}

#[async_trait]
impl Consumer for Forward {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.out.consume(ctx, data).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use component::{Connector, Consumer, Context};
    use componenttest::{Answer, Sink, connector_settings, logs};

    use super::Forward;

    componenttest::conformance!(connector Forward);

    #[tokio::test]
    async fn every_pipeline_gets_the_data_and_one_refusal_is_the_answer() {
        let (first, second) = (Sink::new(), Sink::new());
        let out = component::Outputs::new(vec![
            ("logs/a".parse().unwrap(), first.next()),
            ("logs/b".parse().unwrap(), second.next()),
        ]);
        let settings = connector_settings("forward", component::Signal::Logs);
        let forward = Forward::create(settings, Arc::default(), out).unwrap();
        forward.consume(&Context::default(), logs(3)).await.unwrap();
        assert_eq!((first.calls(), second.calls()), (1, 1));
        second.answer(Answer::retryable("not now"));
        let error = forward.consume(&Context::default(), logs(3)).await.unwrap_err();
        assert_eq!(error.to_string(), "not now");
        assert_eq!(first.calls(), 2);
    }
}
