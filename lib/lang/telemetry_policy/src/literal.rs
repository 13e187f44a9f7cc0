//! Whether a test holds of a value, and which texts must stand in a value for a test to hold.

use pdata::ValueRef;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

use crate::model::{Field, Literal, Matcher, Number, Order, Test, Text, TextTest, fold, number};
use crate::slots::{Extent, Slots, View, has_many};

/// Most texts of which one must stand in a value for a pattern to be found.
const ALTERNATIVES_MAX: usize = 64;
/// Shortest text that is worth looking for, in bytes.
const LITERAL_BYTES_MIN: usize = 2;

/// A condition on the field with a number.
#[derive(Debug, Clone)]
pub(crate) struct Atom {
    pub(crate) field: usize,
    pub(crate) test: Test,
    pub(crate) negate: bool,
}

impl Atom {
    pub(crate) fn new(field: usize, matcher: &Matcher) -> Self {
        Self { field, test: matcher.test.clone(), negate: matcher.negate }
    }

    /// Whether it holds of a record.
    #[inline]
    pub(crate) fn holds<'a>(
        &self,
        fields: &[(Field, Extent)],
        slots: &mut Slots<'a>,
        view: &View<'a>,
    ) -> bool {
        let Some(field) = fields.get(self.field) else { return false };
        let found = if has_many(&field.0) {
            view.any(&field.0, |value| holds_alone(&self.test, value))
        } else {
            self.holds_of(field, slots, view)
        };
        found != self.negate
    }

    #[inline]
    fn holds_of<'a>(
        &self,
        field: &(Field, Extent),
        slots: &mut Slots<'a>,
        view: &View<'a>,
    ) -> bool {
        let Some(value) = slots.value(self.field, field, view) else { return false };
        let fold = match &self.test {
            Test::Equals(Literal::Text(it)) if it.ignore_case => true,
            Test::Text(_, it) => it.ignore_case,
            Test::Regex(..) => false,
            test => return holds_of_value(test, value),
        };
        let Some(text) = slots.text(self.field, field, view, fold) else { return false };
        match &self.test {
            Test::Equals(Literal::Text(it)) => matches!(value, ValueRef::Str(_)) && text == it.text,
            Test::Text(kind, it) => stands(*kind, text, it),
            Test::Regex(_, regex) => regex.is_match(text),
            _ => false,
        }
    }
}

fn stands(kind: TextTest, text: &str, wanted: &Text) -> bool {
    match kind {
        TextTest::StartsWith => text.starts_with(&wanted.text),
        TextTest::EndsWith => text.ends_with(&wanted.text),
        TextTest::Contains => text.contains(&wanted.text),
    }
}

/// Of a value for which nothing is kept.
fn holds_alone(test: &Test, value: ValueRef<'_>) -> bool {
    let hex;
    let text = match value {
        ValueRef::Str(it) => Some(it),
        ValueRef::Bytes(it) => {
            hex = pdata::text::hex(it);
            Some(hex.as_str())
        }
        _ => None,
    };
    match test {
        Test::Equals(Literal::Text(it)) if it.ignore_case => {
            value.as_str().is_some_and(|text| fold(text) == it.text)
        }
        Test::Text(kind, it) if it.ignore_case => {
            text.is_some_and(|text| stands(*kind, &fold(text), it))
        }
        Test::Text(kind, it) => text.is_some_and(|text| stands(*kind, text, it)),
        Test::Regex(_, regex) => text.is_some_and(|text| regex.is_match(text)),
        test => holds_of_value(test, value),
    }
}

fn holds_of_value(test: &Test, value: ValueRef<'_>) -> bool {
    let order = |it: &Number| number(value).and_then(|of| of.compare(*it));
    match test {
        Test::Exists => true,
        Test::Equals(Literal::Text(it)) => value.as_str() == Some(&it.text),
        Test::Equals(Literal::Bool(it)) => value.as_bool() == Some(*it),
        Test::Equals(Literal::Bytes(it)) => value.as_bytes() == Some(it),
        Test::Equals(Literal::Number(it)) => order(it).is_some_and(std::cmp::Ordering::is_eq),
        Test::Compare(wanted, it) => order(it).is_some_and(|order| match wanted {
            Order::Greater => order.is_gt(),
            Order::GreaterOrEqual => order.is_ge(),
            Order::Less => order.is_lt(),
            Order::LessOrEqual => order.is_le(),
        }),
        Test::Text(..) | Test::Regex(..) => false,
    }
}

/// Texts of which one must stand in a value for a test to hold; whether case does not count for them.
pub(crate) fn required(test: &Test) -> Option<(Vec<Vec<u8>>, bool)> {
    match test {
        Test::Text(_, it) if !it.text.is_empty() => {
            Some((vec![it.text.clone().into_bytes()], it.ignore_case))
        }
        Test::Regex(_, regex) => {
            let hir = regex_syntax::parse(regex.as_str()).ok()?;
            let extract = |kind| {
                let seq = Extractor::new().kind(kind).extract(&hir);
                worth(&seq)
            };
            let prefixes = extract(ExtractKind::Prefix);
            let suffixes = extract(ExtractKind::Suffix);
            let best = [prefixes, suffixes].into_iter().flatten().max_by_key(|it| shortest(it))?;
            Some((best, false))
        }
        _ => None,
    }
}

/// The texts of a sequence, if they are few and long enough.
fn worth(seq: &Seq) -> Option<Vec<Vec<u8>>> {
    let literals = seq.literals()?;
    let texts: Vec<Vec<u8>> = literals.iter().map(|it| it.as_bytes().to_vec()).collect();
    let fits =
        (1..=ALTERNATIVES_MAX).contains(&texts.len()) && shortest(&texts) >= LITERAL_BYTES_MIN;
    fits.then_some(texts)
}

fn shortest(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or_default()
}
