//! Metrics as Protobuf: `io.prometheus.client.MetricFamily`, one after another with its length in front
//! (`io/prometheus/client/metrics.proto`, and `model/textparse/protobufparse.go` of Prometheus 3.10).

use std::borrow::Cow;

use wire::protobuf::{Field, fields, varint};

use super::native::{Native, whole};
use super::{Error, Exemplar, Metadata, More, Page, SAMPLES_MAX, Sample};
use crate::labels::{Labels, NAME};

#[cfg(test)]
mod tests;

/// Which parts of histograms are taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Histograms {
    /// Native ones, where there are.
    pub(crate) native: bool,
    /// Classic ones beside native ones.
    pub(crate) classic: bool,
}

/// What went wrong, before it is known where.
type Read<T> = Result<T, String>;

/// Reads a page.
pub(crate) fn parse(page: &[u8], wanted: Histograms) -> Result<Page<'_>, Error> {
    let mut rest = page;
    let mut all = Reader { page: Page::default(), wanted };
    let mut at = 0;
    while !rest.is_empty() {
        at += 1;
        let failed = |why: String| Error::Line(at, why);
        let length = varint(&mut rest).map_err(|why| failed(why.to_string()))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let split = rest.split_at_checked(length);
        let (family, after) = split.ok_or_else(|| failed("unexpected EOF".to_owned()))?;
        rest = after;
        all.family(family).map_err(failed)?;
        if all.page.samples.len() > SAMPLES_MAX {
            return Err(Error::TooMany);
        }
    }
    Ok(all.page)
}

struct Reader<'a> {
    page: Page<'a>,
    wanted: Histograms,
}

/// What all samples of a metric have.
struct Common<'a> {
    name: &'a str,
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    timestamp: Option<i64>,
}

impl<'a> Common<'a> {
    /// A sample with an end to its name, and a label more.
    fn sample(&self, end: &str, label: Option<(&'a str, f64)>, value: f64) -> Read<Sample<'a>> {
        let mut labels = self.labels.clone();
        let name = match end {
            "" => Cow::Borrowed(self.name),
            end => format!("{}{end}", self.name).into(),
        };
        labels.push((NAME.into(), name));
        if let Some((name, value)) = label {
            labels.push((name.into(), shown(value).into()));
        }
        let labels = Labels::from_list(labels)
            .map_err(|twice| format!("metric {} has the label {twice:?} twice", self.name))?;
        let timestamp = self.timestamp;
        Ok(Sample { labels, value, timestamp, exemplar: None, more: None })
    }
}

/// As the labels `le` and `quantile` have it (`labels.FormatOpenMetricsFloat`).
fn shown(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = value.to_string();
    if text.contains(['.', 'e', 'N']) { text } else { format!("{text}.0") }
}

fn text(field: Field<'_>) -> Read<&str> {
    std::str::from_utf8(field.bytes()).map_err(|_| "a text is not UTF-8".to_owned())
}

/// The fields of a message, each given to `take`.
fn each<'a>(message: &'a [u8], mut take: impl FnMut(u32, Field<'a>) -> Read<()>) -> Read<()> {
    for field in fields(message) {
        let (number, field) = field.map_err(|why| why.to_string())?;
        take(number, field)?;
    }
    Ok(())
}

impl<'a> Reader<'a> {
    fn family(&mut self, message: &'a [u8]) -> Read<()> {
        let (mut name, mut help, mut unit, mut kind) = ("", "", "", 0);
        let mut metrics = Vec::new();
        each(message, |number, field| {
            match number {
                1 => name = text(field)?,
                2 => help = text(field)?,
                3 => kind = field.uint(),
                4 => metrics.push(field.bytes()),
                5 => unit = text(field)?,
                _ => {}
            }
            Ok(())
        })?;
        if name.is_empty() {
            return Err("a family has no name".to_owned());
        }
        let of_type = match kind {
            0 => "counter",
            1 => "gauge",
            2 => "summary",
            4 => "histogram",
            5 => "gaugehistogram",
            _ => "unknown",
        };
        let metadata = Metadata { of_type, help: help.into(), unit };
        self.page.metadata.insert(name.into(), metadata);
        for metric in metrics {
            if self.page.samples.len() > SAMPLES_MAX {
                return Ok(());
            }
            self.metric(name, metric).map_err(|why| format!("family {name}: {why}"))?;
        }
        Ok(())
    }

    fn metric(&mut self, name: &'a str, message: &'a [u8]) -> Read<()> {
        let mut common = Common { name, labels: Vec::new(), timestamp: None };
        let mut value = None;
        each(message, |number, field| {
            match number {
                1 => common.labels.push(label(field.bytes())?),
                2..=5 | 7 => value = Some((number, field.bytes())),
                6 => common.timestamp = Some(field.int()).filter(|it| *it != 0),
                _ => {}
            }
            Ok(())
        })?;
        match value {
            Some((3, it)) => self.counter(&common, it),
            Some((4, it)) => self.summary(&common, it),
            Some((7, it)) => self.histogram(&common, it),
            Some((_, it)) => self.gauge(&common, it),
            None => Ok(()),
        }
    }

    /// A gauge, or what has no type.
    fn gauge(&mut self, common: &Common<'a>, message: &[u8]) -> Read<()> {
        let mut value = 0.0;
        each(message, |number, field| {
            if number == 1 {
                value = field.double();
            }
            Ok(())
        })?;
        self.page.samples.push(common.sample("", None, value)?);
        Ok(())
    }

    fn counter(&mut self, common: &Common<'a>, message: &'a [u8]) -> Read<()> {
        let (mut value, mut its, mut created) = (0.0, None, 0);
        each(message, |number, field| {
            match number {
                1 => value = field.double(),
                2 => its = Some(exemplar(field.bytes())?),
                3 => created = millis(field.bytes())?,
                _ => {}
            }
            Ok(())
        })?;
        let mut sample = common.sample("", None, value)?;
        sample.exemplar = its;
        sample.more = More::created(created);
        self.page.samples.push(sample);
        Ok(())
    }

    fn summary(&mut self, common: &Common<'a>, message: &[u8]) -> Read<()> {
        let (mut count, mut sum, mut created) = (0, 0.0, 0);
        let mut quantiles = Vec::new();
        each(message, |number, field| {
            match number {
                1 => count = field.uint(),
                2 => sum = field.double(),
                3 => quantiles.push(pair(field.bytes())?),
                4 => created = millis(field.bytes())?,
                _ => {}
            }
            Ok(())
        })?;
        self.count_and_sum(common, (float(count), sum), created)?;
        for (quantile, value) in quantiles {
            self.page.samples.push(common.sample("", Some(("quantile", quantile)), value)?);
        }
        Ok(())
    }

    fn count_and_sum(
        &mut self,
        common: &Common<'a>,
        (count, sum): (f64, f64),
        created: i64,
    ) -> Read<()> {
        let mut sample = common.sample("_count", None, count)?;
        sample.more = More::created(created);
        self.page.samples.push(sample);
        self.page.samples.push(common.sample("_sum", None, sum)?);
        Ok(())
    }

    fn histogram(&mut self, common: &Common<'a>, message: &'a [u8]) -> Read<()> {
        let (mut count, mut exact, mut sum, mut created) = (0.0, 0, 0.0, 0);
        let (mut buckets, mut exemplars) = (Vec::new(), Vec::new());
        let mut native = Native::reader();
        each(message, |number, field| {
            match number {
                1 => (exact, count) = (field.uint(), float(field.uint())),
                2 => sum = field.double(),
                3 => buckets.push(bucket(field.bytes())?),
                4 if field.double() > 0.0 => {
                    (exact, count) = (whole(field.double())?, field.double());
                }
                15 => created = millis(field.bytes())?,
                16 => exemplars.push(exemplar(field.bytes())?),
                number => native.field(number, field)?,
            }
            Ok(())
        })?;
        let is_native = self.wanted.native && native.is_native();
        if is_native {
            let native = native.finish(exact, sum)?;
            // Exemplars of classic buckets are the native histogram's where it has none.
            if exemplars.is_empty() {
                exemplars = buckets.iter().filter_map(|it| it.2.clone()).collect();
            }
            let mut sample = common.sample("", None, sum)?;
            let more = More { created_ms: created, native: Some(native), exemplars };
            sample.more = Some(Box::new(more));
            self.page.samples.push(sample);
        }
        if is_native && !self.wanted.classic {
            return Ok(());
        }
        self.count_and_sum(common, (count, sum), created)?;
        let has_last = buckets.iter().any(|it| it.0 == f64::INFINITY);
        for (bound, value, its) in buckets {
            let mut sample = common.sample("_bucket", Some(("le", bound)), value)?;
            sample.exemplar = its;
            self.page.samples.push(sample);
        }
        if !has_last {
            let last = common.sample("_bucket", Some(("le", f64::INFINITY)), count)?;
            self.page.samples.push(last);
        }
        Ok(())
    }
}

fn label(message: &[u8]) -> Read<(Cow<'_, str>, Cow<'_, str>)> {
    let (mut name, mut value) = ("", "");
    each(message, |number, field| {
        match number {
            1 => name = text(field)?,
            2 => value = text(field)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name.into(), value.into()))
}

/// Two `double`: a quantile and its value.
fn pair(message: &[u8]) -> Read<(f64, f64)> {
    let mut pair = (0.0, 0.0);
    each(message, |number, field| {
        match number {
            1 => pair.0 = field.double(),
            2 => pair.1 = field.double(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(pair)
}

/// Bound and cumulative count of a classic bucket.
fn bucket(message: &[u8]) -> Read<(f64, f64, Option<Exemplar<'_>>)> {
    let (mut bound, mut count, mut its) = (0.0, 0.0, None);
    each(message, |number, field| {
        match number {
            1 => count = float(field.uint()),
            2 => bound = field.double(),
            3 => its = Some(exemplar(field.bytes())?),
            4 if field.double() > 0.0 => count = field.double(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((bound, count, its))
}

fn exemplar(message: &[u8]) -> Read<Exemplar<'_>> {
    let (mut labels, mut value, mut time) = (Vec::new(), 0.0, None);
    each(message, |number, field| {
        match number {
            1 => labels.push(label(field.bytes())?),
            2 => value = field.double(),
            3 => time = Some(millis(field.bytes())?),
            _ => {}
        }
        Ok(())
    })?;
    let labels = Labels::from_list(labels)
        .map_err(|twice| format!("an exemplar has the label {twice:?} twice"))?;
    Ok(Exemplar { labels, value, timestamp: time })
}

/// Seconds and nanoseconds of a `Timestamp`.
fn instant(message: &[u8]) -> Read<(i64, i64)> {
    let mut both = (0, 0);
    each(message, |number, field| {
        match number {
            1 => both.0 = field.int(),
            2 => both.1 = field.int(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(both)
}

fn millis(message: &[u8]) -> Read<i64> {
    let (seconds, nanos) = instant(message)?;
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

#[expect(clippy::cast_precision_loss, reason = "values of Prometheus are floating point numbers")]
fn float(count: u64) -> f64 {
    count as f64
}
