//! What components say, put together.

use std::time::{Duration, SystemTime};

use component::{End, Phase, PipelineView, Reported, ServiceView, Status};

use crate::status::{Aggregate, State};

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

fn said(instance: &str, status: Status, seconds: u64) -> Reported {
    Reported { instance: instance.into(), status, since: after(seconds) }
}

fn view(phase: Phase, statuses: Vec<Reported>) -> ServiceView {
    let end = |id: &str, is_connector| End { id: id.parse().unwrap(), is_connector };
    let pipeline = |id: &str, receiver: End, exporter: End| PipelineView {
        id: id.parse().unwrap(),
        receivers: vec![receiver],
        processors: vec!["memory_limiter".parse().unwrap()],
        exporters: vec![exporter],
    };
    ServiceView {
        phase,
        phase_since: Some(after(5)),
        pipelines: vec![
            pipeline("logs", end("otlp", false), end("forward", true)),
            pipeline("logs/2", end("forward", true), end("otlp", false)),
            pipeline("traces", end("otlp", false), end("otlp", false)),
        ],
        extensions: vec!["healthcheckv2".parse().unwrap()],
        statuses,
        ..ServiceView::default()
    }
}

/// The state of everything, of the extensions and of each pipeline.
fn states(view: &ServiceView, recoverable_first: bool) -> [State; 5] {
    let all = || Aggregate::of(view, recoverable_first);
    let of = |scope| all().scope(scope).unwrap().event.state;
    [all().event.state, of("extensions"), of("logs"), of("logs/2"), of("traces")]
}

#[test]
fn the_life_of_the_collector_is_that_of_all_components() {
    let of = |phase| states(&view(phase, Vec::new()), false);
    assert_eq!(of(Phase::Starting), [State::Starting; 5]);
    assert_eq!(of(Phase::Running), [State::Ok; 5]);
    assert_eq!(of(Phase::Stopping), [State::Stopping; 5]);
    assert!(Aggregate::of(&view(Phase::Running, Vec::new()), false).scope("metrics").is_none());
}

#[test]
fn a_problem_is_that_of_the_pipelines_its_instance_is_in() {
    let trouble = || Status::Recoverable("no answer".into());
    let one =
        |instance: &str| states(&view(Phase::Running, vec![said(instance, trouble(), 7)]), false);
    let (ok, bad) = (State::Ok, State::Recoverable);
    // Mixed states without a rule are none, as upstream: here the error is the rule.
    assert_eq!(one("exporter/otlp (logs)"), [bad, ok, ok, bad, ok]);
    assert_eq!(one("exporter/otlp (traces queue)"), [bad, ok, ok, ok, bad]);
    assert_eq!(one("receiver/otlp"), [bad, ok, bad, ok, bad]);
    assert_eq!(one("processor/memory_limiter (logs/2)"), [bad, ok, ok, bad, ok]);
    assert_eq!(one("connector/forward (logs)"), [bad, ok, bad, bad, ok]);
    assert_eq!(one("extension/healthcheckv2"), [bad, bad, ok, ok, ok]);
}

#[test]
fn the_worst_counts_and_an_error_is_as_old_as_the_first() {
    let statuses = vec![
        said("exporter/otlp (logs)", Status::Recoverable("late".into()), 9),
        said("exporter/otlp (logs queue)", Status::Ok, 10),
        said("exporter/otlp (traces)", Status::Recoverable("early".into()), 7),
        said("receiver/otlp", Status::Permanent("gone".into()), 8),
    ];
    let running = view(Phase::Running, statuses.clone());
    let all = |first| Aggregate::of(&running, first).event;
    assert_eq!((all(false).state, all(false).error.as_deref()), (State::Permanent, Some("gone")));
    assert_eq!((all(true).state, all(true).error.as_deref()), (State::Recoverable, Some("early")));
    assert_eq!(all(true).since, after(7));
    // What is fatal stays while the others stop.
    let mut statuses = statuses;
    statuses.push(said("receiver/otlp", Status::Fatal("broken".into()), 20));
    let stopping = Aggregate::of(&view(Phase::Stopping, statuses), false).event;
    assert_eq!((stopping.state, stopping.error.as_deref()), (State::Fatal, Some("broken")));
}
