//! Modules and data, compiled.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, PolicyLengthConfig, Value};

use crate::annotations::{self, Annotation};
use crate::builtins;
use crate::check;
use crate::engine_error::{self, Loaded};
use crate::error::{ERRORS_MAX, Error, Errors, code};
use crate::syntax::{self, Module, Version};
use crate::translate::{self, MOCK_PACKAGE, World};

/// Longest line that the engine reads, in columns: a token or a list may be long.
const LINE_COLUMNS_MAX: NonZeroU32 = NonZeroU32::new(16 * 1024 * 1024).unwrap();
/// Largest module that the engine reads, in bytes.
const MODULE_BYTES_MAX: NonZeroUsize = NonZeroUsize::new(32 * 1024 * 1024).unwrap();
/// Most lines of a module that the engine reads.
const MODULE_LINES_MAX: NonZeroUsize = NonZeroUsize::new(1_000_000).unwrap();
/// How many steps of the engine go between two looks at the clock: each may be a builtin that reads a large text.
const STEPS_PER_LOOK: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// A file with Rego.
#[derive(Debug, Clone)]
pub struct Source {
    /// What errors call it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// A file with this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// A document below `data` that the host answers, key by key, when a rule asks.
#[derive(Clone)]
pub struct Lookup {
    /// `["risk_rules", "window"]`; rules read `data.risk_rules.window[key]`.
    pub path: Vec<String>,
    /// The value for a key; `Value::Undefined` if there is none.
    pub answer: Arc<dyn Fn(&Value) -> Value + Send + Sync>,
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What one evaluation may cost.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Time of one evaluation. None by default: whoever evaluates for a stream sets one.
    pub time: Option<Duration>,
}

/// How a policy is compiled and evaluated.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each on its own")]
pub struct Options {
    /// Of the modules.
    pub version: Version,
    /// Variables, arguments and imports that nothing uses are errors, as with `opa check --strict`.
    pub strict: bool,
    /// A builtin that fails is an error, and not undefined.
    pub strict_builtin_errors: bool,
    /// For each evaluation.
    pub limits: Limits,
    /// Documents of the host.
    pub lookups: Vec<Lookup>,
    /// Notes which lines are evaluated.
    pub coverage: bool,
    /// `print` writes to the results and not to standard error.
    pub gather_prints: bool,
}

/// Modules and data, ready for queries.
#[derive(Clone)]
pub struct Policy(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub parsed: Vec<Parsed>,
    pub options: Options,
    pub data: Value,
    pub is_v1: bool,
    engine: Engine,
    loaded: Arc<[Loaded]>,
}

/// A module and its text.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// As it was given.
    pub source: Source,
    /// Its tree.
    pub module: Module,
    annotations: Vec<Annotation>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.parsed.iter().map(|it| it.source.name.as_str()).collect();
        f.debug_struct("Policy").field("modules", &names).finish_non_exhaustive()
    }
}

impl Policy {
    /// Compiles modules and the base document.
    ///
    /// # Errors
    /// All that OPA refuses, with OPA's codes and the places, up to `ERRORS_MAX`.
    pub fn compile(sources: Vec<Source>, data: Value, options: &Options) -> Result<Self, Errors> {
        let parsed = parse(sources, options.version)?;
        let mut errors = check::check(&units(&parsed), options.strict);
        if !errors.is_empty() {
            errors.truncate(ERRORS_MAX);
            return Err(Errors(errors));
        }
        let is_v1 = options.version != Version::V0;
        let mut world = World::new(lookup_paths(options));
        parsed.iter().for_each(|it| world.add(&it.module, &builtins::is_ours));
        let (engine, loaded) = build(&parsed, &data, options, &world)?;
        let loaded = Arc::from(loaded);
        let options = options.clone();
        Ok(Self(Arc::new(Inner { parsed, options, data, is_v1, engine, loaded })))
    }

    /// The modules as they were parsed.
    pub fn modules(&self) -> impl Iterator<Item = (&str, &str, &Module)> {
        let modules = self.0.parsed.iter();
        modules.map(|it| (it.source.name.as_str(), it.source.text.as_str(), &it.module))
    }

    /// The base document.
    pub fn data(&self) -> &Value {
        &self.0.data
    }

    /// A warning for each rule that none of these entry points (`data.a.allow`, `a/allow`) needs.
    pub fn unused_rules(&self, entry_points: &[String]) -> Vec<Error> {
        let path = |it: &String| {
            let below = it.strip_prefix("data.").unwrap_or(it);
            below.split(['.', '/']).map(str::to_owned).collect()
        };
        let entries: Vec<Vec<String>> = entry_points.iter().map(path).collect();
        check::unused(&units(&self.0.parsed), &entries)
    }

    /// There is a rule at this path below `data` that is no function.
    pub(crate) fn has_rule(&self, path: &[&str]) -> bool {
        self.0.parsed.iter().any(|it| {
            let Some(rest) = path.strip_prefix(
                it.module
                    .package
                    .as_slice()
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .as_slice(),
            ) else {
                return false;
            };
            let mut rules = it.module.rules.iter();
            rules.any(|rule| {
                rule.head.args.is_none()
                    && rule.head.path() == rest
                    && rule.head.reference.dotted().is_some()
                    && !rest.first().is_some_and(|it| translate::is_keyword(it))
            })
        })
    }

    /// An engine for a query, with the mocks that the query asks for.
    pub(crate) fn engine_for(
        &self,
        query: &syntax::Body,
    ) -> Result<(Engine, Arc<[Loaded]>, World), Errors> {
        let inner = &*self.0;
        let mut world = World::new(lookup_paths(&inner.options));
        inner.parsed.iter().for_each(|it| world.add(&it.module, &builtins::is_ours));
        let mocks = world.mocks.len();
        world.add_query(query, &builtins::is_ours);
        if world.mocks.len() == mocks {
            return Ok((inner.engine.clone(), Arc::clone(&inner.loaded), world));
        }
        let (engine, loaded) = build(&inner.parsed, &inner.data, &inner.options, &world)?;
        Ok((engine, Arc::from(loaded), world))
    }
}

fn units(parsed: &[Parsed]) -> Vec<check::Unit<'_>> {
    let units = parsed.iter().map(|it| check::Unit {
        file: &it.source.name,
        text: &it.source.text,
        module: &it.module,
    });
    units.collect()
}

fn lookup_paths(options: &Options) -> Vec<Vec<String>> {
    options.lookups.iter().map(|it| it.path.clone()).collect()
}

fn parse(sources: Vec<Source>, version: Version) -> Result<Vec<Parsed>, Errors> {
    let mut parsed = Vec::new();
    let mut errors = Vec::new();
    for source in sources {
        let read = syntax::module(&source.name, &source.text, version).and_then(|module| {
            let annotations = annotations::of_module(&source.name, &source.text, &module)?;
            Ok((module, annotations))
        });
        match read {
            Ok((module, annotations)) => parsed.push(Parsed { source, module, annotations }),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        return Ok(parsed);
    }
    errors.truncate(ERRORS_MAX);
    Err(Errors(errors))
}

fn build(
    parsed: &[Parsed],
    data: &Value,
    options: &Options,
    world: &World,
) -> Result<(Engine, Vec<Loaded>), Errors> {
    let mut engine = engine(options)?;
    let mut loaded = Vec::new();
    let all: Vec<Annotation> = parsed.iter().flat_map(|it| it.annotations.clone()).collect();
    let mut errors = Vec::new();
    for (index, Parsed { source, module, annotations }) in parsed.iter().enumerate() {
        let annotated = annotations::chains(module, annotations, &all);
        let units = translate::module(module, &source.text, &annotated, world);
        for (part, unit) in units.into_iter().enumerate() {
            // The engine takes one text for each name.
            let engine_name = format!("{index}.{part}");
            engine.set_rego_v0(!unit.is_v1);
            let added = engine.add_policy(engine_name.clone(), unit.edited.text.clone());
            let (file, text) = (source.name.clone(), source.text.clone());
            loaded.push(Loaded { engine_name, file, text, edited: unit.edited });
            if let Err(error) = added {
                errors.push(engine_error::of_loading(&error, &loaded));
            }
        }
    }
    if !errors.is_empty() {
        errors.truncate(ERRORS_MAX);
        return Err(Errors(errors));
    }
    if let Some(text) = world.mock_module() {
        engine.set_rego_v0(false);
        let added = engine.add_policy(MOCK_PACKAGE.to_owned(), text);
        added.map_err(|it| engine_error::of_loading(&it, &loaded))?;
    }
    engine.set_rego_v0(options.version == Version::V0);
    engine.add_data(data.clone()).map_err(|it| Error::new(code::COMPILE, it.to_string()))?;
    // What the engine finds out when it prepares belongs to loading, not to the first record.
    let prepared = engine.eval_query("true".to_owned(), false);
    prepared.map_err(|it| engine_error::of_evaluation(&it, &loaded))?;
    Ok((engine, loaded))
}

fn engine(options: &Options) -> Result<Engine, Errors> {
    let mut engine = Engine::new();
    let strict = options.strict_builtin_errors;
    engine.set_strict_builtin_errors(strict);
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: LINE_COLUMNS_MAX,
        max_file_bytes: MODULE_BYTES_MAX,
        max_lines: MODULE_LINES_MAX,
    });
    engine.set_gather_prints(options.gather_prints);
    engine.set_enable_coverage(options.coverage);
    if let Some(limit) = options.limits.time {
        let check_interval = STEPS_PER_LOOK;
        engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval });
    }
    for (name, function) in builtins::all() {
        let call = move |args: Vec<Value>| builtins::call(name, function, &args, strict);
        extend(&mut engine, name.to_owned(), builtins::arity(name), call)?;
    }
    for (index, lookup) in options.lookups.iter().enumerate() {
        let answer = Arc::clone(&lookup.answer);
        let call = move |args: Vec<Value>| Ok(answer(args.first().unwrap_or(&Value::Undefined)));
        extend(&mut engine, format!("sluice.lookup_{index}"), 1, call)?;
    }
    Ok(engine)
}

fn extend<F>(engine: &mut Engine, name: String, args: u8, call: F) -> Result<(), Errors>
where
    F: FnMut(Vec<Value>) -> anyhow::Result<Value> + Clone + Send + Sync + 'static,
{
    let added = engine.add_extension(name, args, Box::new(call));
    added.map_err(|it| Error::new(code::COMPILE, it.to_string()).into())
}
