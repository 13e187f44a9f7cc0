//! The metrics of a scraper as a table: what `metadata.yaml` is upstream.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A current value.
    Gauge,
    /// A cumulative sum.
    Sum {
        /// It only rises.
        monotonic: bool,
    },
}

/// Of which kind its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// Whole numbers.
    Int,
    /// Floating point numbers.
    Double,
}

/// One metric of a table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As it is sent, and as it is named below `metrics:`.
    pub name: &'static str,
    /// In UCUM.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Of which kind its values are.
    pub number: NumberKind,
    /// What tells its points apart.
    pub attributes: &'static [&'static str],
    /// Those of them that points have only if the section says so.
    pub opt_in: &'static [&'static str],
    /// Whether it is on unless the section says otherwise.
    pub enabled: bool,
}

impl Metric {
    /// A current value.
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        number: NumberKind,
    ) -> Self {
        let (kind, none) = (Kind::Gauge, &[]);
        Self {
            name,
            unit,
            description,
            kind,
            number,
            attributes: none,
            opt_in: none,
            enabled: true,
        }
    }

    /// A sum that only rises.
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        number: NumberKind,
    ) -> Self {
        let kind = Kind::Sum { monotonic: true };
        Self { kind, ..Self::gauge(name, unit, description, number) }
    }

    /// A sum that rises and falls.
    pub const fn up_down(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        number: NumberKind,
    ) -> Self {
        let kind = Kind::Sum { monotonic: false };
        Self { kind, ..Self::gauge(name, unit, description, number) }
    }

    /// With attributes, in the order in which points give their values.
    #[must_use]
    pub const fn by(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    /// Points do not have these of its attributes unless the section says otherwise.
    #[must_use]
    pub const fn opt_in(self, opt_in: &'static [&'static str]) -> Self {
        Self { opt_in, ..self }
    }

    /// Off unless the section says otherwise.
    #[must_use]
    pub const fn off(self) -> Self {
        Self { enabled: false, ..self }
    }
}

/// One resource attribute of a table.
#[derive(Debug, Clone, Copy)]
pub struct ResourceAttribute {
    /// As it is sent, and as it is named below `resource_attributes:`.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Whether it is on unless the section says otherwise.
    pub enabled: bool,
}

/// A table of metrics. [`catalog!`](crate::catalog) makes one; its values are the metrics.
pub trait Catalog: Copy + Send + Sync + 'static {
    /// The name of the scope.
    const SCOPE: &'static str;
    /// The schema of the resource; empty for none.
    const SCHEMA_URL: &'static str;
    /// The metrics as values of the table.
    const ALL: &'static [Self];
    /// The metrics in the order in which they are sent: as in upstream, by name.
    const METRICS: &'static [Metric];
    /// The attributes of the resource.
    const RESOURCE: &'static [ResourceAttribute];

    /// Where the metric stands in the table.
    fn index(self) -> usize;
}

/// Declares a table: an enum with a variant for each metric, so that a point cannot name one of another table.
#[macro_export]
macro_rules! catalog {
    (
        $(#[$about:meta])*
        $vis:vis enum $name:ident: $scope:expr, $schema:expr;
        $(resource { $($attribute:literal: $text:literal, $on:literal;)* })?
        metrics { $($metric:ident = $row:expr;)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $(
                #[doc = concat!("`", stringify!($metric), "` of the table.")]
                $metric,
            )*
        }

        impl $crate::Catalog for $name {
            const SCOPE: &'static str = $scope;
            const SCHEMA_URL: &'static str = $schema;
            const ALL: &'static [Self] = &[$(Self::$metric),*];
            const METRICS: &'static [$crate::Metric] = {
                use $crate::rows::*;
                &[$($row),*]
            };
            const RESOURCE: &'static [$crate::ResourceAttribute] = &[$($(
                $crate::ResourceAttribute { name: $attribute, description: $text, enabled: $on },
            )*)?];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
