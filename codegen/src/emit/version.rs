//! Emits the version of the CLI.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

pub fn emit(version: &str, files: &mut BTreeMap<String, TokenStream>) {
    let doc = " The version of the CLI that this crate is made for: its types and calls are those of this version's \
               schemas. [The others](crate::cli_versions) work as well.";
    let tokens = quote! {
        #[doc = #doc]
        pub const CLI_VERSION: &str = #version;
    };
    files.insert("version.rs".to_owned(), tokens);
}
