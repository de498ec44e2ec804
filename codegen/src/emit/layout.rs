//! Assigns each type to a file.
//!
//! A type stands in the file of the namespace that uses it: of calls, of callbacks, or of events, whose namespace is
//! the first word of their kind. What several namespaces use stands with the one that it is named after, or else in
//! `common`. Namespaces with few types share the file `others`, and those with many have several files.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToSnakeCase;

use crate::features::{Everyday, FULL, path};
use crate::model::{Field, Method, Model, Shape, Ty, Type};
use crate::names::{is_identifier, snake};
use crate::read::Group;

/// A namespace of fewer lines has no file of its own, and a part of so few lines is not taken out of a large file.
const FEW: usize = 100;
/// A file of more lines is divided.
const MANY: usize = 1_500;
/// The file of what several namespaces use.
const COMMON: &str = "common";
/// The file of small namespaces.
const OTHERS: &str = "others";

/// The names of types by file.
pub type Files<'m> = BTreeMap<String, Vec<&'m str>>;

/// The files of the types that every build has, and of those that need the feature `full`.
pub fn files(model: &Model) -> (Files<'_>, Files<'_>) {
    let everyday = Everyday::of(model);
    let uses = Uses::of(model, &everyday);
    let (every, full) = model.types.keys().map(String::as_str).partition(|name| everyday.has_type(name));
    (divide(model, &uses, every), divide(model, &uses, full))
}

/// A namespace, and the part of it.
type Place = (String, Option<String>);

/// The namespaces that use each type.
struct Uses<'m> {
    places: BTreeMap<&'m str, BTreeSet<Place>>,
    namespaces: BTreeSet<String>,
    /// The types that methods use.
    of_methods: BTreeSet<&'m str>,
}

impl<'m> Uses<'m> {
    fn of(model: &'m Model, everyday: &Everyday<'m>) -> Self {
        let mut uses: Vec<(Place, bool, Vec<&Ty>)> = Vec::new();
        for event in model.events.values() {
            let (first, rest) = event.name.split_once('.').unwrap_or((&event.name, ""));
            uses.push(((snake(first), first_word(rest)), true, vec![&event.data]));
        }
        for hook in &model.hooks {
            uses.push((("hooks".to_owned(), first_word(&hook.name)), true, vec![&hook.input, &hook.output]));
        }
        for method in model.methods.values() {
            uses.push((place(method), everyday.has_method(method), vec![&method.params, &method.result]));
        }
        let namespaces: BTreeSet<String> =
            uses.iter().map(|((namespace, _), ..)| namespace.clone()).collect();
        let mut places: BTreeMap<&str, BTreeSet<Place>> = BTreeMap::new();
        for ((namespace, part), is_everyday, types) in uses {
            // Of `skill` and `skills` there is one file.
            let singular = namespace.strip_suffix('s').filter(|one| namespaces.contains(*one));
            let namespace = singular.unwrap_or(&namespace);
            let namespace = if is_file(namespace) { namespace } else { OTHERS };
            let place = (namespace.to_owned(), part.filter(|part| is_file(part)));
            for name in model.reach(types.into_iter().filter_map(Ty::named)) {
                // The calls that need the feature do not matter to a type that every build has.
                if is_everyday || !everyday.has_type(name) {
                    places.entry(name).or_default().insert(place.clone());
                }
            }
        }
        let of_methods = model.methods.values().flat_map(|method| [&method.params, &method.result]);
        let of_methods = model.reach(of_methods.filter_map(Ty::named));
        Self { places, namespaces, of_methods }
    }

    /// Returns true if only events use a type.
    fn is_of_events(&self, name: &str) -> bool {
        self.places.contains_key(name) && !self.of_methods.contains(name)
    }

    /// The namespace whose file has a type, and the part of that file.
    fn place(&self, name: &str) -> Place {
        let places: Vec<&Place> = self.places.get(name).into_iter().flatten().collect();
        let namespaces: BTreeSet<&str> = places.iter().map(|(namespace, _)| namespace.as_str()).collect();
        let parts: BTreeSet<&Option<String>> = places.iter().map(|(_, part)| part).collect();
        match (Vec::from_iter(namespaces).as_slice(), Vec::from_iter(parts).as_slice()) {
            ([], _) => {
                let files = self.namespaces.iter().map(String::as_str).filter(|name| is_file(name));
                let own = named_after(name, files);
                (own.unwrap_or(OTHERS).to_owned(), None)
            }
            ([one], [part]) => ((*one).to_owned(), (*part).clone()),
            ([one], _) => ((*one).to_owned(), None),
            (several, _) => {
                let own = named_after(name, several.iter().copied());
                (own.unwrap_or(COMMON).to_owned(), None)
            }
        }
    }
}

/// The namespace of a method, and the one within it.
fn place(method: &Method) -> Place {
    let path = match method.name.strip_prefix("session.") {
        Some(rest) => rest.split('.').collect(),
        None => path(method),
    };
    match *path {
        [namespace, part, _, ..] => (snake(namespace), Some(snake(part))),
        [namespace, _] => (snake(namespace), None),
        _ if method.name.starts_with("session.") => ("session".to_owned(), None),
        _ if method.group == Group::Server => ("server".to_owned(), None),
        _ => (snake(&method.name), None),
    }
}

/// Returns true if a file of types can have this name.
fn is_file(name: &str) -> bool {
    name != FULL && name.is_ascii() && is_identifier(name)
}

fn first_word(name: &str) -> Option<String> {
    let words = name.to_snake_case();
    words.split('_').next().filter(|word| !word.is_empty()).map(str::to_owned)
}

/// The namespace whose words begin a type's name; the longest of several.
fn named_after<'n>(name: &str, namespaces: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    namespaces.filter(|namespace| rest_of(name, namespace).is_some()).max_by_key(|namespace| namespace.len())
}

/// The words of a type's name after those of a namespace, whose last one may be a plural.
fn rest_of(name: &str, namespace: &str) -> Option<String> {
    let name = name.to_snake_case();
    let starts = [namespace, namespace.strip_suffix('s').unwrap_or(namespace), &format!("{namespace}s")]
        .into_iter()
        .find_map(|start| name.strip_prefix(start).filter(|rest| rest.is_empty() || rest.starts_with('_')));
    starts.map(|rest| rest.trim_start_matches('_').to_owned())
}

/// Divides types among files.
fn divide<'m>(model: &'m Model, uses: &Uses<'m>, names: Vec<&'m str>) -> Files<'m> {
    let mut files = Files::new();
    for name in names {
        files.entry(uses.place(name).0).or_default().push(name);
    }
    let mut division = Division { model, uses, files };
    division.join_small();
    division.divide_large();
    division.files.retain(|_, names| !names.is_empty());
    division.files.values_mut().for_each(|names| names.sort_unstable());
    division.files
}

/// Types on their way into files of a good size.
struct Division<'m, 'u> {
    model: &'m Model,
    uses: &'u Uses<'m>,
    files: Files<'m>,
}

impl<'m> Division<'m, '_> {
    fn lines(&self, names: &[&str]) -> usize {
        names.iter().map(|name| size(&self.model.types[*name])).sum()
    }

    fn is_large(&self, file: &str) -> bool {
        self.lines(&self.files[file]) > MANY
    }

    /// Moves types from one file to another.
    fn shift(&mut self, from: &str, to: String, names: Vec<&'m str>) {
        if let Some(from) = self.files.get_mut(from) {
            from.retain(|name| !names.contains(name));
        }
        self.files.entry(to).or_default().extend(names);
    }

    /// Puts small namespaces into one file while it has room.
    fn join_small(&mut self) {
        let mut others = self.files.remove(OTHERS).unwrap_or_default();
        let mut small: Vec<(usize, String)> =
            self.files.iter().map(|(file, names)| (self.lines(names), file.clone())).collect();
        small.retain(|(lines, file)| *lines < FEW && file != COMMON);
        small.sort();
        for (lines, file) in small {
            if self.lines(&others) + lines <= MANY {
                others.extend(self.files.remove(&file).unwrap_or_default());
            }
        }
        self.files.insert(OTHERS.to_owned(), others);
    }

    /// Takes parts out of large files: the namespaces within theirs, then those by the words of the types' names, then
    /// the types of events.
    fn divide_large(&mut self) {
        let files: BTreeSet<String> = self.files.keys().filter(|file| *file != OTHERS).cloned().collect();
        for file in &files {
            for by_name in [false, true] {
                for (part, names) in self.parts(file, by_name) {
                    if self.is_large(file) {
                        // What is named after another namespace stands with the rest of that, if it has room.
                        let has_room = self.files.get(&part).is_some_and(|of_part| {
                            part != OTHERS && self.lines(of_part) + self.lines(&names) <= MANY
                        });
                        let to = if has_room { part } else { format!("{file}_{part}") };
                        self.shift(file, to, names);
                    }
                }
            }
            if self.is_large(file) {
                let names = self.files[file].iter().copied();
                let names = names.filter(|name| self.uses.is_of_events(name)).collect();
                self.shift(file, format!("{file}_events"), names);
            }
        }
    }

    /// The parts of a file that are worth files of their own, the largest first.
    fn parts(&self, file: &str, by_name: bool) -> Vec<(String, Vec<&'m str>)> {
        let mut parts = Files::new();
        for name in &self.files[file] {
            let part = if by_name { word(name, file) } else { self.uses.place(name).1 };
            if let Some(part) = part.filter(|part| part != file && part.is_ascii()) {
                parts.entry(part).or_default().push(name);
            }
        }
        let mut parts: Vec<_> = parts.into_iter().filter(|(_, names)| self.lines(names) >= FEW).collect();
        parts.sort_by_key(|(_, names)| std::cmp::Reverse(self.lines(names)));
        parts
    }
}

/// The first word of a type's name that does not name the namespace.
fn word(name: &str, namespace: &str) -> Option<String> {
    first_word(&rest_of(name, namespace).unwrap_or_else(|| name.to_snake_case()))
}

/// About the number of lines of a type's source.
fn size(ty: &Type) -> usize {
    let lines = |text: &str| text.lines().count().max(1);
    // The field itself, its row in the table, and that of its setter.
    let field = |field: &Field| lines(&field.doc.text) + 2 + usize::from(ty.sent);
    let shape = match &ty.shape {
        Shape::Record(record) => record.fields.iter().map(field).sum(),
        Shape::Strings(variants) => variants.len() * 3,
        Shape::Union(union) => union.variants.len() * 4,
        Shape::Alias(_) => 0,
    };
    8 + lines(&ty.doc.text) + shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_after_the_longest_namespace() {
        let after = |name: &str| named_after(name, ["session", "session_fs", "tasks", "tool"].into_iter());
        assert_eq!(after("SessionFsReadRequest"), Some("session_fs"));
        assert_eq!(after("SessionFseek"), Some("session"));
        assert_eq!(after("TaskBlocker"), Some("tasks"));
        assert_eq!(after("ToolsListRequest"), Some("tool"));
        assert_eq!(after("Tooling"), None);
    }

    #[test]
    fn parts_are_named_by_the_next_word() {
        assert_eq!(word("McpOauthLogin", "mcp").as_deref(), Some("oauth"));
        assert_eq!(word("AttachmentFile", "common").as_deref(), Some("attachment"));
        assert_eq!(word("Mcp", "mcp"), None);
    }

    #[test]
    fn some_words_are_no_files() {
        assert!(["mcp", "git_hub", "type_"].into_iter().all(is_file));
        assert!(!["", "full", "type", "1st", "größe"].into_iter().any(is_file));
    }
}
