//! Finds the types of hooks, each with its input and its output.

use std::collections::BTreeMap;

use crate::Error;
use crate::model::{Hook, Shape, Ty, Type};
use crate::names::type_name;

/// The definition that lists the types of hooks.
pub const TYPES: &str = "HookType";

/// Returns the listed types of hooks. The definitions of the input and the output are found by the name of the type.
pub fn find(types: &BTreeMap<String, Type>, problems: &mut Vec<Error>) -> Vec<Hook> {
    let Some(Type { shape: Shape::Strings(listed), .. }) = types.get(TYPES) else { return Vec::new() };
    let hook = |wire: &str| {
        let of = |part: &str| {
            let name = type_name(&format!("{wire}Hook{part}"));
            let known = types.contains_key(&name).then(|| Ty::Named(name.clone()));
            let problem = || format!("no definition of {name}: add it to schema/supplement.schema.json");
            known.ok_or_else(|| Error::shape(format!("{TYPES}: {wire}"), problem()))
        };
        Ok(Hook { name: wire.to_owned(), input: of("Input")?, output: of("Output")? })
    };
    let hooks = listed.iter().filter_map(|listed| match hook(&listed.value) {
        Ok(hook) => Some(hook),
        Err(problem) => {
            problems.push(problem);
            None
        }
    });
    hooks.collect()
}
