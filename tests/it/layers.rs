//! The layers of the SDK: a module imports only from those that `lib.rs` lists before it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Reads all hand-written sources below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => text += &sources(&path),
            false => text += &fs::read_to_string(&path).expect("a source file"),
        }
    }
    text
}

/// Returns the names that follow each `prefix` in the code, comments left out.
fn names_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(move |line| line.split(prefix).skip(1)).flat_map(|rest| {
        let group = rest.strip_prefix('{').and_then(|group| group.split('}').next());
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let name = move |text: &'a str| text.trim().split(|letter| !is_name(letter)).next();
        let names = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        names.into_iter().filter_map(name)
    })
}

#[test]
fn imports_run_downwards() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src");
    let lib = fs::read_to_string(folder.join("lib.rs")).expect("lib.rs");
    let mut places: BTreeMap<&str, usize> = names_after(&lib, "mod ").zip(0..).collect();
    // The generator's types belong to every layer.
    places.insert("generated", 0);
    // What the root exports counts for the module that it comes from.
    for line in lib.split(';').filter_map(|line| line.trim().strip_prefix("pub use ")) {
        let Some(place) = line.split("::").next().and_then(|module| places.get(module).copied()) else {
            continue;
        };
        let names = line.rsplit("::").next().unwrap_or_default().trim_matches(['{', '}']).split(',');
        places.extend(names.map(|name| (name.trim(), place)));
    }
    let mut count = 0;
    for (module, place) in places.iter().filter(|(module, _)| **module != "generated") {
        let Ok(text) = fs::read_to_string(folder.join(format!("{module}.rs"))) else { continue };
        let text = text + &sources(&folder.join(module));
        let is_above = |name: &&str| places.get(name).is_some_and(|other| other > place);
        let above: Vec<_> = names_after(&text, "crate::").filter(is_above).collect();
        assert!(above.is_empty(), "{module} imports from above: {above:?}");
        count += 1;
    }
    assert!(count > 10, "only {count} modules");
}

/// Both `types::*` and `*` can be imported: no generated type has the name of one at the root.
#[test]
fn types_have_names_of_their_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src");
    let lib = fs::read_to_string(folder.join("lib.rs")).expect("lib.rs");
    let exports = lib.split(';').filter_map(|line| line.trim().strip_prefix("pub use "));
    let root: Vec<&str> = exports
        .flat_map(|line| line.rsplit("::").next().unwrap_or_default().trim_matches(['{', '}']).split(','))
        .map(str::trim)
        .collect();
    let types = sources(&folder.join("generated/types"));
    let types: Vec<&str> = ["pub struct ", "pub enum ", "pub type "]
        .iter()
        .flat_map(|item| types.split(item).skip(1))
        .filter_map(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next())
        .collect();
    assert!(root.contains(&"Client") && types.len() > 2000, "{root:?}, {} types", types.len());
    let twins: Vec<_> = types.iter().filter(|name| root.contains(name)).collect();
    assert!(twins.is_empty(), "settle these in codegen/src/names.rs: {twins:?}");
}
