//! `#[derive(Described)]`: what `serde` does not tell of a configuration's struct, its doc comments.
//!
//! For each field it gives the key as serde names it, the doc comment, and how to describe what is inside. serde
//! still reads and writes the values; this only accompanies it, so it looks at the two attributes of serde
//! that change keys (`rename` and `flatten`) and refuses what it does not know. A newtype is described as what it
//! holds, an enum as anything.
//!
//! `#[config(omit_empty)]` on a field is Go's `omitempty`: a printed configuration does not have the key while its
//! value is Go's zero value. `#[config(omit_default)]` is for a key that upstream has not, or not in the release that is
//! compared with: it is not shown as Go's JSON while it is what it is by default. `#[config(go = "int64")]` on a field is
//! the type that Go's texts name where the type of Rust does not say it. `#[config(go = "package.Type")]` on a struct is what Go's texts call it, and
//! `unmarshals` says that it has an `Unmarshal` of its own. `#[config(parts = "scraper")]` is for a struct each of whose
//! keys names something that is read on its own.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Expr, ExprLit, Field, Fields, Lit, LitStr, Meta};

/// Implements `config::Described`.
#[proc_macro_derive(Described, attributes(config))]
pub fn described(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    implement(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn implement(input: &DeriveInput) -> syn::Result<Tokens> {
    let inside = match &input.data {
        Data::Enum(_) => quote! { ::config::Inside::Any },
        Data::Union(_) => return Err(syn::Error::new_spanned(input, "a union has no keys")),
        Data::Struct(data) => match &data.fields {
            Fields::Unit => quote! { ::config::Inside::Plain },
            Fields::Unnamed(fields) => {
                let kinds = fields.unnamed.iter().map(|it| &it.ty);
                quote! { #(<#kinds as ::config::Described>::inside())* }
            }
            Fields::Named(fields) => {
                let keys = fields.named.iter().map(key).collect::<syn::Result<Vec<_>>>()?;
                let (upstream, unmarshals, parts) = upstream(&input.attrs)?;
                quote! {
                    ::config::Inside::Keys(
                        ::std::vec![#(#keys),*],
                        ::config::Upstream {
                            name: #upstream,
                            unmarshals: #unmarshals,
                            parts: #parts,
                        },
                    )
                }
            }
        },
    };
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::config::Described for #name #arguments #bounds {
            fn inside() -> ::config::Inside {
                #inside
            }
        }
    })
}

/// `#[config(go = "batchprocessor.Config", unmarshals)]` or `#[config(parts = "scraper")]` on a struct.
fn upstream(attributes: &[Attribute]) -> syn::Result<(String, bool, String)> {
    let (mut name, mut unmarshals, mut parts) = (String::new(), false, String::new());
    for attribute in attributes.iter().filter(|it| it.path().is_ident("config")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("go") {
                name = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("unmarshals") {
                unmarshals = true;
            } else if meta.path.is_ident("parts") {
                parts = meta.value()?.parse::<LitStr>()?.value();
            } else {
                return Err(meta.error("`Described` does not know this"));
            }
            Ok(())
        })?;
    }
    Ok((name, unmarshals, parts))
}

fn key(field: &Field) -> syn::Result<Tokens> {
    let mut name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut is_flat = false;
    let (mut omit_empty, mut omit_default, mut go) = (false, false, String::new());
    for attribute in field.attrs.iter().filter(|it| it.path().is_ident("config")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("omit_empty") {
                omit_empty = true;
            } else if meta.path.is_ident("omit_default") {
                omit_default = true;
            } else if meta.path.is_ident("go") {
                go = meta.value()?.parse::<LitStr>()?.value();
            } else {
                return Err(meta.error("`Described` does not know this"));
            }
            Ok(())
        })?;
    }
    for attribute in field.attrs.iter().filter(|it| it.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("flatten") {
                is_flat = true;
            } else if meta.path.is_ident("rename") {
                name = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("default") {
                // Changes no key.
            } else {
                return Err(meta.error("`Described` does not know what this does to the key"));
            }
            Ok(())
        })?;
    }
    let text = doc_comment(&field.attrs);
    let kind = &field.ty;
    Ok(quote! {
        ::config::Key {
            name: #name,
            text: #text,
            is_flat: #is_flat,
            omit_empty: #omit_empty,
            omit_default: #omit_default,
            go: #go,
            inside: <#kind as ::config::Described>::inside,
        }
    })
}

/// The lines of a doc comment as one text.
fn doc_comment(attributes: &[Attribute]) -> String {
    let line = |it: &Attribute| match &it.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ")
}
