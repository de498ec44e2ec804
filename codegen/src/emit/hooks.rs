//! Emits the hook types and the trait implementations of their inputs and outputs.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::ty_from;
use crate::model::{Hook, Model, Ty};

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let types = quote!(types::);
    let hooks = model.hooks.iter().map(|Hook { name, input, output }| {
        let (input, output) = (ty_from(input, &types), ty_from(output, &types));
        quote! {
            impl Hook for #input {
                const TYPE: &'static str = #name;
                type Output = #output;
            }
        }
    });
    let mut outputs: Vec<&Ty> = Vec::new();
    for output in model.hooks.iter().map(|hook| model.resolve(&hook.output)) {
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    let outputs = outputs.into_iter().map(|output| ty_from(output, &types));
    files.insert(
        "hooks.rs".to_owned(),
        quote! {
            #![doc = " The types of hooks."]
            use crate::handlers::hooks::{Hook, HookOutput};
            use crate::types;

            #(#hooks)*
            #(impl HookOutput for #outputs {})*
        },
    );
}
