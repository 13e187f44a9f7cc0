//! What the signals share: resources and scopes around items.

use super::value::{AttributesRef, text};
use crate::bits::last_32;
use crate::fields::{resource, scope};
use crate::wire::only;

/// The body of the message field `number`.
#[inline]
pub(crate) fn first_message(buf: &[u8], number: u32) -> Option<&[u8]> {
    only(buf, number).map(|field| field.payload.bytes())
}

/// The integer field `number`, 0 if absent.
#[inline]
pub(crate) fn integer(buf: &[u8], number: u32) -> u64 {
    only(buf, number).map_or(0, |field| field.payload.integer())
}

/// The bytes field `number`, empty if absent.
pub(crate) fn bytes(buf: &[u8], number: u32) -> &[u8] {
    only(buf, number).map_or(&[], |field| field.payload.bytes())
}

/// The string field `number`, empty if absent.
pub(crate) fn string(buf: &[u8], number: u32) -> &str {
    text(bytes(buf, number))
}

/// What produced the telemetry.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceRef<'a> {
    buf: &'a [u8],
}

impl<'a> ResourceRef<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf }
    }

    /// Body of the `Resource` message: equal bytes are an equal resource.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, resource::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        last_32(integer(self.buf, resource::DROPPED))
    }
}

/// The library that produced the telemetry.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScopeRef<'a> {
    buf: &'a [u8],
}

impl<'a> ScopeRef<'a> {
    #[inline]
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf }
    }

    /// Body of the `InstrumentationScope` message: equal bytes are an equal scope.
    pub fn encoded(self) -> &'a [u8] {
        self.buf
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        string(self.buf, scope::NAME)
    }

    /// Its version.
    pub fn version(self) -> &'a str {
        string(self.buf, scope::VERSION)
    }

    /// Its attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::new(self.buf, scope::ATTRIBUTES)
    }

    /// Attributes the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        last_32(integer(self.buf, scope::DROPPED))
    }
}

/// The views of one signal down to its items.
macro_rules! group_views {
    ($payload:ident, $resource:ident, $scope:ident, $item:ident, $items:ident, $plural:literal) => {
        #[doc = concat!("The ", $plural, " of one resource.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $resource<'a> {
            buf: &'a [u8],
        }

        impl<'a> $resource<'a> {
            #[inline]
            pub(crate) fn new(buf: &'a [u8]) -> Self {
                Self { buf }
            }

            /// The body of this message as it is on the wire.
            pub fn encoded(self) -> &'a [u8] {
                self.buf
            }

            /// The resource; an empty one if the sender sent none.
            #[inline]
            pub fn resource(self) -> $crate::view::ResourceRef<'a> {
                $crate::view::ResourceRef::new(
                    $crate::view::groups::first_message(self.buf, $crate::fields::group::HEAD)
                        .unwrap_or_default(),
                )
            }

            /// The attributes of the resource.
            #[inline]
            pub fn attributes(self) -> $crate::view::AttributesRef<'a> {
                self.resource().attributes()
            }

            /// Schema of the resource.
            pub fn schema_url(self) -> &'a str {
                $crate::view::groups::string(self.buf, $crate::fields::group::SCHEMA_URL)
            }

            /// The scopes.
            #[inline]
            pub fn scopes(self) -> impl Iterator<Item = $scope<'a>> + Clone {
                $crate::wire::Messages::new(self.buf, $crate::fields::group::CHILDREN)
                    .map($scope::new)
            }

            #[doc = concat!("The ", $plural, " of all scopes.")]
            #[inline]
            pub fn $items(self) -> impl Iterator<Item = $item<'a>> + Clone {
                self.scopes().flat_map(|scope| scope.$items())
            }
        }

        #[doc = concat!("The ", $plural, " of one scope.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $scope<'a> {
            buf: &'a [u8],
        }

        impl<'a> $scope<'a> {
            #[inline]
            pub(crate) fn new(buf: &'a [u8]) -> Self {
                Self { buf }
            }

            /// The body of this message as it is on the wire.
            pub fn encoded(self) -> &'a [u8] {
                self.buf
            }

            /// The scope; an empty one if the sender sent none.
            #[inline]
            pub fn scope(self) -> $crate::view::ScopeRef<'a> {
                $crate::view::ScopeRef::new(
                    $crate::view::groups::first_message(self.buf, $crate::fields::group::HEAD)
                        .unwrap_or_default(),
                )
            }

            #[doc = concat!("Schema of the ", $plural, ".")]
            pub fn schema_url(self) -> &'a str {
                $crate::view::groups::string(self.buf, $crate::fields::group::SCHEMA_URL)
            }

            #[doc = concat!("The ", $plural, ".")]
            #[inline]
            pub fn $items(self) -> impl Iterator<Item = $item<'a>> + Clone {
                $crate::wire::Messages::new(self.buf, $crate::fields::group::CHILDREN)
                    .map($item::new)
            }
        }

        impl $crate::data::$payload {
            #[doc = concat!("The ", $plural, ", resource by resource.")]
            pub fn resources(&self) -> impl Iterator<Item = $resource<'_>> + Clone {
                self.chunks
                    .iter()
                    .flat_map(|chunk| $crate::wire::Messages::new(chunk, $crate::fields::RESOURCES))
                    .map($resource::new)
            }

            #[doc = concat!("All ", $plural, ".")]
            pub fn $items(&self) -> impl Iterator<Item = $item<'_>> + Clone {
                self.resources().flat_map(|resource| resource.$items())
            }
        }
    };
}

pub(super) use group_views;
