//! Emits the calls of a client: one handle per namespace, one function per method.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::{alias, doc, full_module, ident, ty};
use crate::features::{is_everyday, path};
use crate::model::{Method, Model, Ty};
use crate::names::{function_name, snake, type_name};
use crate::read::Group;
use crate::untimed;

/// The names that each file imports.
pub const IMPORTS: &[&str] = &["Call", "Caller"];

/// The meaning of the words that methods and types have in their docs.
const STABILITY: &str = "
*Experimental* in the docs of a method or a type means that it may change in any version of the CLI, *internal* that it
may also go without notice. The others are stable.";

/// A namespace: its methods and nested namespaces.
#[derive(Default)]
struct Namespace<'m> {
    methods: BTreeMap<String, &'m Method>,
    inner: BTreeMap<String, Namespace<'m>>,
}

/// All namespaces of a group.
pub struct Namespaces<'m> {
    group: Group,
    tree: Namespace<'m>,
}

impl<'m> Namespaces<'m> {
    pub fn of(model: &'m Model, group: Group) -> Self {
        let mut tree = Namespace::default();
        for method in model.methods.values().filter(|method| method.group == group) {
            tree.insert(&path(method), method);
        }
        Self { group, tree }
    }

    /// The Rust path of each handle, by keys that start with `namespace`, and of each function, with `call`.
    pub fn paths(&self) -> Vec<(String, String)> {
        let (module, root) = module_and_root(self.group);
        let mut paths = Vec::new();
        self.tree.paths(&[], &format!("{module}::{root}"), self.group, &mut paths);
        paths
    }
}

/// The module of a group and its root handle.
fn module_and_root(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Session => ("session_rpc", "SessionRpc"),
        _ => ("server_rpc", "ServerRpc"),
    }
}

pub fn emit(model: &Model, group: Group, files: &mut BTreeMap<String, TokenStream>) {
    let about = match group {
        Group::Session => " Every method the CLI has for one session.",
        _ => " Every method the CLI has beside those for one session.",
    };
    let (module, root) = module_and_root(group);
    let tree = Namespaces::of(model, group).tree;
    let (every, full): (Vec<&String>, Vec<&String>) =
        tree.inner.keys().partition(|name| is_everyday(group, name));
    for (folder, names) in [(module.to_owned(), &every), (format!("{module}/full"), &full)] {
        for name in names {
            let namespace = &tree.inner[*name];
            let mut items = TokenStream::new();
            namespace.items(std::slice::from_ref(*name), &prefix(group), &mut items);
            let docs = format!(" `{}{name}` methods.", prefix(group));
            let imports = imports(namespace.uses());
            files.insert(
                format!("{folder}/{}.rs", snake(name)),
                quote!(#![doc = #docs] use crate::call::{Call, Caller}; #imports #items),
            );
        }
    }
    let stability =
        STABILITY.lines().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    let stability: Vec<String> = stability.collect();
    let modules = |names: &[&String]| {
        let modules = names.iter().map(|name| ident(&snake(name)));
        quote!(#(pub mod #modules;)*)
    };
    let root_name = ident(root);
    let own = tree.methods.values().flat_map(|method| [&method.params, &method.result]).collect();
    let (imports, calls, every_module) = (imports(own), tree.calls(), modules(&every));
    let handles = every.iter().map(|name| handle_function(&[], name, None));
    let full_module = (!full.is_empty()).then(full_module);
    let docs = (!full.is_empty()).then(|| {
        let names: Vec<String> = full.iter().map(|name| format!("`{}`", function_name(name))).collect();
        let docs = format!(" With the feature `full` it also has {}.", names.join(", "));
        quote!(#[doc = ""] #[doc = #docs])
    });
    files.insert(
        format!("{module}.rs"),
        quote! {
            #![doc = #about]
            #(#![doc = #stability])*
            #every_module
            #full_module
            use crate::call::{Call, Caller};
            #imports
            #[doc = #about]
            #(#[doc = #stability])*
            #docs
            #[derive(Debug, Clone, Copy)]
            pub struct #root_name<'a>(pub(crate) &'a Caller);
            impl<'a> #root_name<'a> { #(#handles)* #calls }
        },
    );
    if !full.is_empty() {
        let modules = modules(&full);
        let handles = full.iter().map(|name| handle_function(&[], name, Some(" Needs the feature `full`.")));
        let about = " The namespaces that need the feature `full`.";
        files.insert(
            format!("{module}/full.rs"),
            quote! {
                #![doc = #about]
                #modules
                use super::#root_name;
                impl<'a> #root_name<'a> { #(#handles)* }
            },
        );
    }
}

/// The prefix of a group's namespaces on the wire.
fn prefix(group: Group) -> String {
    if group == Group::Session { "session.".to_owned() } else { String::new() }
}

fn imports(uses: Vec<&Ty>) -> Option<TokenStream> {
    let mut names: Vec<&str> = uses.into_iter().filter_map(Ty::named).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(ident).collect();
    (!names.is_empty()).then(|| quote!(use crate::types::{#(#names),*};))
}

impl<'m> Namespace<'m> {
    fn insert(&mut self, path: &[&str], method: &'m Method) {
        match path {
            [first, rest @ ..] if !rest.is_empty() => {
                self.inner.entry((*first).to_owned()).or_default().insert(rest, method);
            }
            [name] => {
                self.methods.insert((*name).to_owned(), method);
            }
            _ => {}
        }
    }

    fn uses(&self) -> Vec<&'m Ty> {
        let own = self.methods.values().flat_map(|method| [&method.params, &method.result]);
        own.chain(self.inner.values().flat_map(Namespace::uses)).collect()
    }

    /// Adds the Rust paths of a handle's functions and of the handles nested in it.
    fn paths(&self, wire: &[String], handle: &str, group: Group, paths: &mut Vec<(String, String)>) {
        for (name, method) in &self.methods {
            paths.push((format!("call {}", method.name), format!("{handle}::{}", function_name(name))));
        }
        for (name, namespace) in &self.inner {
            let inner = [wire, std::slice::from_ref(name)].concat();
            let (module, _) = module_and_root(group);
            let handle = format!("{module}::{}::{}", snake(&inner[0]), self::handle(&inner));
            paths.push((format!("namespace {}{}", prefix(group), inner.join(".")), handle.clone()));
            namespace.paths(&inner, &handle, group, paths);
        }
    }

    /// Adds the handle of this namespace and of those nested in it.
    fn items(&self, path: &[String], prefix: &str, items: &mut TokenStream) {
        let name = handle(path);
        let body = self.body(path);
        let docs = format!(" `{prefix}{}` methods.", path.join("."));
        items.extend(quote! {
            #[doc = #docs]
            #[derive(Debug, Clone, Copy)]
            pub struct #name<'a>(pub(crate) &'a Caller);
            impl<'a> #name<'a> { #body }
        });
        for (name, namespace) in &self.inner {
            namespace.items(&[path, std::slice::from_ref(name)].concat(), prefix, items);
        }
    }

    fn body(&self, path: &[String]) -> TokenStream {
        let handles = self.inner.keys().map(|name| handle_function(path, name, None));
        let calls = self.calls();
        quote!(#(#handles)* #calls)
    }

    fn calls(&self) -> TokenStream {
        self.methods.iter().map(|(name, method)| call(name, method)).collect()
    }
}

/// The function that returns a handle.
fn handle_function(path: &[String], name: &String, needs: Option<&str>) -> TokenStream {
    let inner = handle(&[path, std::slice::from_ref(name)].concat());
    let (function, docs) = (ident(&function_name(name)), format!(" `{name}` methods."));
    let module = path.is_empty().then(|| {
        let module = ident(&snake(name));
        quote!(#module::)
    });
    let needs = needs.map(|needs| quote!(#[doc = ""] #[doc = #needs]));
    quote! {
        #[doc = #docs]
        #needs
        #[inline]
        pub fn #function(self) -> #module #inner<'a> { #module #inner(self.0) }
    }
}

fn handle(path: &[String]) -> proc_macro2::Ident {
    ident(&type_name(&path.join("_")))
}

fn call(name: &str, method: &Method) -> TokenStream {
    let wire = &method.name;
    let missing_in_older = method.missing_in_older.as_ref();
    let missing_in_older =
        missing_in_older.map(|version| format!("`None` is the answer of CLI {version} and older ones."));
    let waits = untimed::WAITING.contains(&wire.as_str());
    let untimed = match untimed::reason(wire) {
        Some(reason) => Some(format!("Without a timeout unless one is set: it responds once {reason}.")),
        None => waits.then(|| "Without a timeout unless one is set, if `wait` is true.".to_owned()),
    };
    let more = [format!("Wire method `{wire}`.")].into_iter().chain(untimed.clone()).chain(missing_in_older);
    let docs = doc(&method.doc, "", &more.collect::<Vec<String>>());
    let (function, result) = (ident(&function_name(name)), ty(&method.result));
    let alias = alias(wire, &function);
    let (declared, params) = match &method.params {
        Ty::Unit => (quote!(), quote!(&())),
        params => {
            let params = ty(params);
            (quote!(, params: &#params), quote!(params))
        }
    };
    let call = ident(if method.accepts_login { "call_with_login" } else { "call" });
    let call = quote!(self.0.#call(#wire, #params));
    let body = match untimed {
        None => call,
        Some(_) if waits => quote! {
            let call = #call;
            if params.wait == Some(true) { call.timeout(None) } else { call }
        },
        Some(_) => quote!(#call.timeout(None)),
    };
    quote!(#docs #alias #[inline] pub fn #function(self #declared) -> Call<#result> { #body })
}
