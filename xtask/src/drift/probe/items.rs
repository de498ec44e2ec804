//! The items of generated source, each with a function that uses it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Fields, FnArg, ImplItem, Item, Token, Type};

/// The kind of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Type,
    Field,
    New,
    Setter,
    Variant,
    /// A call of a method, by its name on the wire.
    Call,
    /// A method that the CLI calls on its client.
    Marker,
    Event,
}

/// An item, and source that uses it.
#[derive(Debug)]
pub struct Use {
    pub kind: Kind,
    /// The type it is a part of; the wire's name of a method.
    pub owner: String,
    /// Its name in that type.
    pub name: String,
    /// The generated types in the source.
    pub names: Vec<String>,
    pub source: String,
}

/// The uses of all items in generated files.
pub fn all(files: &BTreeMap<String, String>) -> Result<Vec<Use>> {
    let mut uses = Vec::new();
    for (path, text) in files {
        let file = syn::parse_file(text).with_context(|| format!("cannot parse {path}"))?;
        // What the feature `full` adds is exported as if it stood beside the rest.
        let module = path.trim_end_matches(".rs").replace("/full", "").replace('/', "::");
        for item in &file.items {
            if path.starts_with("types/") {
                of_types(item, &mut uses);
            } else if path.starts_with("session_rpc") || path.starts_with("server_rpc") {
                of_calls(item, &module, &mut uses);
            } else if path.starts_with("methods/") {
                of_markers(item, &module, &mut uses);
            } else if path == "session_event.rs" {
                of_events(item, &mut uses);
            }
        }
    }
    Ok(uses)
}

/// The generated types in a type.
fn named(types: &[&Type]) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visit<'_> for Names {
        fn visit_path_segment(&mut self, segment: &syn::PathSegment) {
            const OTHERS: &[&str] =
                &["String", "Option", "Vec", "Into", "BTreeMap", "Value", "Box", "SessionEvent", "Self"];
            let name = segment.ident.to_string();
            if name.starts_with(char::is_uppercase) && !OTHERS.contains(&name.as_str()) {
                self.0.push(name);
            }
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut names = Names(Vec::new());
    types.iter().for_each(|ty| names.visit_type(ty));
    names.0
}

/// A type as written outside of the generated modules, where imported names need their path.
fn outside(ty: &Type) -> String {
    let mut ty = ty.clone();
    struct Paths;
    impl syn::visit_mut::VisitMut for Paths {
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            syn::visit_mut::visit_path_mut(self, path);
            let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
            let own = path.segments.len() == 1
                && first.starts_with(char::is_uppercase)
                && !["String", "Option", "Vec", "Into", "Box", "Self"].contains(&first.as_str());
            if own && first == "SessionEvent" {
                path.segments.insert(0, syn::parse_quote!(events));
                path.segments.insert(0, syn::parse_quote!(crate));
            } else if own {
                path.segments.insert(0, syn::parse_quote!(types));
                path.segments.insert(0, syn::parse_quote!(crate));
            } else if first == "types" {
                path.segments.insert(0, syn::parse_quote!(crate));
            }
        }
    }
    syn::visit_mut::VisitMut::visit_type_mut(&mut Paths, &mut ty);
    ty.to_token_stream().to_string()
}

/// Returns true if other crates cannot list all fields of a struct.
fn is_open(item: &syn::ItemStruct) -> bool {
    item.attrs.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

fn of_types(item: &Item, uses: &mut Vec<Use>) {
    let mut add = |kind: Kind, owner: &str, name: &str, types: &[&Type], source: String| {
        let mut names = named(types);
        names.push(owner.to_owned());
        uses.push(Use { kind, owner: owner.to_owned(), name: name.to_owned(), names, source });
    };
    match item {
        Item::Struct(item) => {
            let owner = item.ident.to_string();
            let Fields::Named(fields) = &item.fields else { return };
            // The fields by which `new` of another type takes its values.
            if let (false, Some(of)) = (is_open(item), owner.strip_suffix("Fields")) {
                let types: Vec<&Type> = fields.named.iter().map(|field| &field.ty).collect();
                let parameters = types.iter().enumerate();
                let parameters = parameters.map(|(index, ty)| format!("a{index}: {}", outside(ty)));
                let values = fields.named.iter().enumerate().map(|(index, field)| {
                    format!("{}: a{index}", field.ident.as_ref().map(ToString::to_string).unwrap_or_default())
                });
                let (parameters, values): (Vec<_>, Vec<_>) = (parameters.collect(), values.collect());
                let source = format!(
                    "{}) {{ let _ = crate::types::{of}::new(crate::types::{owner} {{ {} }});",
                    parameters.join(", "),
                    values.join(", ")
                );
                add(Kind::New, of, "new", &types, source);
                return;
            }
            add(Kind::Type, &owner, "", &[], format!("_: &crate::types::{owner}) {{"));
            for field in &fields.named {
                let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                let ty = outside(&field.ty);
                let source = format!("x: &crate::types::{owner}) {{ let _: &{ty} = &x.{name};");
                add(Kind::Field, &owner, &name, &[&field.ty], source);
            }
        }
        Item::Enum(item) => {
            let owner = item.ident.to_string();
            add(Kind::Type, &owner, "", &[], format!("_: &crate::types::{owner}) {{"));
            for variant in item.variants.iter().filter(|variant| variant.ident != "Unrecognized") {
                let name = variant.ident.to_string();
                let path = format!("crate::types::{owner}::{name}");
                match variant.fields.iter().next() {
                    Some(field) => {
                        let ty = outside(&field.ty);
                        let source = format!("x: {ty}) {{ let _ = {path}(x);");
                        add(Kind::Variant, &owner, &name, &[&field.ty], source);
                    }
                    None => add(Kind::Variant, &owner, &name, &[], format!(") {{ let _ = {path};")),
                }
            }
        }
        Item::Type(item) => {
            let owner = item.ident.to_string();
            let ty = outside(&item.ty);
            let source = format!("x: &crate::types::{owner}) {{ let _: &{ty} = x;");
            add(Kind::Type, &owner, "", &[&item.ty], source);
        }
        Item::Impl(item) if item.trait_.is_none() => {
            let owner = item.self_ty.to_token_stream().to_string();
            for function in item.items.iter().filter_map(|item| match item {
                ImplItem::Fn(function) => Some(function),
                _ => None,
            }) {
                let name = function.sig.ident.to_string();
                let arguments = function.sig.inputs.iter().filter_map(|argument| match argument {
                    FnArg::Typed(argument) => Some(&*argument.ty),
                    FnArg::Receiver(_) => None,
                });
                let types: Vec<&Type> = arguments.collect();
                let params: Vec<String> =
                    types.iter().enumerate().map(|(index, ty)| given(index, ty)).collect();
                let values: Vec<String> = (0..types.len()).map(|index| format!("a{index}")).collect();
                let (params, values) = (params.join(", "), values.join(", "));
                let is_new = function.sig.receiver().is_none();
                // That is a use of the type with the fields.
                if is_new
                    && matches!(&*types, [one] if one.to_token_stream().to_string() == format!("{owner}Fields"))
                {
                    continue;
                }
                let source = if is_new {
                    format!("{params}) {{ let _ = crate::types::{owner}::{name}({values});")
                } else {
                    format!("x: crate::types::{owner}, {params}) {{ let _ = x.{name}({values});")
                };
                add(if is_new { Kind::New } else { Kind::Setter }, &owner, &name, &types, source);
            }
        }
        Item::Macro(item) if item.mac.path.is_ident("builder") => {
            // The text is generated, so that it has this form.
            let Ok(builder) = item.mac.parse_body::<Builder>() else { return };
            let owner = builder.owner.to_string();
            if let Some(new) = builder.new {
                let types: Vec<&Type> = new.iter().map(|parameter| &parameter.ty).collect();
                let params: Vec<String> =
                    types.iter().enumerate().map(|(index, ty)| given(index, ty)).collect();
                let values: Vec<String> = (0..types.len()).map(|index| format!("a{index}")).collect();
                let (params, values) = (params.join(", "), values.join(", "));
                let source = format!("{params}) {{ let _ = crate::types::{owner}::new({values});");
                add(Kind::New, &owner, "new", &types, source);
            }
            for Parameter { name, ty } in &builder.setters {
                let name = name.to_string();
                let source = format!("x: crate::types::{owner}, {}) {{ let _ = x.{name}(a0);", given(0, ty));
                add(Kind::Setter, &owner, &name, &[ty], source);
            }
        }
        _ => {}
    }
}

/// The parameter of a use for an argument. A `String` is passed for `impl Into<String>`.
fn given(index: usize, ty: &Type) -> String {
    match ty {
        Type::ImplTrait(_) => format!("a{index}: String"),
        ty => format!("a{index}: {}", outside(ty)),
    }
}

/// The table of a type's `new` and setters.
struct Builder {
    owner: syn::Ident,
    new: Option<Punctuated<Parameter, Token![,]>>,
    setters: Punctuated<Parameter, Token![,]>,
}

struct Parameter {
    name: syn::Ident,
    ty: Type,
}

impl Parse for Builder {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let owner = input.parse()?;
        let (new, setters);
        let new = match input.peek(syn::token::Brace) {
            true => None,
            false => {
                input.parse::<syn::Ident>()?;
                syn::parenthesized!(new in input);
                Some(Punctuated::parse_terminated(&new)?)
            }
        };
        syn::braced!(setters in input);
        let setters = Punctuated::parse_terminated(&setters)?;
        // The field of the open keys.
        input.parse::<Option<syn::Ident>>()?;
        Ok(Self { owner, new, setters })
    }
}

impl Parse for Parameter {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { name, ty: input.parse()? })
    }
}

/// Adds the functions of namespace handles, whose docs name the method that they call.
fn of_calls(item: &Item, module: &str, uses: &mut Vec<Use>) {
    let Item::Impl(item) = item else { return };
    let handle = item.self_ty.to_token_stream().to_string().replace("'a", "'_");
    for function in item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    }) {
        let docs = function.attrs.iter().map(|attribute| attribute.to_token_stream().to_string());
        let wire = docs
            .filter_map(|doc| Some(doc.split_once("Wire method `")?.1.split('`').next()?.to_owned()))
            .next();
        let Some(wire) = wire else { continue };
        let params = function.sig.inputs.iter().find_map(|argument| match argument {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        });
        let syn::ReturnType::Type(_, result) = &function.sig.output else { continue };
        let result_text = outside(result).replace("crate :: types :: Call", "crate :: call :: Call");
        let name = function.sig.ident.to_string();
        let (given, value) = match params {
            Some(params) => (format!(", p: {}", outside(params)), "p"),
            None => (String::new(), ""),
        };
        let source =
            format!("h: crate::{module}::{handle}{given}) {{ let _: {result_text} = h.{name}({value});");
        let mut names = named(&params.into_iter().chain([&**result]).collect::<Vec<_>>());
        names.retain(|name| name != "Call");
        uses.push(Use { kind: Kind::Call, owner: wire, name: String::new(), names, source });
    }
}

/// Adds the methods that the CLI calls on its client, and its notifications.
fn of_markers(item: &Item, module: &str, uses: &mut Vec<Use>) {
    let Item::Macro(item) = item else { return };
    // The text is generated, so that it has this form.
    let Ok(Markers { of, markers }) = item.mac.parse_body::<Markers>() else { return };
    for Marker { name, wire, params, result } in markers {
        let types: Vec<&Type> = [&params].into_iter().chain(&result).collect();
        let result = result.iter().map(|ty| format!(", Result = {}", outside(ty)));
        let bounds = format!("Params = {}{}", outside(&params), result.collect::<String>());
        let source = format!(") where crate::{module}::{name}: crate::rpc::{of}<{bounds}> {{");
        let (owner, name) = (wire.value(), name.to_string());
        uses.push(Use { kind: Kind::Marker, owner, name, names: named(&types), source });
    }
}

/// The table of the markers of methods, and the trait that they implement.
struct Markers {
    of: syn::Ident,
    markers: Punctuated<Marker, Token![,]>,
}

struct Marker {
    name: syn::Ident,
    wire: syn::LitStr,
    params: Type,
    result: Option<Type>,
}

impl Parse for Markers {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let of = input.parse()?;
        let markers;
        syn::braced!(markers in input);
        Ok(Self { of, markers: Punctuated::parse_terminated(&markers)? })
    }
}

impl Parse for Marker {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (name, wire) = (input.parse()?, input.parse()?);
        let params;
        syn::parenthesized!(params in input);
        let params = params.parse()?;
        let arrow: Option<Token![->]> = input.parse()?;
        let result = arrow.map(|_| input.parse()).transpose()?;
        Ok(Self { name, wire, params, result })
    }
}

fn of_events(item: &Item, uses: &mut Vec<Use>) {
    let Item::Enum(item) = item else { return };
    for variant in &item.variants {
        let name = variant.ident.to_string();
        let Some(field) = variant.fields.iter().next() else { continue };
        if ["Unrecognized", "Malformed"].contains(&name.as_str()) {
            continue;
        }
        let ty = outside(&field.ty);
        let source = format!("x: {ty}) {{ let _ = crate::session_event::SessionEventData::{name}(x);");
        let names = named(&[&field.ty]);
        uses.push(Use { kind: Kind::Event, owner: String::new(), name, names, source });
    }
}
