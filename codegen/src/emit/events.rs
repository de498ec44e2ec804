//! Emits the enum of session events.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::{alias, doc, ident, ty};
use crate::model::{Model, Ty};

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let variants: Vec<_> = model.events.values().map(|event| ident(&event.variant)).collect();
    let wire: Vec<_> = model.events.values().map(|event| &event.name).collect();
    let items = model.events.values().map(|event| {
        let docs = doc(&event.doc, "", &[format!("Event `{}`.", event.name)]);
        let (variant, data) = (ident(&event.variant), ty(&event.data));
        let alias = alias(&event.name, &variant);
        quote!(#docs #alias #variant(Box<#data>),)
    });
    let mut names: Vec<&str> = model.events.values().map(|event| &event.data).filter_map(Ty::named).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(ident).collect();
    files.insert(
        "session_event.rs".to_owned(),
        quote! {
            #![doc = " The events of a session."]
            use crate::events::{MalformedEvent, UnrecognizedEvent};
            use crate::types::{#(#names),*};
            use crate::wire::{DecodeError, Node, Wire, equal};

            #[doc = " The data of a [`SessionEvent`](crate::SessionEvent), by the event's type."]
            #[derive(Debug, Clone)]
            #[non_exhaustive]
            pub enum SessionEventData {
                #(#items)*
                #[doc = " An event of a type that this version of the crate does not know."]
                Unrecognized(Box<UnrecognizedEvent>),
                #[doc = " An event of a known type whose data does not match the schema."]
                Malformed(Box<MalformedEvent>),
            }

            impl SessionEventData {
                #[doc = " The types of all known events, as on the wire."]
                pub const TYPES: &[&str] = &[#(#wire),*];

                #[doc = " Reads the data of an event; `None` if the type is unknown."]
                #[inline]
                pub(crate) fn read(kind: &str, data: Node<'_>) -> Result<Option<Self>, DecodeError> {
                    let mut content: Self = match kind {
                        #(#wire => Self::#variants(Box::new(Wire::empty())),)*
                        _ => return Ok(None),
                    };
                    let place: &mut dyn Wire = match &mut content {
                        #(Self::#variants(data) => &mut **data,)*
                        _ => return Ok(None),
                    };
                    place.read(data)?;
                    Ok(Some(content))
                }

                #[doc = " The data of an event of a known type."]
                fn known(&self) -> Option<&dyn Wire> {
                    Some(match self {
                        #(Self::#variants(data) => &**data,)*
                        _ => return None,
                    })
                }

                #[doc = " The event's type, as on the wire."]
                #[inline]
                pub fn kind(&self) -> &str {
                    match self {
                        #(Self::#variants(_) => #wire,)*
                        Self::Unrecognized(event) => &event.kind,
                        Self::Malformed(event) => &event.kind,
                    }
                }
            }

            #[doc = " The data of two events of one type are equal if they are written as the same JSON."]
            impl PartialEq for SessionEventData {
                fn eq(&self, other: &Self) -> bool {
                    match (self, other) {
                        (Self::Unrecognized(one), Self::Unrecognized(other)) => one == other,
                        (Self::Malformed(one), Self::Malformed(other)) => one == other,
                        _ if self.kind() != other.kind() => false,
                        _ => self.known().zip(other.known()).is_some_and(|(one, other)| equal(one, other)),
                    }
                }
            }
        },
    );
}
