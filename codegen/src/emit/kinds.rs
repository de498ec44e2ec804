//! Emits the event types as constants, so that code which names an event that is gone does not compile.
//!
//! They are texts: to search the number of each event costs more than all comparisons with constants, which the
//! compiler makes by length and by words.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::ident;
use crate::model::{Event, Model};
use crate::names::constant_name;

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let kinds = model.events.values().map(|event| {
        let (name, wire) = (ident(&constant(event)), &event.name);
        quote!(pub const #name: &str = #wire;)
    });
    files.insert("kind.rs".to_owned(), quote!(#![doc = " The types of events, as on the wire."] #(#kinds)*));
}

/// The name of an event's constant.
pub fn constant(event: &Event) -> String {
    constant_name(&event.name)
}
