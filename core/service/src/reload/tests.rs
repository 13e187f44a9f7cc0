//! Reloads of made-up components that write down what happens to them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use component::{
    BoxError, BuildInfo, Capability, Component, Connector, ConnectorSettings, ConsumeError,
    Consumer, Context, Data, Delivery, Exporter, ExporterSettings, Extension, Id, Next, Outputs,
    Planned, Problems, Processor, ProcessorSettings, QueueConfig, Receiver, Stability, Storage,
    StorageClient, async_trait,
};
use componenttest::logs;
use confmap::{Environment, Locations};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::*;
use crate::{Event, Registry, load};

const BUILD: BuildInfo = BuildInfo { command: "test", description: "Test", version: "0" };

/// What the components of one test share. They find it by name, because a registry holds no state.
#[derive(Default)]
struct World {
    log: Mutex<Vec<String>>,
    sources: Mutex<HashMap<String, Outputs>>,
    /// The names of the steps in the order in which their plans were made.
    planned: Mutex<Vec<String>>,
    /// The plan of each step in the order of creation.
    created: Mutex<Vec<Arc<Config>>>,
}

static WORLDS: LazyLock<Mutex<HashMap<String, Arc<World>>>> = LazyLock::new(Mutex::default);
/// Steps that hold a call wait for a permit of this name.
static GATES: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);

fn gate(name: &str) -> Arc<Semaphore> {
    let mut gates = GATES.lock().unwrap();
    Arc::clone(gates.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))))
}

impl World {
    fn named(name: &str) -> Arc<Self> {
        Arc::clone(WORLDS.lock().unwrap().entry(name.to_owned()).or_default())
    }

    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

/// One section for all made-up components.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
struct Config {
    world: String,
    /// What is written down.
    name: String,
    fails: String,
    /// A gate on the way of each call.
    gate: String,
    storage: String,
    queue: bool,
}

impl component::Config for Config {
    fn validate(&self, _problems: &mut Problems) {}
}

struct Part {
    config: Config,
    next: Option<Next>,
    out: Option<Outputs>,
    world: Arc<World>,
}

impl Part {
    fn new(config: Config, out: Option<Outputs>) -> Result<Self, BoxError> {
        if config.fails == "create" {
            return Err("it cannot be".into());
        }
        let world = World::named(&config.world);
        Ok(Self { config, next: None, out, world })
    }
}

#[async_trait]
impl Component for Part {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.world.note(format!("start {}", self.config.name));
        if !self.config.storage.is_empty() {
            host.uses::<dyn Storage>(&self.config.storage.parse()?)?;
        }
        match self.config.fails.as_str() {
            "start" => Err("it does not want to".into()),
            "hang" => std::future::pending().await,
            _ => Ok(()),
        }
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        self.world.note(format!("stop {}", self.config.name));
        Ok(())
    }
}

#[async_trait]
impl Consumer for Part {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if !self.config.gate.is_empty() {
            gate(&self.config.gate).acquire().await.unwrap().forget();
        }
        self.world.note(self.config.name.clone());
        match (&self.next, &self.out) {
            (Some(next), _) => next.consume(ctx, data).await,
            (_, Some(out)) => out.consume(ctx, data).await,
            _ => Ok(()),
        }
    }
}

/// What the kinds that need no plan are made of, when they have one.
#[derive(Clone)]
struct Compiled(Config);

impl Planned for Compiled {
    type Section = Config;
    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        World::named(&config.world).planned.lock().unwrap().push(config.name.clone());
        if config.fails == "plan" {
            found.late("", "it cannot be worked out").about("name");
            return None;
        }
        Some(Self(config))
    }
}

impl Receiver for Part {
    type Config = Compiled;
    const TYPE: &'static str = "source";
    fn create(
        _settings: component::Settings,
        plan: Compiled,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        let part = Self::new(plan.0, None)?;
        part.world.sources.lock().unwrap().insert(part.config.name.clone(), out);
        Ok(part)
    }
}

impl Processor for Part {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "step";
    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        World::named(&config.world).planned.lock().unwrap().push(config.name.clone());
        Some(config)
    }
    fn create(_settings: ProcessorSettings, plan: Arc<Config>, next: Next) -> Self {
        let world = World::named(&plan.world);
        world.created.lock().unwrap().push(Arc::clone(&plan));
        Self { config: (*plan).clone(), next: Some(next), out: None, world }
    }
}

impl Exporter for Part {
    type Config = Compiled;
    const TYPE: &'static str = "end";
    fn create(_settings: ExporterSettings, plan: Compiled) -> Result<Self, BoxError> {
        Self::new(plan.0, None)
    }
    fn delivery(Compiled(config): &Compiled) -> Delivery {
        let queue = QueueConfig { num_consumers: 1, ..QueueConfig::default() };
        Delivery { queue: config.queue.then_some(queue), ..Delivery::default() }
    }
}

impl Connector for Part {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "joint";
    const SIGNALS: &'static [(component::Signal, component::Signal, Stability)] =
        &[(component::Signal::Logs, component::Signal::Logs, Stability::Beta)];
    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        Some(config)
    }
    fn create(
        _settings: ConnectorSettings,
        plan: Arc<Config>,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        Self::new((*plan).clone(), Some(out))
    }
}

struct Store(Part);

impl Storage for Store {
    fn open(&self, _: Kind, _: &Id, _: &str) -> Result<Arc<dyn StorageClient>, BoxError> {
        Err("nobody asks".into())
    }
}

#[async_trait]
impl Component for Store {
    async fn shutdown(&self) -> Result<(), BoxError> {
        self.0.shutdown().await
    }
}

impl Extension for Store {
    type Config = Compiled;
    const TYPE: &'static str = "store";
    fn create(_settings: component::Settings, plan: Compiled) -> Result<Self, BoxError> {
        Part::new(plan.0, None).map(Self)
    }
    fn offers(self: Arc<Self>) -> Vec<Capability> {
        vec![Capability::Storage(self)]
    }
}

fn registry() -> Registry {
    Registry::default()
        .receiver::<Part>()
        .processor::<Part>()
        .exporter::<Part>()
        .connector::<Part>()
        .extension::<Store>()
}

/// A collector under test, and its world.
struct Bench {
    world: Arc<World>,
    name: &'static str,
    collector: Collector,
}

/// `name.key=value` changes, on top of one receiver, two processors and one exporter.
fn settings(world: &str, changes: &[&str]) -> Settings {
    let yaml = format!(
        "yaml:
receivers: {{source: {{world: {world}, name: source}}}}
processors: {{step/a: {{world: {world}, name: a}}, step/b: {{world: {world}, name: b}}}}
exporters: {{end: {{world: {world}, name: end}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: 0}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [source], processors: [step/a, step/b], exporters: [end]}}}}
"
    );
    let set = changes.iter().map(|it| (*it).replace("WORLD", world)).collect();
    let locations = Locations { config: vec![yaml], set, ..Locations::default() };
    let conf = confmap::resolve(&locations, &Environment::of([])).unwrap();
    load::read(&conf, &registry(), true).unwrap()
}

impl Bench {
    async fn new(name: &'static str) -> Self {
        Self::of(name, &[]).await
    }

    async fn of(name: &'static str, changes: &[&str]) -> Self {
        let settings = settings(name, changes);
        let collector = Collector::start(&settings, &registry(), BUILD).await;
        let bench = Self { world: World::named(name), name, collector: collector.ok().unwrap() };
        bench.log();
        bench
    }

    async fn reload(&mut self, changes: &[&str]) -> Result<Changes, RunError> {
        self.collector.reload(&settings(self.name, changes), &registry()).await
    }

    /// Pushes, and says which steps the data went through.
    async fn push(&self) -> Vec<String> {
        self.log();
        self.source().consume(&Context::default(), logs(1)).await.unwrap();
        settle().await;
        self.log()
    }

    fn source(&self) -> Outputs {
        self.world.sources.lock().unwrap()["source"].clone()
    }

    /// What has happened since it was asked last.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.world.log.lock().unwrap())
    }

    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        componenttest::metric(self.collector.telemetry.meter(), name, labels)
    }
}

/// Lets what was replaced end.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_stays_and_what_is_new_starts_before_the_old_stops() {
    let mut bench = Bench::new("stays").await;
    assert_eq!(bench.push().await, ["a", "b", "end"]);
    let changes = bench.reload(&["processors.step/a.name=A"]).await.unwrap();
    settle().await;
    let step = ["processor/step/a (logs)".to_owned()];
    assert_eq!(
        (changes.kept, &changes.started[..], &changes.stopped[..]),
        (3, &step[..], &step[..])
    );
    assert_eq!(bench.log(), ["start A", "stop a"]);
    assert_eq!(bench.push().await, ["A", "b", "end"]);
    bench.reload(&["processors.step/a.name=A", "exporters.end.name=END"]).await.unwrap();
    settle().await;
    assert_eq!(bench.log(), ["start END", "stop end"]);
    assert_eq!(bench.push().await, ["A", "b", "END"]);
    let changes = bench.reload(&["processors.step/a.name=A", "exporters.end.name=END"]).await;
    assert_eq!(changes.unwrap(), Changes { kept: 4, ..Changes::default() });
    assert_eq!(bench.metric("sluice_config_reloads_total", &[("result", "success")]), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn the_pipelines_of_an_id_share_one_plan_and_a_reload_keeps_it_with_its_section() {
    let second =
        "service.pipelines.logs/2={receivers: [source], processors: [step/a], exporters: [end]}";
    let third =
        "service.pipelines.logs/3={receivers: [source], processors: [step/a], exporters: [end]}";
    let mut bench = Bench::of("plans", &[second]).await;
    let created = || std::mem::take(&mut *World::named("plans").created.lock().unwrap());
    let of_a = |plans: Vec<Arc<Config>>| -> Vec<Arc<Config>> {
        plans.into_iter().filter(|it| it.name != "b").collect()
    };
    assert_eq!(*bench.world.planned.lock().unwrap(), ["source", "a", "b", "end"], "each once");
    let first = of_a(created());
    assert!(first.len() == 2 && Arc::ptr_eq(&first[0], &first[1]));
    bench.reload(&[second, third]).await.unwrap();
    let next = of_a(created());
    assert!(next.len() == 1 && Arc::ptr_eq(&first[0], &next[0]), "the section is what it was");
    bench.reload(&[second, "processors.step/a.name=A"]).await.unwrap();
    let next = of_a(created());
    assert!(next.len() == 2 && Arc::ptr_eq(&next[0], &next[1]));
    assert!(!Arc::ptr_eq(&first[0], &next[0]), "another section is another plan");
}

#[tokio::test(start_paused = true)]
async fn every_kind_works_its_section_out_once_however_many_instances_there_are() {
    let changes = [
        "service.pipelines.logs/2={receivers: [source], exporters: [end]}",
        "service.pipelines.traces={receivers: [source], exporters: [end]}",
        "service.pipelines.metrics={receivers: [source], exporters: [end]}",
        "extensions={store: {world: WORLD, name: store}}",
        "service.extensions=[store]",
    ];
    let bench = Bench::of("once", &changes).await;
    let mut planned = bench.world.planned.lock().unwrap().clone();
    planned.sort();
    assert_eq!(planned, ["a", "b", "end", "source", "store"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_collector_finds_when_it_creates_a_component_is_said_of_each_kind() {
    let of = |kind: &str, id: &str| format!("{kind}={{{id}: {{fails: plan, world: WORLD}}}}");
    let [store, source] = [of("extensions", "store"), of("receivers", "source")];
    for (n, changes, why) in [
        (
            0,
            &[&*store, "service.extensions=[store]"][..],
            "extensions: failed to create extension \"store\"",
        ),
        (1, &[&*source], "pipelines: failed to create \"source\" receiver for data type \"logs\""),
        (
            2,
            &["exporters.end.fails=plan"],
            "pipelines: failed to create \"end\" exporter for data type \"logs\"",
        ),
    ] {
        let settings = settings(["late0", "late1", "late2"][n], changes);
        let refused = Collector::start(&settings, &registry(), BUILD).await.err().unwrap();
        let RunError::Config(problem) = refused else { panic!("it is known before the start") };
        let want = format!("failed to build {why}: it cannot be worked out");
        assert_eq!(problem.issues[0].text, want);
        assert_eq!(problem.issues[0].path.last().unwrap(), "name");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_on_its_way_ends_before_what_it_calls_is_stopped() {
    let mut bench = Bench::of("underway", &["processors.step/b.gate=underway"]).await;
    let source = bench.source();
    let call =
        componenttest::spawn(async move { source.consume(&Context::default(), logs(1)).await });
    settle().await;
    let changes = ["processors.step/b.name=B", "exporters.end.name=END"];
    bench.reload(&changes).await.unwrap();
    settle().await;
    assert_eq!(bench.log(), ["a", "start END", "start B"], "the old ones live");
    assert_eq!(bench.push().await, ["a", "B", "END"]);
    gate("underway").add_permits(1);
    call.await.unwrap().unwrap();
    settle().await;
    assert_eq!(
        bench.log(),
        ["b", "END", "stop b", "stop end"],
        "an exporter knows who has its place"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leaves_everything_as_it_was() {
    for (n, fails) in ["start", "create", "hang"].into_iter().enumerate() {
        let mut bench = Bench::new(["fails0", "fails1", "fails2"][n]).await;
        let fails = format!("receivers.source.fails={fails}");
        let source = "receivers.source.name=SOURCE";
        let changes = ["exporters.end.name=END", "processors.step/a.name=A", source, &fails];
        assert!(bench.reload(&changes).await.is_err());
        let log = bench.log();
        let stopped = |name: &str| log.contains(&format!("stop {name}"));
        assert!(!stopped("a") && !stopped("b") && !stopped("end") && !stopped("source"), "{log:?}");
        for new in ["END", "A", "SOURCE"] {
            assert_eq!(log.contains(&format!("start {new}")), stopped(new), "{log:?}");
        }
        let label = [("result", "failure")];
        assert_eq!(bench.metric("sluice_config_reloads_total", &label), Some(1.0));
        assert_eq!(bench.metric("sluice_config_last_reload_success", &[]), Some(0.0));
        let old = &bench.collector.graph.nodes;
        assert!(old.iter().all(|it| !it.host.as_ref().unwrap().is_leaving()));
        bench.reload(&["processors.step/a.name=A"]).await.unwrap();
        assert_eq!(bench.metric("sluice_config_last_reload_success", &[]), Some(1.0));
        settle().await;
        assert_eq!(bench.push().await.last().unwrap(), "end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_stays_when_pipelines_of_its_signals_come_and_go() {
    let mut bench = Bench::new("pipelines").await;
    let second = "service.pipelines.logs/2={receivers: [source], exporters: [end/2]}";
    let end = "exporters.end/2={world: WORLD, name: end2}";
    let changes = bench.reload(&[second, end]).await.unwrap();
    assert_eq!((changes.kept, changes.stopped.len()), (4, 0));
    let mut seen = bench.push().await;
    seen.sort();
    assert_eq!(seen, ["a", "b", "end", "end2"]);
    bench.reload(&[]).await.unwrap();
    settle().await;
    assert_eq!(bench.log(), ["stop end2"]);
    let traces = "service.pipelines.traces={receivers: [source], exporters: [end]}";
    let changes = bench.reload(&[traces]).await.unwrap();
    assert_eq!(changes.stopped, ["receiver/source"], "it is told its signals at its creation");
}

#[tokio::test(start_paused = true)]
async fn a_connector_and_what_is_before_it_stay_when_what_is_behind_it_changes() {
    let joint = "connectors.joint={world: WORLD, name: joint}";
    let behind =
        "service.pipelines.logs/2={receivers: [joint], processors: [step/c], exporters: [end]}";
    let first = "service.pipelines.logs.exporters=[joint]";
    let step = |name: &str| format!("processors.step/c={{world: WORLD, name: {name}}}");
    let mut bench = Bench::of("connector", &[joint, behind, first, &step("c")]).await;
    assert_eq!(bench.push().await, ["a", "b", "joint", "c", "end"]);
    let changes = bench.reload(&[joint, behind, first, &step("C")]).await.unwrap();
    assert_eq!(changes.started, ["processor/step/c (logs/2)"]);
    settle().await;
    assert_eq!(bench.push().await, ["a", "b", "joint", "C", "end"]);
}

#[tokio::test(start_paused = true)]
async fn who_uses_a_storage_that_changes_is_replaced_with_it() {
    let of = |name: &str| format!("extensions.store={{world: WORLD, name: {name}}}");
    let listed = "service.extensions=[store]";
    let user = "receivers.source.storage=store";
    let mut bench = Bench::of("storage", &[&of("store"), listed, user]).await;
    let changes = bench.reload(&[&of("STORE"), listed, user]).await.unwrap();
    assert_eq!(changes.started, ["extension/store", "receiver/source"]);
    settle().await;
    assert_eq!(bench.log(), ["start source", "stop source", "stop store"]);
    assert!(bench.reload(&[user]).await.is_err(), "the extension is not listed any more");
    assert_eq!(bench.push().await, ["a", "b", "end"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_extension_was_sent_before_it_was_replaced_is_not_run() {
    let of = |name: &str| format!("extensions.store={{world: WORLD, name: {name}}}");
    let listed = "service.extensions=[store]";
    let id: Id = "store".parse().unwrap();
    let mut bench = Bench::of("remote", &[&of("store"), listed]).await;
    let sent = |bench: &Bench, text: &str| {
        let host = bench.collector.extensions[0].host.clone().unwrap();
        host.run_configuration(&id, vec![text.to_owned()])
    };
    let old = sent(&bench, "old");
    bench.reload(&[&of("STORE"), listed]).await.unwrap();
    let _new = sent(&bench, "new");
    let Event::Remote(next) = bench.collector.event().await else { panic!("nothing failed") };
    assert_eq!(next.texts, ["new"]);
    assert!(old.await.unwrap_err().contains("has replaced the extension"));
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_in_an_exporter_that_changes_is_sent_by_the_new_one() {
    let queue = "exporters.end.queue=true";
    let mut bench = Bench::of("queued", &[queue, "exporters.end.gate=queued"]).await;
    for _ in 0..3 {
        bench.source().consume(&Context::default(), logs(1)).await.unwrap();
    }
    settle().await;
    bench.reload(&[queue, "exporters.end.name=END"]).await.unwrap();
    settle().await;
    gate("queued").add_permits(1);
    settle().await;
    let log = bench.log();
    let count = |name: &str| log.iter().filter(|it| *it == name).count();
    assert_eq!((count("end"), count("END"), log.last().unwrap().as_str()), (1, 2, "stop end"));
}

#[tokio::test(start_paused = true)]
async fn an_exporter_that_is_gone_first_sends_what_it_has() {
    let both = "service.pipelines.logs.exporters=[end, end/2]";
    let second = "exporters.end/2={world: WORLD, name: end2, queue: true, gate: gone}";
    let mut bench = Bench::of("gone", &[both, second]).await;
    assert_eq!(bench.push().await, ["a", "b", "end"]);
    bench.reload(&[]).await.unwrap();
    settle().await;
    assert!(bench.log().is_empty());
    gate("gone").add_permits(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.log(), ["end2", "stop end2"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_given_up() {
    let mut bench = Bench::of("late", &["processors.step/a.gate=late"]).await;
    let source = bench.source();
    let _call =
        componenttest::spawn(async move { source.consume(&Context::default(), logs(1)).await });
    settle().await;
    bench.reload(&["processors.step/a.name=A"]).await.unwrap();
    tokio::time::sleep(RETIRE_TIMEOUT.mul_f64(0.9)).await;
    assert_eq!(bench.collector.retiring.len(), 1);
    tokio::time::sleep(RETIRE_TIMEOUT).await;
    assert!(bench.collector.retiring.try_join_next().is_some());
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_another_reload_when_an_earlier_one_has_ended() {
    let mut bench = Bench::of("room", &["processors.step/a.gate=room"]).await;
    for n in 0..RETIRING_MAX {
        let source = bench.source();
        let call = async move { source.consume(&Context::default(), logs(1)).await };
        componenttest::spawn(call);
        settle().await;
        bench.collector.room_for_reload().await;
        let name = format!("processors.step/a.name=a{n}");
        bench.reload(&["processors.step/a.gate=room", &name]).await.unwrap();
    }
    let soon = tokio::time::timeout(Duration::from_secs(1), bench.collector.room_for_reload());
    assert!(soon.await.is_err());
    gate("room").add_permits(1);
    let soon = tokio::time::timeout(Duration::from_secs(1), bench.collector.room_for_reload());
    assert!(soon.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn with_other_own_metrics_everything_is_new() {
    let mut bench = Bench::new("telemetry").await;
    let logs = "service.telemetry.logs.level=debug";
    assert_eq!(bench.reload(&[logs]).await.unwrap().kept, 4, "own logs are not ours");
    let changes = bench.reload(&[logs, "service.telemetry.metrics.level=detailed"]).await.unwrap();
    assert_eq!((changes.kept, changes.started.len(), changes.stopped.len()), (0, 4, 4));
    settle().await;
    assert_eq!(bench.push().await.last().unwrap(), "end");
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_stops_lets_what_was_replaced_end_first() {
    let mut bench = Bench::of("stop", &["processors.step/a.gate=stop"]).await;
    let source = bench.source();
    let call =
        componenttest::spawn(async move { source.consume(&Context::default(), logs(1)).await });
    settle().await;
    bench.reload(&["processors.step/a.name=A"]).await.unwrap();
    gate("stop").add_permits(1);
    let Bench { world, collector, .. } = bench;
    assert_eq!(collector.stop().await, crate::Exit::Clean);
    call.await.unwrap().unwrap();
    let log = world.log.lock().unwrap();
    let at = |name: &str| log.iter().position(|it| it == name).unwrap();
    assert!(at("stop a") < at("stop source") && at("end") < at("stop end"), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_reloads_leave_no_task_and_no_component_behind() {
    let queue = "exporters.end.queue=true";
    let mut bench = Bench::of("leak", &[queue]).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    bench.world.sources.lock().unwrap().clear();
    let (tasks, created) = (alive(), Arc::strong_count(&bench.world));
    for n in 0..100 {
        let changes = ["receivers.source", "processors.step/a", "exporters.end"]
            .map(|it| format!("{it}.name=name{n}"));
        let fails = format!("processors.step/b.fails={}", if n % 5 == 0 { "start" } else { "no" });
        let _ = bench.reload(&[queue, &changes[n % 3], &fails]).await;
        settle().await;
    }
    bench.reload(&[queue]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The one that has ended last is still to be joined.
    while bench.collector.retiring.join_next().await.is_some() {}
    bench.world.sources.lock().unwrap().clear();
    assert_eq!((alive(), Arc::strong_count(&bench.world)), (tasks, created));
}
