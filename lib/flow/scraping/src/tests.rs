#![expect(clippy::cast_sign_loss, reason = "the numbers of tests are small, or drawn by chance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use component::{Problems, Settings, async_trait};
use componenttest::{Answer, Sink, TestHost, metric, problems, settings};
use pdata::{Data, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    Blocking, BlockingScraper, Builder, Catalog, Controller, Errors, MetricsSection,
    ResourceSection, Schedule, Scraped, Scraper,
};

crate::catalog! {
    /// What a dog does.
    enum Dog: "example.com/dogreceiver", "https://opentelemetry.io/schemas/1.9.0";
    resource {
        "dog.name": "How it is called.", true;
        "dog.owner": "Whose it is.", false;
        "dog.number": "Of its chip.", true;
    }
    metrics {
        Barks = Metric::counter("dog.barks", "{bark}", "How often.", Int).by(&["mood", "place"]);
        Legs = Metric::up_down("dog.legs", "{leg}", "How many.", Int);
        Teeth = Metric::gauge("dog.teeth", "{tooth}", "How many.", Int).by(&["jaw"]).off();
        Walks = Metric::counter("dog.walks", "km", "How far.", Double).by(&["with", "day"]).opt_in(&["day"]);
        Weight = Metric::gauge("dog.weight", "kg", "How heavy.", Double).by(&["leg"]);
    }
}

/// The section of a receiver of dogs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
struct Config {
    #[serde(flatten)]
    schedule: Schedule,
    /// What is sent.
    metrics: MetricsSection<Dog>,
    /// Of whom.
    resource_attributes: ResourceSection<Dog>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        self.metrics.validate("metrics", problems);
        self.resource_attributes.validate("resource_attributes", problems);
    }
}

fn builder(section: &str) -> Builder<Dog> {
    let config: Config = componenttest::config(section);
    let mut builder = Builder::new(&config.metrics, &config.resource_attributes, "1.2.3");
    builder.start(5).time(7);
    builder
}

fn json(scraped: Scraped) -> Json {
    let mut text = Vec::new();
    Data::from(scraped.metrics).to_json(&mut text);
    serde_json::from_slice(&text).unwrap()
}

/// The points of the only metric that was sent: attributes, value.
fn points(scraped: Scraped) -> Vec<String> {
    let data = json(scraped);
    let metric = &data["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    let kind = ["sum", "gauge"].iter().find(|it| metric.get(it).is_some()).unwrap();
    let text = |it: &Json| {
        let attributes = it["attributes"].as_array().cloned().unwrap_or_default();
        let values = attributes.iter().map(|it| it["value"]["stringValue"].as_str().unwrap());
        let number = it.get("asInt").or(it.get("asDouble")).unwrap();
        format!("{}={}", values.collect::<Vec<_>>().join(","), number.to_string().replace('"', ""))
    };
    metric[kind]["dataPoints"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn points_recorded_in_any_order_are_sent_metric_by_metric_as_the_table_says() {
    let mut builder = builder("");
    builder.double(Dog::Weight, 2.5, &["left".into()]);
    builder.int(Dog::Barks, 3, &["angry".into(), "home".into()]);
    builder.int(Dog::Legs, 4, &[]);
    builder.time(8).int(Dog::Barks, 1, &["glad".into(), "home".into()]);
    builder.int(Dog::Teeth, 42, &["upper".into()]);
    builder.resource("dog.name", "Rex").resource("dog.owner", "Ann").resource("dog.number", 9);
    builder.emit();
    let scraped = builder.finish();
    assert_eq!((scraped.count, scraped.metrics.items()), (3, 4), "dog.teeth is off");
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    assert_eq!(
        json(scraped),
        json!({"resourceMetrics": [{
            "resource": {"attributes": [
                text("dog.name", "Rex"),
                {"key": "dog.number", "value": {"intValue": "9"}},
            ]},
            "scopeMetrics": [{
                "scope": {"name": "example.com/dogreceiver", "version": "1.2.3"},
                "metrics": [
                    {"name": "dog.barks", "description": "How often.", "unit": "{bark}", "sum": {
                        "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
                            {"attributes": [text("mood", "angry"), text("place", "home")],
                             "startTimeUnixNano": "5", "timeUnixNano": "7", "asInt": "3"},
                            {"attributes": [text("mood", "glad"), text("place", "home")],
                             "startTimeUnixNano": "5", "timeUnixNano": "8", "asInt": "1"},
                        ]}},
                    {"name": "dog.legs", "description": "How many.", "unit": "{leg}", "sum": {
                        "aggregationTemporality": 2, "dataPoints": [
                            {"startTimeUnixNano": "5", "timeUnixNano": "7", "asInt": "4"},
                        ]}},
                    {"name": "dog.weight", "description": "How heavy.", "unit": "kg", "gauge": {"dataPoints": [
                        {"attributes": [text("leg", "left")],
                         "startTimeUnixNano": "5", "timeUnixNano": "7", "asDouble": 2.5},
                    ]}},
                ],
            }],
            "schemaUrl": "https://opentelemetry.io/schemas/1.9.0",
        }]})
    );
}

#[test]
fn a_resource_without_points_is_not_sent_and_leaves_nothing_to_the_next() {
    let mut builder = builder("");
    builder.resource("dog.name", "Rex").emit();
    builder.int(Dog::Legs, 4, &[]);
    builder.drop_recorded();
    builder.emit();
    assert_eq!((builder.finish().count, builder.finish().metrics.bytes()), (0, 0));
    for name in ["Rex", "Bella"] {
        builder.resource("dog.name", name).int(Dog::Legs, 4, &[]);
        builder.emit();
    }
    let scraped = builder.finish();
    assert_eq!((scraped.count, scraped.metrics.items()), (2, 2));
    let text = json(scraped).to_string();
    assert!(text.contains("Rex") && text.contains("Bella"), "{text}");
}

/// What becomes of four points when only some attributes are kept.
fn joined(strategy: &str, attributes: &str, want: &[&str]) {
    let key = if strategy.is_empty() {
        String::new()
    } else {
        format!("aggregation_strategy: {strategy}, ")
    };
    let mut builder =
        builder(&format!("metrics: {{dog.barks: {{{key}attributes: {attributes}}}}}"));
    for (value, mood, place) in
        [(3, "angry", "home"), (4, "glad", "home"), (6, "angry", "out"), (6, "angry", "out")]
    {
        builder.int(Dog::Barks, value, &[mood.into(), place.into()]);
    }
    builder.emit();
    assert_eq!(points(builder.finish()), want, "{strategy} {attributes}");
}

#[test]
fn points_that_only_left_out_attributes_told_apart_become_one() {
    joined("", "[mood, place]", &["angry,home=3", "glad,home=4", "angry,out=12"]);
    joined("", "[mood]", &["angry=15", "glad=4"]);
    joined("", "[place]", &["home=7", "out=12"]);
    joined("", "[]", &["=19"]);
    joined("avg", "[]", &["=4"]);
    joined("min", "[place]", &["home=3", "out=6"]);
    joined("max", "[mood]", &["angry=6", "glad=4"]);
    let mut builder = builder("metrics: {dog.weight: {attributes: []}}");
    builder.double(Dog::Weight, 1.0, &["left".into()]);
    builder.double(Dog::Weight, 2.0, &["right".into()]);
    builder.emit();
    assert_eq!(points(builder.finish()), ["=1.5"], "a gauge is averaged");
    for (section, want) in [
        ("", &["Ann=3"][..]),
        ("metrics: {dog.walks: {attributes: [with, day]}}", &["Ann,1=1", "Ann,2=2"]),
    ] {
        let mut builder = self::builder(section);
        builder.double(Dog::Walks, 1.0, &["Ann".into(), "1".into()]);
        builder.double(Dog::Walks, 2.0, &["Ann".into(), "2".into()]);
        builder.emit();
        assert_eq!(points(builder.finish()), want, "day is opt-in");
    }
}

/// Which of two dogs are sent.
fn sent(row: &str, want: &[&str]) {
    let mut builder = builder(&format!("resource_attributes: {row}"));
    for (name, number) in [("Rex", 17), ("Bella", 23)] {
        builder.int(Dog::Legs, 4, &[]);
        builder.resource("dog.name", name).resource("dog.number", number).emit();
    }
    let text = json(builder.finish()).to_string();
    let names: Vec<&str> = ["Rex", "Bella"].into_iter().filter(|it| text.contains(it)).collect();
    assert_eq!(names, want, "{row}");
}

#[test]
fn a_filter_on_a_resource_attribute_decides_which_resources_are_sent() {
    sent("{dog.name: {metrics_include: [{strict: Rex}]}}", &["Rex"]);
    sent("{dog.name: {metrics_include: [{strict: Max}, {regexp: ^B}]}}", &["Bella"]);
    sent("{dog.name: {metrics_exclude: [{regexp: e}, {strict: Bella}]}}", &[]);
    sent("{dog.number: {metrics_exclude: [{strict: '23'}]}}", &["Rex"]);
    sent(
        "{dog.name: {metrics_include: [{regexp: .}], metrics_exclude: [{strict: Rex}]}}",
        &["Bella"],
    );
    // What a resource does not have is not compared.
    sent("{dog.owner: {metrics_include: [{strict: Ann}]}}", &["Rex", "Bella"]);
}

#[test]
fn mistakes_in_the_sections_are_named() {
    let wrong = |section: &str, want: &str| {
        let found = problems::<Config>(section).join("\n");
        assert!(found.contains(want), "{found}");
    };
    wrong("metrics: {dog.barkz: {enabled: true}}", "dog.barkz");
    wrong("metrics: {dog.legs: {attributes: [mood]}}", "attributes");
    wrong("metrics: {dog.barks: {enabled: maybe}}", "enabled");
    wrong(
        "metrics: {dog.barks: {attributes: [smell]}}",
        "metric dog.barks doesn't have an attribute smell, valid attributes: [mood, place]",
    );
    wrong(
        "metrics: {dog.barks: {aggregation_strategy: median}}",
        "invalid aggregation strategy \"median\", valid strategies: [sum, avg, min, max]",
    );
    wrong("resource_attributes: {dog.nose: {}}", "dog.nose");
    wrong(
        "resource_attributes: {dog.name: {metrics_include: [{}]}}",
        "must specify either strict or regex",
    );
    wrong(
        "resource_attributes: {dog.name: {metrics_exclude: [{strict: a, regexp: b}]}}",
        "strict and regex cannot be used together",
    );
    wrong(
        "resource_attributes: {dog.name: {metrics_exclude: [{regexp: '('}]}}",
        "missing closing )",
    );
    wrong("collection_interval: 0s", "\"collection_interval\": requires positive value");
    wrong(
        "{collection_interval: 0s, timeout: -1s}",
        "controllerconfig: \"collection_interval\": requires positive value; \"timeout\": requires positive value",
    );
    wrong("metrics: {dog.legs: {foo: 1}}", "'metadata.MetricConfig' has invalid keys: foo");
    wrong(
        "resource_attributes: {dog.name: {foo: 1}}",
        "'metadata.ResourceAttributeConfig' has invalid keys: foo",
    );
    wrong("timeout: -1s", "\"timeout\": requires positive value");
    assert_eq!(problems::<Config>("metrics: {dog.legs: , dog.barks: {attributes: }}"), [""; 0]);
}

#[test]
fn what_a_section_does_not_say_stays_as_the_table_has_it() {
    let config: Config =
        componenttest::config("metrics: {dog.teeth: {enabled: true}, dog.legs: {enabled: false}}");
    let enabled = Dog::ALL.iter().map(|it| config.metrics.is_enabled(*it));
    assert_eq!(enabled.collect::<Vec<_>>(), [true, false, true, true, true]);
    assert!(config.resource_attributes.is_enabled("dog.name"));
    assert!(!config.resource_attributes.is_enabled("dog.owner"));
}

#[test]
fn a_scrape_like_the_one_before_allocates_only_what_it_hands_out() {
    let mut builder = builder("");
    let scrape = |builder: &mut Builder<Dog>| {
        for at in 0..50 {
            let places = ["home", "out", "here", "there", "anywhere"];
            builder.int(Dog::Barks, at, &["angry".into(), Value::Int(at)]);
            builder.double(Dog::Weight, 1.0, &[places[(at % 5) as usize].into()]);
        }
        builder.resource("dog.name", "Rex").emit();
        builder.finish()
    };
    scrape(&mut builder);
    scrape(&mut builder);
    let measured = allocation_counter::measure(|| drop(scrape(&mut builder)));
    assert!(measured.count_total <= 4, "{measured:?}");
}

/// Answers as told, and counts how often it is asked.
struct Kennel {
    asked: Arc<AtomicUsize>,
    builder: Builder<Dog>,
    does: fn(&mut Errors) -> Duration,
}

#[async_trait]
impl Scraper for Kennel {
    async fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.asked.fetch_add(1, SeqCst);
        tokio::time::sleep((self.does)(errors)).await;
        self.builder.int(Dog::Legs, 4, &[]);
        self.builder.emit();
        self.builder.finish()
    }
}

/// A receiver with one scraper behind a sink.
struct Life {
    host: TestHost,
    sink: Sink,
    asked: Arc<AtomicUsize>,
    settings: Settings,
}

fn live(schedule: &str, does: fn(&mut Errors) -> Duration) -> Life {
    let config: Config = componenttest::config(schedule);
    let (host, sink, settings) = (TestHost::new(), Sink::new(), settings("dog/2"));
    let asked = Arc::<AtomicUsize>::default();
    let mut controller = Controller::new(&settings, config.schedule, sink.outputs(&["metrics"]));
    controller.add("kennel", Kennel { asked: Arc::clone(&asked), builder: builder(""), does });
    controller.start(&host);
    Life { host, sink, asked, settings }
}

impl Life {
    fn counted(&self) -> (Option<f64>, Option<f64>) {
        let of = |name: &str| {
            let attributes = [("receiver", "dog/2"), ("scraper", "kennel")];
            metric(&self.settings.meter, name, &attributes)
        };
        (of("otelcol_scraper_scraped_metric_points"), of("otelcol_scraper_errored_metric_points"))
    }

    /// Lets time go by, then says how many scrapes have begun and how many points have arrived.
    async fn after(&self, time: Duration) -> (usize, usize) {
        tokio::time::sleep(time).await;
        (self.asked.load(SeqCst), self.sink.items())
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn it_scrapes_after_the_initial_delay_and_then_at_each_interval() {
    let life = live("{collection_interval: 10s, initial_delay: 3s}", |_| Duration::ZERO);
    assert_eq!(life.after(2 * SECOND).await, (0, 0));
    assert_eq!(life.after(2 * SECOND).await, (1, 1));
    assert_eq!(life.after(10 * SECOND).await, (2, 2));
    assert_eq!(life.counted(), (Some(2.0), Some(0.0)));
    let accepted = [("receiver", "dog/2"), ("transport", "")];
    let name = "otelcol_receiver_accepted_metric_points";
    assert_eq!(metric(&life.settings.meter, name, &accepted), Some(2.0));
    life.host.stop().await;
    assert_eq!(life.after(60 * SECOND).await, (2, 2), "it ends with its component");
}

#[tokio::test(start_paused = true)]
async fn a_negative_delay_is_none_and_slow_scrapes_do_not_pile_up() {
    let life = live("{collection_interval: 10s, initial_delay: -3s}", |_| 25 * SECOND);
    assert_eq!(life.after(SECOND).await, (1, 0));
    // The ticks at 10 and 20 are one, as for a ticker in Go; those at 30 to 50 as well.
    assert_eq!(life.after(25 * SECOND).await, (2, 1));
    assert_eq!(life.after(25 * SECOND).await, (3, 2));
    life.host.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_scrape_beyond_the_timeout_is_an_error_and_the_next_one_comes() {
    let life = live("{collection_interval: 10s, timeout: 2s}", |_| 5 * SECOND);
    assert_eq!(life.after(12 * SECOND).await, (2, 0));
    assert_eq!(life.counted().0, Some(0.0));
    life.host.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_partly_failed_scrape_has_measured_goes_on_and_nothing_of_a_failed_one() {
    let partly = live("", |errors| {
        errors.total("no collar");
        errors.partial(2, "no tail");
        errors.partial(1, "no nose");
        Duration::ZERO
    });
    assert_eq!(partly.after(2 * SECOND).await, (1, 1));
    assert_eq!(partly.counted(), (Some(1.0), Some(3.0)));
    let failed = live("", |errors| {
        errors.total("no dog");
        Duration::ZERO
    });
    assert_eq!(failed.after(2 * SECOND).await, (1, 0));
    assert_eq!(failed.counted(), (Some(0.0), Some(0.0)));
    partly.host.stop().await;
    failed.host.stop().await;
}

#[test]
fn an_error_is_logged_as_upstream_does() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let ((), lines) = componenttest::captured(|| {
        runtime.block_on(async {
            let life = live("", |errors| {
                errors.partial(1, "no tail");
                errors.total("no nose");
                Duration::ZERO
            });
            life.after(2 * SECOND).await;
            life.host.stop().await;
        });
    });
    let line = lines.iter().find(|it| it.level == tracing::Level::ERROR).unwrap();
    assert_eq!(line.message, "Error scraping metrics");
    assert_eq!(line.field("scraper"), Some("kennel"));
    assert_eq!(line.field("error"), Some("no tail; no nose"));
}

#[tokio::test(start_paused = true)]
async fn pipelines_that_refuse_a_scrape_get_the_next_one() {
    let life = live("collection_interval: 10s", |_| Duration::ZERO);
    life.sink.script([Answer::retryable("full")]);
    assert_eq!(life.after(2 * SECOND).await, (1, 0));
    assert_eq!(life.after(10 * SECOND).await, (2, 1));
    life.host.stop().await;
}

/// Waits for a word from the test.
struct Slow(std::sync::mpsc::Receiver<i64>, Builder<Dog>);

impl BlockingScraper for Slow {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        match self.0.recv() {
            Ok(legs) => self.1.int(Dog::Legs, legs, &[]),
            Err(_) => errors.total("gone"),
        }
        self.1.emit();
        self.1.finish()
    }
}

/// Asks until there is something.
async fn next(scraper: &mut Blocking<Slow>) -> Vec<String> {
    loop {
        let mut errors = Errors::default();
        let scraped = scraper.scrape(&mut errors).await;
        if scraped.count > 0 {
            assert!(errors.is_empty(), "{errors}");
            return points(scraped);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_blocking_scraper_that_hangs_is_not_started_again_and_nothing_of_it_is_lost() {
    let short = Duration::from_millis(20);
    for is_patient in [true, false] {
        let (say, hears) = std::sync::mpsc::sync_channel(2);
        let slow = Slow(hears, builder(""));
        let mut errors = Errors::default();
        let mut scraper =
            if is_patient { Blocking::patient(slow, short) } else { Blocking::new(slow) };
        if is_patient {
            assert_eq!(scraper.scrape(&mut errors).await.count, 0);
            let text = "the scrape takes longer than the interval: it goes on beside the others";
            assert_eq!(errors.to_string(), text);
        } else {
            assert!(tokio::time::timeout(short, scraper.scrape(&mut errors)).await.is_err());
        }
        errors = Errors::default();
        assert_eq!(scraper.scrape(&mut errors).await.count, 0);
        assert_eq!(errors.to_string(), "the scrape before has not ended");
        say.send(3).unwrap();
        say.send(4).unwrap();
        assert_eq!(next(&mut scraper).await, ["=3"], "late, and not lost");
        assert_eq!(next(&mut scraper).await, ["=4"]);
        drop(say);
        errors = Errors::default();
        scraper.scrape(&mut errors).await;
        assert!(errors.is_total());
    }
}

#[test]
fn a_line_does_not_name_a_thousand_errors() {
    let mut errors = Errors::default();
    (0..1000).for_each(|it| errors.partial(1, format!("no {it}")));
    let text = errors.to_string();
    assert!(text.ends_with("no 19; and 980 more"), "{text}");
    assert_eq!(errors.failed(), 1000);
}
