//! Emits the trait implementations of the events that are requests.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::ty_from;
use crate::event_requests::ID;
use crate::model::{EventRequest, Model, Ty};

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let types = quote!(types::);
    let requests = model.event_requests.iter().map(|request| {
        let EventRequest { name, data, answered_by, response, .. } = request;
        let (key, response) = match response {
            Some((key, response)) => (quote!(Some(#key)), response),
            None => (quote!(None), &Ty::Unit),
        };
        let (data, response) = (ty_from(data, &types), ty_from(response, &types));
        quote! {
            impl EventRequest for #data {
                const KIND: &'static str = #name;
                const METHOD: &'static str = #answered_by;
                const KEY: Option<&'static str> = #key;
                type Response = #response;
            }
        }
    });
    let kinds = model.event_requests.iter().map(|request| &request.name);
    let completions = model.event_requests.iter().map(|request| {
        let EventRequest { name, completed_by, .. } = request;
        quote!(#completed_by => #name,)
    });
    files.insert(
        "event_requests.rs".to_owned(),
        quote! {
            #![doc = " The requests that come as events."]
            use crate::handlers::event_request::EventRequest;
            use crate::types;

            #[doc = " The key of the request's id in the event, in the event that completes it, and in the answer."]
            pub const ID: &str = #ID;

            #[doc = " The types of the events that are requests."]
            pub const KINDS: &[&str] = &[#(#kinds),*];

            #[doc = " Returns true if an event of this type is a request."]
            pub fn is_request(kind: &str) -> bool { KINDS.contains(&kind) }

            #[doc = " The type of the request that an event of this type completes."]
            pub fn completed_by(kind: &str) -> Option<&'static str> {
                Some(match kind {
                    #(#completions)*
                    _ => return None,
                })
            }
            #(#requests)*
        },
    );
}
