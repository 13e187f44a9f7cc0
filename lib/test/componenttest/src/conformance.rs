//! What holds for every component, whatever it does. [`conformance!`](crate::conformance!) turns it into
//! tests beside a component's own.

use std::future::Future;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Value, check, load};
use component::{
    BoxError, Component, Config, Connector, ConsumeError, Context, Exporter, Extension, Kind, Next,
    Outputs, Planned, Processor, Receiver, Signal, Status,
};
use tracing::Level;

use crate::{
    Answer, Sink, TestHost, captured, config, connector_settings, data, exporter_settings,
    processor_settings, section, settings,
};

/// Time in which a component must start, answer and stop.
const GRACE: Duration = Duration::from_secs(5);

/// Adds the tests that all components share: `conformance!(processor MemoryLimiter)`.
///
/// A component with mandatory keys says them as YAML: `conformance!(exporter Otlp, "endpoint: 127.0.0.1:1")`.
/// Servers say a port 0 there. Use it once, in a module that sees the type.
#[macro_export]
macro_rules! conformance {
    ($kind:ident $component:ident) => {
        $crate::conformance!($kind $component, "");
    };
    ($kind:ident $component:ident, $section:expr) => {
        mod conformance {
            use super::$component;

            type Subject = $crate::conformance::$kind<$component>;
            const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
            const SECTION: &str = $section;

            #[test]
            fn the_type_is_the_folders_name() {
                $crate::conformance::check_type::<Subject>(FOLDER);
            }

            #[test]
            fn the_readme_states_the_defaults() {
                $crate::conformance::check_readme::<Subject>(FOLDER);
            }

            #[test]
            fn the_default_section_reads_back_as_itself() {
                $crate::conformance::check_defaults::<Subject>(SECTION);
            }

            #[test]
            fn an_unknown_key_is_refused() {
                $crate::conformance::check_unknown_key::<Subject>(SECTION);
            }

            #[test]
            fn it_can_be_created_and_dropped() {
                $crate::conformance::check_create::<Subject>(SECTION);
            }

            #[test]
            fn it_starts_and_stops_within_the_grace() {
                $crate::conformance::check_life::<Subject>(SECTION);
            }

            #[test]
            fn it_works_after_a_cancelled_call() {
                $crate::conformance::check_cancel::<Subject>(SECTION);
            }
        }
    };
}

/// An instance under test.
pub struct Instance {
    component: Arc<dyn Component>,
    inlet: Option<Next>,
}

/// A component of any kind, as the checks see it.
pub trait Subject {
    /// Its section.
    type Config: Config;
    /// Its type.
    const TYPE: &'static str;
    /// Its kind.
    const KIND: Kind;
    /// The signals it takes or makes; extensions none.
    fn signals() -> Vec<Signal>;
    /// An instance for `signal` in front of `sink`, from a section that is valid.
    fn create(signal: Signal, section: &str, sink: &Sink) -> Result<Instance, BoxError>;
}

fn everything(sink: &Sink) -> Outputs {
    sink.outputs(&["traces", "metrics", "logs"])
}

macro_rules! subject {
    ($name:ident, $kind:ident, $config:ty, |$signal:ident, $section:ident, $sink:ident| $instance:expr,
     $signals:expr) => {
        #[doc = concat!("Wraps a ", stringify!($name), ".")]
        #[expect(non_camel_case_types, reason = "the macro's first word")]
        pub struct $name<T>(PhantomData<T>);

        impl<T: $kind> Subject for $name<T> {
            type Config = $config;
            const TYPE: &'static str = T::TYPE;
            const KIND: Kind = Kind::$kind;

            fn signals() -> Vec<Signal> {
                $signals
            }

            fn create($signal: Signal, $section: &str, $sink: &Sink) -> Result<Instance, BoxError> {
                $instance
            }
        }
    };
}

fn silent(component: Arc<dyn Component>) -> Instance {
    Instance { component, inlet: None }
}

fn with_inlet<T: Component + component::Consumer>(it: T) -> Instance {
    let it = Arc::new(it);
    Instance { component: Arc::clone(&it) as _, inlet: Some(it) }
}

subject!(
    receiver,
    Receiver,
    <T::Config as Planned>::Section,
    |_signal, section, sink| {
        let create = T::create(settings(T::TYPE), config(section), everything(sink));
        Ok(silent(Arc::new(create?)))
    },
    T::SIGNALS.iter().map(|(signal, _)| *signal).collect()
);

subject!(
    processor,
    Processor,
    T::Config,
    |signal, section, sink| {
        let settings = processor_settings(T::TYPE, signal);
        Ok(with_inlet(crate::processor::<T>(settings, section, sink.next())))
    },
    T::SIGNALS.iter().map(|(signal, _)| *signal).collect()
);

subject!(
    exporter,
    Exporter,
    <T::Config as Planned>::Section,
    |signal, section, _sink| {
        Ok(with_inlet(T::create(exporter_settings(T::TYPE, signal), config(section))?))
    },
    T::SIGNALS.iter().map(|(signal, _)| *signal).collect()
);

subject!(
    connector,
    Connector,
    T::Config,
    |signal, section, sink| {
        let read = check(&crate::section(section)).map_err(|faults| format!("{faults:#?}"));
        let (config, mut found) = read?;
        let plan = T::plan(config, &mut found).ok_or_else(|| format!("{found:#?}"))?;
        let settings = connector_settings(T::TYPE, signal);
        Ok(with_inlet(T::create(settings, Arc::new(plan), everything(sink))?))
    },
    {
        let mut inputs: Vec<_> = T::SIGNALS.iter().map(|(input, _, _)| *input).collect();
        inputs.dedup();
        inputs
    }
);

subject!(
    extension,
    Extension,
    <T::Config as Planned>::Section,
    |_signal, section, _sink| {
        Ok(silent(Arc::new(T::create(settings(T::TYPE), config(section))?)))
    },
    Vec::new()
);

/// One life per signal that an instance can have: receivers and extensions serve all in one.
fn lives<S: Subject>() -> Vec<Option<Signal>> {
    match S::KIND {
        Kind::Receiver | Kind::Extension => vec![None],
        _ => S::signals().into_iter().map(Some).collect(),
    }
}

fn create<S: Subject>(section: &str, signal: Option<Signal>, sink: &Sink) -> Instance {
    S::create(signal.unwrap_or(Signal::Logs), section, sink).expect("the component can be created")
}

fn run<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn as_json<C: Config>(config: &C) -> serde_json::Value {
    serde_json::to_value(config).expect("the configuration serialises")
}

/// The type is lower_snake_case, and the folder's name.
pub fn check_type<S: Subject>(folder: &str) {
    let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(S::TYPE.chars().all(snake), "{} is not lower_snake_case", S::TYPE);
    let mut path = Path::new(folder).components().rev().map(|it| it.as_os_str().to_str());
    assert_eq!(path.next().flatten(), Some(S::TYPE));
    assert_eq!(path.next().flatten(), Some(S::KIND.section()));
}

/// README's `yaml defaults` block holds the defaults, all of them and nothing else.
pub fn check_readme<S: Subject>(folder: &str) {
    let path = Path::new(folder).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the component has a README.md");
    let block = readme
        .split_once("```yaml defaults\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .expect("README.md has a ```yaml defaults block")
        .0;
    let stated = section(block);
    let config: S::Config = load(&stated).unwrap_or_else(|issues| panic!("{issues:#?}"));
    let defaults = as_json(&S::Config::default());
    assert_eq!(as_json(&config), defaults, "README.md states other values than the defaults");
    let mut missing = Vec::new();
    find_missing(&defaults, &stated, "", &mut missing);
    assert!(missing.is_empty(), "README.md does not state the defaults of {missing:?}");
}

/// Paths of defaults that are not stated. What is off, or empty, need not be.
fn find_missing(default: &serde_json::Value, stated: &Value, at: &str, missing: &mut Vec<String>) {
    let serde_json::Value::Object(entries) = default else { return };
    for (key, value) in entries {
        let empty = match value {
            serde_json::Value::Null => true,
            serde_json::Value::String(it) => it.is_empty(),
            serde_json::Value::Array(it) => it.is_empty(),
            serde_json::Value::Object(it) => it.is_empty(),
            _ => false,
        };
        let path = if at.is_empty() { key.clone() } else { format!("{at}::{key}") };
        match stated.get(key) {
            Some(stated) => find_missing(value, stated, &path, missing),
            None if !empty => missing.push(path),
            None => {}
        }
    }
}

/// An empty section gives the defaults; written out and read again nothing changes. What the macro was
/// given is valid.
pub fn check_defaults<S: Subject>(text: &str) {
    let first: S::Config = load(&Value::Null).unwrap_or_else(|issues| panic!("{issues:#?}"));
    let written = as_json(&first);
    assert_eq!(written, as_json(&S::Config::default()));
    let mut again = written.clone();
    // A section that is off is written as null, and null by hand turns it on.
    remove_nulls(&mut again);
    let value: Value = serde_json::from_value(again).expect("any JSON is a section");
    let second: S::Config = load(&value).unwrap_or_else(|issues| panic!("{issues:#?}"));
    assert_eq!(as_json(&second), written);
    S::create(S::signals().first().copied().unwrap_or(Signal::Logs), text, &Sink::new())
        .map(drop)
        .expect("the section is valid");
}

fn remove_nulls(value: &mut serde_json::Value) {
    if let serde_json::Value::Object(entries) = value {
        entries.retain(|_, it| !it.is_null());
        entries.values_mut().for_each(remove_nulls);
    }
}

/// A key that nobody knows is an error that names it.
pub fn check_unknown_key<S: Subject>(text: &str) {
    let mut entries = match section(text) {
        Value::Map(entries) => entries,
        _ => Vec::new(),
    };
    entries.push(("no_such_key".to_owned(), Value::Int(1)));
    match load::<S::Config>(&Value::Map(entries)) {
        Ok(_) => panic!("no_such_key was accepted"),
        Err(issues) => {
            let named = issues.iter().any(|it| it.read_text().contains("no_such_key"));
            assert!(named, "the error does not name the key: {issues:#?}");
        }
    }
}

/// `create` needs no runtime, and an instance that never started can be dropped.
pub fn check_create<S: Subject>(section: &str) {
    for signal in lives::<S>() {
        drop(create::<S>(section, signal, &Sink::new()));
    }
}

/// Starts and stops, idle, within the grace; reports nothing bad and logs no error.
pub fn check_life<S: Subject>(section: &str) {
    for signal in lives::<S>() {
        let ((), lines) = captured(|| {
            run(async {
                let sink = Sink::new();
                let host = TestHost::new();
                let component = create::<S>(section, signal, &sink).component;
                start(&component, &host).await;
                tokio::task::yield_now().await;
                host.shutdown(&*component, GRACE).await;
                let bad = |it: &Status| matches!(it, Status::Permanent(_) | Status::Fatal(_));
                assert!(!host.reports().iter().any(bad), "{:?}", host.reports());
            });
        });
        let errors: Vec<_> = lines.iter().filter(|it| it.level == Level::ERROR).collect();
        assert!(errors.is_empty(), "an idle life logs errors: {errors:#?}");
    }
}

/// Dropping a call in the middle leaves the component able to take the next one.
pub fn check_cancel<S: Subject>(section: &str) {
    for signal in lives::<S>() {
        for ctx in [Context::default(), Context::delivered()] {
            run(cancel::<S>(section, signal, &ctx));
        }
    }
}

async fn cancel<S: Subject>(section: &str, signal: Option<Signal>, ctx: &Context) {
    let (sink, host) = (Sink::new(), TestHost::new());
    let Instance { component, inlet } = create::<S>(section, signal, &sink);
    let (Some(inlet), Some(signal)) = (inlet, signal) else { return };
    start(&component, &host).await;
    sink.answer(Answer::Hang);
    {
        let call = inlet.consume(ctx, data(signal, 3));
        let _ = tokio::time::timeout(Duration::from_millis(20), call).await;
    }
    sink.answer(Answer::Ok);
    sink.release(Answer::Ok);
    let call = inlet.consume(ctx, data(signal, 3));
    let answer = tokio::time::timeout(GRACE, call).await.expect("an answer within the grace");
    check_answer(S::KIND, answer);
    host.shutdown(&*component, GRACE).await;
}

/// An exporter may have no backend in this test; everybody else must be able to pass data on.
fn check_answer(kind: Kind, answer: Result<(), ConsumeError>) {
    if kind != Kind::Exporter {
        answer.expect("data is taken after a cancelled call");
    }
}

async fn start(component: &Arc<dyn Component>, host: &TestHost) {
    let starting = Arc::clone(component).start(host);
    let started = tokio::time::timeout(GRACE, starting).await.expect("it starts within the grace");
    started.expect("the component starts");
}
