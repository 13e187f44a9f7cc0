//! Telemetry as lines of a bulk request.

use std::cell::OnceCell;

use documents::bulk::Bulk;
use documents::flat::Fields;
use documents::{Dropped, json};
use pdata::{AttributesRef, Logs, ResourceRef, ScopeRef, Traces, ValueRef};

use crate::config::Config;
use crate::mode::Mode;
use crate::route::{Route, Router, says};
use crate::{ecs, legacy, otel, route};

/// How the telemetry of one call is written.
pub(crate) struct Encoder<'c> {
    config: &'c Config,
    /// What the section or the request says; a scope may say something else.
    default: Mode,
    pub(crate) router: Router,
    /// Events of spans are logs.
    events: Router,
}

/// Fields of a resource, in the forms that its scopes have asked for.
#[derive(Default)]
struct Base<'a> {
    legacy: OnceCell<Fields<'a>>,
    ecs: OnceCell<Fields<'a>>,
    none: Fields<'a>,
}

impl<'a> Base<'a> {
    fn of(&self, mode: Mode, attributes: AttributesRef<'a>) -> &Fields<'a> {
        match mode {
            Mode::Ecs => self.ecs.get_or_init(|| ecs::resource(attributes)),
            Mode::None | Mode::Raw => self.legacy.get_or_init(|| legacy::resource(attributes)),
            Mode::Otel | Mode::BodyMap => &self.none,
        }
    }
}

/// What stands around the items of a scope.
struct Around<'f, 'a> {
    resource: ResourceRef<'a>,
    scope: ScopeRef<'a>,
    mode: Mode,
    /// Of the mode otel: members.
    otel: Vec<u8>,
    /// Of the other modes: fields of the resource.
    base: &'f Fields<'a>,
    /// And of the scope.
    own: Fields<'a>,
}

/// Where the items of a scope go that say nothing else.
struct Usual {
    route: Result<Route, &'static str>,
    action: Vec<u8>,
    stream: Vec<u8>,
}

impl<'c> Encoder<'c> {
    pub(crate) fn new(config: &'c Config, default: Mode, index: &str, now: u64) -> Self {
        let format = &config.routing.logstash_format;
        let date = route::date(&format.date_format, now).unwrap_or_default();
        let suffix = if format.enabled {
            format!("{}{date}", format.prefix_separator)
        } else {
            String::new()
        };
        let router = Router { index: index.to_owned(), suffix };
        let events = Router { index: config.routing.logs_index.clone(), ..router.clone() };
        Self { config, default, router, events }
    }

    /// The mode of a scope; `None` if it names one that is not known or not allowed.
    pub(crate) fn mode(&self, scope: AttributesRef<'_>) -> Option<Mode> {
        match scope.get("elastic.mapping.mode") {
            None => Some(self.default),
            Some(name) => self.config.mapping.named(&name.to_string()),
        }
    }

    pub(crate) fn logs(&self, logs: &Logs, dropped: &mut Dropped) -> Bulk {
        let mut bulk = Bulk::default();
        for resource in logs.resources() {
            let base = Base::default();
            for group in resource.scopes() {
                let scope = group.scope();
                let Some(mode) = self.mode(scope.attributes()) else {
                    dropped.add("mapping_mode", group.records().count());
                    continue;
                };
                let urls = [resource.schema_url(), group.schema_url()];
                let around = Around::new(mode, (resource.resource(), scope), urls, &base);
                let usual = around.usual(&self.router, "logs");
                for record in group.records() {
                    if let Err(why) = self.log(record, &around, &usual, &mut bulk) {
                        dropped.add(why, 1);
                        bulk.undo();
                    }
                }
            }
        }
        bulk
    }

    fn log<'a>(
        &self,
        record: pdata::LogRecord<'a>,
        around: &Around<'_, 'a>,
        usual: &Usual,
        bulk: &mut Bulk,
    ) -> Result<(), &'static str> {
        let (attributes, routing) = (record.attributes(), &self.config.routing);
        let id = routing
            .logs_dynamic_id
            .enabled
            .then(|| attribute(attributes, "elasticsearch.document_id"));
        let id = id.flatten();
        let pipeline = routing.logs_dynamic_pipeline.enabled;
        let pipeline =
            pipeline.then(|| attribute(attributes, "elasticsearch.document_pipeline")).flatten();
        around.item(
            attributes,
            (&self.router, usual, "logs"),
            bulk,
            (id.as_deref(), pipeline.as_deref()),
            |out, route, stream| {
                match around.mode {
                    Mode::Otel => otel::log(out, record, stream, &around.otel),
                    Mode::Ecs => ecs::log(out, record, &around.ecs(route)),
                    Mode::None | Mode::Raw => {
                        legacy::log(
                            out,
                            record,
                            (&around.fields(), route, around.mode == Mode::None),
                        );
                    }
                    Mode::BodyMap => match record.body() {
                        Some(body @ ValueRef::Map(_)) => json::value(out, body, json::Bytes::Hex),
                        _ => return Err("body_is_no_map"),
                    },
                }
                Ok(())
            },
        )
    }

    pub(crate) fn traces(&self, traces: &Traces, dropped: &mut Dropped) -> Bulk {
        let mut bulk = Bulk::default();
        for resource in traces.resources() {
            let base = Base::default();
            for group in resource.scopes() {
                let scope = group.scope();
                let mode = match self.mode(scope.attributes()) {
                    Some(mode) if mode != Mode::BodyMap => mode,
                    mode => {
                        let why =
                            if mode.is_some() { "mode_without_spans" } else { "mapping_mode" };
                        dropped.add(why, group.spans().count());
                        continue;
                    }
                };
                let urls = [resource.schema_url(), group.schema_url()];
                let around = Around::new(mode, (resource.resource(), scope), urls, &base);
                let usual = around.usual(&self.router, "traces");
                let of_events = around.usual(&self.events, "logs");
                for span in group.spans() {
                    if let Err(why) = self.span(span, &around, (&usual, &of_events), &mut bulk) {
                        dropped.add(why, 1);
                        bulk.undo();
                    }
                }
            }
        }
        bulk
    }

    fn span<'a>(
        &self,
        span: pdata::Span<'a>,
        around: &Around<'_, 'a>,
        (usual, of_events): (&Usual, &Usual),
        bulk: &mut Bulk,
    ) -> Result<(), &'static str> {
        let id = self.config.routing.traces_dynamic_id.enabled;
        let id = id.then(|| attribute(span.attributes(), "elasticsearch.document_id")).flatten();
        around.item(
            span.attributes(),
            (&self.router, usual, "traces"),
            bulk,
            (id.as_deref(), None),
            |out, route, stream| {
                match around.mode {
                    Mode::Otel => otel::span(out, span, stream, &around.otel),
                    Mode::Ecs => ecs::span(out, span, &around.ecs(route)),
                    _ => legacy::span(
                        out,
                        span,
                        (&around.fields(), route, around.mode == Mode::None),
                    ),
                }
                Ok(())
            },
        )?;
        if around.mode != Mode::Otel {
            return Ok(());
        }
        for event in span.events() {
            around.part(
                event.attributes(),
                (&self.events, of_events, "logs"),
                bulk,
                |out, stream| {
                    otel::event(out, (span, event), stream, &around.otel);
                },
            )?;
        }
        Ok(())
    }
}

fn is_flat(mode: Mode) -> bool {
    matches!(mode, Mode::None | Mode::Raw)
}

fn attribute(all: AttributesRef<'_>, key: &str) -> Option<String> {
    all.get(key).map(|it| it.to_string()).filter(|it| !it.is_empty())
}

/// Where an item goes: router, what is usual in its scope, kind of the data stream.
type To<'t> = (&'t Router, &'t Usual, &'static str);

impl<'f, 'a> Around<'f, 'a> {
    /// `urls` are those of the schemas of resource and scope.
    fn new(
        mode: Mode,
        (resource, scope): (ResourceRef<'a>, ScopeRef<'a>),
        [of_resource, of_scope]: [&str; 2],
        base: &'f Base<'a>,
    ) -> Self {
        let otel = if mode == Mode::Otel {
            otel::around((resource, of_resource), (scope, of_scope), false)
        } else {
            Vec::new()
        };
        let own = if is_flat(mode) { legacy::scope(scope) } else { Fields::default() };
        Self { resource, scope, mode, otel, base: base.of(mode, resource.attributes()), own }
    }

    /// Of the resource, and of the scope.
    fn fields(&self) -> [&Fields<'a>; 2] {
        [self.base, &self.own]
    }

    fn usual(&self, router: &Router, kind: &str) -> Usual {
        let all = [AttributesRef::default(), self.scope.attributes(), self.resource.attributes()];
        let route = router.route(all, self.scope.name(), (self.mode, kind));
        let (mut action, mut stream) = (Vec::new(), Vec::new());
        if let Ok(route) = &route {
            route.action(&mut action, self.mode, |_| {});
            stream = route.stream_member();
        }
        Usual { route, action, stream }
    }

    fn ecs<'e>(&'e self, route: &'e Route) -> ecs::Around<'e, 'e> {
        ecs::Around {
            resource: self.resource.attributes(),
            scope: self.scope.attributes(),
            fields: self.base,
            route,
        }
    }

    /// The two lines of an item.
    fn item(
        &self,
        attributes: AttributesRef<'a>,
        (router, usual, kind): To<'_>,
        bulk: &mut Bulk,
        (id, pipeline): (Option<&str>, Option<&str>),
        write: impl FnOnce(&mut Vec<u8>, &Route, &[u8]) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let out = bulk.body();
        if id.is_none() && pipeline.is_none() && !says(attributes) {
            let route = usual.route.as_ref().map_err(|it| *it)?;
            out.extend_from_slice(&usual.action);
            write(out, route, &usual.stream)?;
        } else {
            let all = [attributes, self.scope.attributes(), self.resource.attributes()];
            let route = router.route(all, self.scope.name(), (self.mode, kind))?;
            route.action(out, self.mode, |it| {
                it.text_if_any("_id", id.unwrap_or_default());
                it.text_if_any("pipeline", pipeline.unwrap_or_default());
            });
            write(out, &route, &route.stream_member())?;
        }
        out.push(b'\n');
        bulk.end(1, id.is_some());
        Ok(())
    }

    /// The two lines of a part of an item, which is not counted: an event of a span.
    fn part(
        &self,
        attributes: AttributesRef<'a>,
        (router, usual, kind): To<'_>,
        bulk: &mut Bulk,
        write: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) -> Result<(), &'static str> {
        let out = bulk.body();
        if says(attributes) {
            let all = [attributes, self.scope.attributes(), self.resource.attributes()];
            let route = router.route(all, self.scope.name(), (self.mode, kind))?;
            route.action(out, self.mode, |_| {});
            write(out, &route.stream_member());
        } else {
            usual.route.as_ref().map_err(|it| *it)?;
            out.extend_from_slice(&usual.action);
            write(out, &usual.stream);
        }
        out.push(b'\n');
        bulk.end(0, false);
        Ok(())
    }
}
