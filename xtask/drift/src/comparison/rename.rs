//! Types, methods and events that seem to have been renamed.
//!
//! Schemas keep no record of former names, so renames are inferred: an item replaces another if it is used in the same
//! place and is similar, or if it has the same shape and a similar name. If one word was replaced by another in many
//! names, names that differ only in these words are the same name.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::model::{Model, Record, Shape, StringVariant, Ty, Union};

use super::pair::Pair;

/// The similarity of two shapes or names from which they may be the same.
const ALIKE: f64 = 0.5;
/// The same for items that are not used in the same place.
const VERY_ALIKE: f64 = 0.8;

/// The similarity of the names of methods from which their types may be less similar.
const NAMES_ALIKE: f64 = 0.65;
/// The number of names in which a word must have been replaced by another.
const OFTEN: usize = 5;

/// Methods or events of the older set by their likely new names.
pub type Renamed<'s> = BTreeMap<&'s str, &'s str>;

/// The renamed methods, and the renamed events. Adds the renamed types to the pair.
pub fn find<'s>(pair: &mut Pair<'s>) -> (Renamed<'s>, Renamed<'s>) {
    let methods = methods(pair);
    let events = events(pair);
    let mut open = Vec::new();
    for (name, old) in &pair.old.methods {
        let name = methods.get(name.as_str()).copied().unwrap_or(name);
        if let Some(new) = pair.new.methods.get(name) {
            open.extend([(&old.params, &new.params), (&old.result, &new.result)]);
        }
    }
    for (name, old) in &pair.old.events {
        let name = events.get(name.as_str()).copied().unwrap_or(name);
        open.extend(pair.new.events.get(name).map(|new| (&old.data, &new.data)));
    }
    for (name, old) in &pair.old.types {
        if let Some(new) = pair.new.types.get(name) {
            open.extend(parts(&old.shape, &new.shape));
        }
    }
    by_place(pair, open);
    by_shape(pair);
    (methods, events)
}

/// Compares types that are used in the same place, and then the parts of those that are similar.
fn by_place<'s>(pair: &mut Pair<'s>, mut open: Vec<(&'s Ty, &'s Ty)>) {
    while !open.is_empty() {
        let mut best: BTreeMap<&str, (f64, &str)> = BTreeMap::new();
        for (old, new) in open.drain(..) {
            let (Some(old), Some(new)) = (old.named(), new.named()) else { continue };
            if old == new || pair.new.types.contains_key(old) || pair.renamed.contains_key(old) {
                continue;
            }
            let alike = likeness(pair.old, old, pair.new, new);
            if alike >= ALIKE && best.get(old).is_none_or(|(other, _)| alike > *other) {
                best.insert(old, (alike, new));
            }
        }
        for (old, (_, new)) in best {
            pair.renamed.insert(old, new);
            if let (Some(old), Some(new)) = (pair.old.types.get(old), pair.new.types.get(new)) {
                open.extend(parts(&old.shape, &new.shape));
            }
        }
    }
}

/// Finds a type of the same shape and a similar name for each other removed type.
fn by_shape(pair: &mut Pair<'_>) {
    let taken: BTreeSet<&str> = pair.renamed.values().copied().collect();
    let removed = pair.old.types.iter().filter(|(name, _)| pair.counterpart(name).is_none());
    let added = pair
        .new
        .types
        .iter()
        .filter(|(name, _)| !pair.old.types.contains_key(*name) && !taken.contains(name.as_str()));
    let (removed, added): (Vec<_>, Vec<_>) = (removed.collect(), added.collect());
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for (old, ty) in removed {
        let shapes = added.iter().filter(|(new, other)| {
            let same = is_distinctive(&ty.shape) && other.shape == ty.shape;
            let kind = std::mem::discriminant(&other.shape) == std::mem::discriminant(&ty.shape);
            same || (kind && pair.reworded(old, new))
        });
        let named = shapes.map(|(new, _)| (pair.names_alike(old, new), new.as_str()));
        let best = named.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, new)) = best
            && !found.values().any(|taken| *taken == new)
        {
            found.insert(old, new);
        }
    }
    pair.renamed.extend(found);
}

/// Returns true if few types have such a shape by chance.
fn is_distinctive(shape: &Shape) -> bool {
    match shape {
        Shape::Record(record) => record.constants.len() + record.fields.len() > 1,
        Shape::Strings(values) => values.len() > 1,
        Shape::Union(_) => true,
        Shape::Alias(_) => false,
    }
}

fn methods<'s>(pair: &Pair<'s>) -> Renamed<'s> {
    let alike = |old: &str, new: &str| {
        let (from, to) = (&pair.old.methods[old], &pair.new.methods[new]);
        if from.group != to.group {
            return None;
        }
        if pair.reworded(old, new) {
            return Some(1.0);
        }
        let types =
            types_alike(pair, &from.params, &to.params).min(types_alike(pair, &from.result, &to.result));
        if types < ALIKE || (from.params == Ty::Unit && from.result == Ty::Unit) {
            return None;
        }
        let names = similarity(old, new);
        // The types of similar names may differ.
        (types >= VERY_ALIKE || names >= NAMES_ALIKE).then_some(names)
    };
    matched(pair.old.methods.keys(), pair.new.methods.keys(), alike)
}

fn events<'s>(pair: &Pair<'s>) -> Renamed<'s> {
    let alike = |old: &str, new: &str| {
        let (from, to) = (&pair.old.events[old].data, &pair.new.events[new].data);
        (pair.reworded(old, new) || types_alike(pair, from, to) >= VERY_ALIKE)
            .then(|| pair.names_alike(old, new))
    };
    matched(pair.old.events.keys(), pair.new.events.keys(), alike)
}

/// Matches removed names with added ones, the most similar first.
fn matched<'s>(
    old: impl Iterator<Item = &'s String> + Clone,
    new: impl Iterator<Item = &'s String> + Clone,
    alike: impl Fn(&str, &str) -> Option<f64>,
) -> Renamed<'s> {
    let all: BTreeSet<&str> = old.clone().map(String::as_str).collect();
    let now: BTreeSet<&str> = new.map(String::as_str).collect();
    let mut candidates = Vec::new();
    for &removed in all.difference(&now) {
        for &added in now.difference(&all) {
            if let Some(alike) = alike(removed, added).filter(|alike| *alike >= ALIKE) {
                candidates.push((alike, removed, added));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut found: Renamed<'_> = BTreeMap::new();
    for (_, removed, added) in candidates {
        if !found.contains_key(removed) && !found.values().any(|taken| *taken == added) {
            found.insert(removed, added);
        }
    }
    found
}

fn types_alike(pair: &Pair<'_>, old: &Ty, new: &Ty) -> f64 {
    match (old, new) {
        (Ty::Named(old), Ty::Named(new)) => likeness(pair.old, old, pair.new, new),
        (Ty::Option(old), Ty::Option(new))
        | (Ty::List(old), Ty::List(new))
        | (Ty::Map(old), Ty::Map(new))
        | (Ty::Entries(old), Ty::Entries(new)) => types_alike(pair, old, new),
        (old, new) => f64::from(u8::from(old == new)),
    }
}

/// The similarity of two types by their parts.
fn likeness(old: &Model, old_name: &str, new: &Model, new_name: &str) -> f64 {
    let (Some(old), Some(new)) = (old.types.get(old_name), new.types.get(new_name)) else {
        return f64::from(u8::from(old_name == new_name));
    };
    match (&old.shape, &new.shape) {
        (Shape::Record(old), Shape::Record(new)) => common(keys(old), keys(new)),
        (Shape::Strings(old), Shape::Strings(new)) => {
            let values = |of: &'_ [StringVariant]| of.iter().map(|of| of.value.clone()).collect();
            common(values(old), values(new))
        }
        (Shape::Union(old), Shape::Union(new)) => {
            let names = |of: &Union| of.variants.iter().map(|variant| variant.name.clone()).collect();
            common(names(old), names(new))
        }
        (Shape::Alias(old), Shape::Alias(new)) => f64::from(u8::from(old == new)),
        _ => 0.0,
    }
}

/// The keys of an object, those of constants among them.
fn keys(record: &Record) -> BTreeSet<&String> {
    let constants = record.constants.iter().map(|(key, _)| key);
    constants.chain(record.fields.iter().map(|field| &field.key)).collect()
}

/// The share of two sets that is in both.
fn common<T: Ord>(old: BTreeSet<T>, new: BTreeSet<T>) -> f64 {
    match old.union(&new).count() {
        0 => 1.0,
        all => old.intersection(&new).count() as f64 / all as f64,
    }
}

/// The names of methods, events and types that only the older set has, and those that only the newer has.
pub fn removed_and_added(old: &Model, new: &Model) -> (BTreeSet<String>, BTreeSet<String>) {
    let names = |model: &Model| -> BTreeSet<String> {
        let names = model.methods.keys().chain(model.events.keys()).chain(model.types.keys());
        names.cloned().collect()
    };
    let (old, new) = (names(old), names(new));
    (old.difference(&new).cloned().collect(), new.difference(&old).cloned().collect())
}

/// The words that were replaced in many names, with their replacements.
pub fn words(removed: &BTreeSet<String>, added: &BTreeSet<String>) -> BTreeMap<String, String> {
    // The words at each place of the added names, by the other words of the name.
    let mut around: BTreeMap<(Vec<String>, usize), Vec<String>> = BTreeMap::new();
    for name in added {
        for (place, word, rest) in gaps(name) {
            around.entry((rest, place)).or_default().push(word);
        }
    }
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for name in removed {
        for (place, word, rest) in gaps(name) {
            for now in around.get(&(rest, place)).into_iter().flatten() {
                *counts.entry((word.clone(), now.clone())).or_default() += 1;
            }
        }
    }
    let mut best: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for ((old, new), count) in counts {
        if count >= OFTEN && best.get(&old).is_none_or(|(other, _)| count > *other) {
            best.insert(old, (count, new));
        }
    }
    best.into_iter().map(|(old, (_, new))| (old, new)).collect()
}

/// The words of a name, each with its place and the other words; none for a name of one word.
fn gaps(name: &str) -> Vec<(usize, String, Vec<String>)> {
    let words = split(name);
    let gap = |place: usize| {
        let mut rest = words.clone();
        let word = rest.remove(place);
        (place, word, rest)
    };
    if words.len() < 2 { Vec::new() } else { (0..words.len()).map(gap).collect() }
}

/// The words of a name in lower case, separated by punctuation or by a capital letter.
pub fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The letters and digits of a name in lower case, which are the same in every spelling.
pub fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The similarity of two names by their pairs of letters.
pub fn similarity(old: &str, new: &str) -> f64 {
    let pairs = |name: &str| -> BTreeSet<(char, char)> {
        let letters: Vec<char> = letters(name).chars().collect();
        letters.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    common(pairs(old), pairs(new))
}

/// The types that are used in the same places of two shapes.
fn parts<'s>(old: &'s Shape, new: &'s Shape) -> Vec<(&'s Ty, &'s Ty)> {
    match (old, new) {
        (Shape::Record(old), Shape::Record(new)) => {
            let same = old.fields.iter().filter_map(|old| Some((&old.ty, &new.field(&old.key)?.ty)));
            same.chain(old.rest.iter().zip(&new.rest)).collect()
        }
        (Shape::Union(old), Shape::Union(new)) => {
            let same = old.variants.iter().filter_map(|old| Some((&old.ty, &new.variant(&old.name)?.ty)));
            same.collect()
        }
        (Shape::Alias(old), Shape::Alias(new)) => vec![(old, new)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(split("session.factory.runFromTool"), ["session", "factory", "run", "from", "tool"]);
        assert_eq!(split("FactoryRun"), ["factory", "run"]);
        assert_eq!(split("run_settled"), ["run", "settled"]);
    }

    #[test]
    fn similar_names_have_letters_in_common() {
        assert!(similarity("session.model.getCurrent", "session.model.current") >= ALIKE);
        assert!(similarity("session.abort", "session.fleet.start") < ALIKE);
        assert!((similarity("Same", "same") - 1.0).abs() < f64::EPSILON);
    }
}
