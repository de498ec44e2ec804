//! Emits a table of all types, with which a test decodes and encodes each of them.

use proc_macro2::TokenStream;
use quote::quote;

use super::ty_from;
use crate::model::{Model, Origin, Ty};

pub fn table(model: &Model) -> TokenStream {
    let types = quote!(types::);
    let entries = entries(model).into_iter().map(|(place, ty)| {
        let ty = ty_from(&ty, &types);
        quote!((#place, again::<#ty>),)
    });
    quote! {
        #![doc = " Every type, by its place in the schema, for a test to decode and encode."]
        use copilot_session::types;
        use copilot_session::wire::{self, DecodeError, Wire};

        #[doc = " Decodes JSON as the type of a place, and returns the value as JSON again, or its `Debug` output."]
        pub type Again = fn(&str, bool) -> Result<String, DecodeError>;

        #[doc = " The places with their functions."]
        pub const TABLE: &[(&str, Again)] = &[#(#entries)*];

        fn again<T: Wire + std::fmt::Debug>(json: &str, debug: bool) -> Result<String, DecodeError> {
            let value = wire::from_json::<T>(json)?;
            Ok(if debug { format!("{value:?}") } else { wire::to_json(&value) })
        }
    }
}

/// The definitions, and the types of methods and events. All other types are parts of these.
fn entries(model: &Model) -> Vec<(String, Ty)> {
    let definitions = model.types.iter().filter(|(_, ty)| ty.origin != Origin::Inline);
    let definitions = definitions.map(|(name, ty)| (ty.place.clone(), Ty::Named(name.clone())));
    let methods = model.methods.values().flat_map(|method| {
        let name = &method.name;
        [
            (format!("{name}: params"), method.params.clone()),
            (format!("{name}: result"), method.result.clone()),
        ]
    });
    let events = model.events.values().map(|event| (format!("{}: data", event.name), event.data.clone()));
    let inline = |ty: &Ty| {
        let ty = ty.named().and_then(|name| model.types.get(name));
        ty.is_some_and(|ty| ty.origin == Origin::Inline)
    };
    definitions.chain(methods.chain(events).filter(|(_, ty)| inline(ty))).collect()
}
