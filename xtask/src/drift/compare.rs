//! Compares two surveys: methods, events and types. What is in a type is compared in `parts`.
//!
//! The comparison is made on what the generator knows after it has named all types and told all unions apart, not
//! on the JSON of the schemas: that is what users of the generated API see, and order, references and prose have
//! gone from it. It takes the survey, which refuses nothing, and not the generator's model, since a set is most
//! worth comparing when it holds something that the generator does not know yet.

use std::collections::BTreeSet;

use copilot_session_codegen::survey::{Doc, Event, Method, Shape, Survey, Ty, Type};

use super::change::{Change, How, Running, Source, Told, What};
use super::pair::{Pair, rust};
use super::place::{self, Places};
use super::{left_out, rename};

/// What has changed between two sets.
#[derive(Debug, Default)]
pub struct Comparison {
    pub changes: Vec<Change>,
    /// How many descriptions have.
    pub descriptions: usize,
    /// What the newer set always sends and the older one may leave out, as `schema/older.json` calls it.
    pub left_out: BTreeSet<String>,
}

/// Compares an older survey with a newer one.
pub fn compare(old: &Survey, new: &Survey) -> Comparison {
    let mut pair = Pair::new(old, new);
    let (methods, events) = rename::find(&mut pair);
    let places = (place::of_types(old), place::of_types(new));
    let mut diff = Diff { pair: &pair, places: &places, found: Comparison::default() };
    diff.methods(&methods);
    diff.events(&events);
    diff.types();
    let mut found = diff.found;
    found.left_out = pair.left_out.difference(&old.left_out).cloned().collect();
    found.changes.sort_by(|a, b| {
        let key = |change: &Change| (change.source, change.how, change.what);
        a.namespace.cmp(&b.namespace).then(key(a).cmp(&key(b))).then_with(|| a.item.cmp(&b.item))
    });
    found
}

/// A comparison under way.
pub struct Diff<'p, 's> {
    pub pair: &'p Pair<'s>,
    places: &'p (Places, Places),
    pub found: Comparison,
}

impl<'s> Diff<'_, 's> {
    fn push(&mut self, what: What, item: &str, namespace: &str, told: Told) {
        let change = Change::new(what, item.to_owned(), told);
        self.found.changes.push(Change { namespace: namespace.to_owned(), ..change });
    }

    fn renamed(&mut self, what: What, item: &str, now: &str, namespace: &str, running: Running) {
        self.push(what, item, namespace, (How::Renamed, String::new(), Source::Breaking, running));
        if let Some(last) = self.found.changes.last_mut() {
            last.to = Some(now.to_owned());
        }
    }

    fn methods(&mut self, renamed: &rename::Renamed<'s>) {
        let Pair { old, new, .. } = *self.pair;
        let came: BTreeSet<&str> = renamed.values().copied().collect();
        for (name, method) in &old.methods {
            let namespace = place::of_method(name, method.group);
            let now = renamed.get(name.as_str()).copied().unwrap_or(name);
            let Some(after) = new.methods.get(now) else {
                let told = (How::Removed, String::new(), Source::Breaking, gone(method));
                self.push(What::Method, name, &namespace, told);
                continue;
            };
            if now != name {
                // A call by the new name is one of a method that the program does not know.
                let running = gone(method).min(Running::Unknown);
                self.renamed(What::Method, name, now, &namespace, running);
            }
            let left_out = self.pair.left_out.contains(&left_out::result_key(now));
            for (result, told) in self.method(now, (method, after), left_out) {
                self.push(What::Method, now, &namespace, told);
                if let Some(last) = self.found.changes.last_mut() {
                    last.left_out = result && left_out;
                }
            }
            self.doc(What::Method, now, &namespace, &method.doc, &after.doc);
        }
        for (name, method) in &new.methods {
            if !old.methods.contains_key(name) && !came.contains(name.as_str()) {
                // A call of a method that a client does not know is answered with an error.
                let running = if method.group.is_ours() { Running::Decodes } else { Running::Unknown };
                let detail = signature(method);
                let told = (How::Added, detail, Source::Additive, running);
                self.push(What::Method, name, &place::of_method(name, method.group), told);
            }
        }
    }

    /// What has changed in a method, each with whether it is the result, which the older version may leave out.
    fn method(&self, name: &str, (old, new): (&'s Method, &'s Method), left_out: bool) -> Vec<(bool, Told)> {
        let mut told = Vec::new();
        if old.group != new.group {
            let detail = format!("was of the group {}, is of {}", old.group.key(), new.group.key());
            told.push((false, (How::Changed, detail, Source::Breaking, Running::Refused)));
        }
        for (what, old_ty, new_ty, sent) in [
            ("params", &old.params, &new.params, old.group.is_ours()),
            ("result", &old.result, &new.result, !old.group.is_ours()),
        ] {
            if self.pair.same(old_ty, new_ty) {
                continue;
            }
            let running =
                if sent { self.pair.takes(old_ty, new_ty) } else { self.pair.reads(old_ty, new_ty) };
            // A result that the older version leaves out is optional.
            let is_option = what == "result" && left_out;
            let same = is_option && matches!(old_ty, Ty::Option(old_ty) if self.pair.same(old_ty, new_ty));
            if same && self.pair.old.left_out.contains(&left_out::result_key(name)) {
                continue;
            }
            let source = if same { Source::Additive } else { Source::Breaking };
            let detail = match is_option {
                true if same => format!("{what}: no longer `null`"),
                true => format!("{what}: {} → Option<{}>", rust(old_ty), rust(new_ty)),
                false => format!("{what}: {} → {}", rust(old_ty), rust(new_ty)),
            };
            told.push((what == "result", (How::Changed, detail, source, running)));
        }
        told
    }

    fn events(&mut self, renamed: &rename::Renamed<'s>) {
        let Pair { old, new, .. } = *self.pair;
        let came: BTreeSet<&str> = renamed.values().copied().collect();
        for (name, event) in &old.events {
            let now = renamed.get(name.as_str()).copied().unwrap_or(name);
            let Some(after) = new.events.get(now) else {
                // Who waits for it waits in vain.
                let told = (How::Removed, String::new(), Source::Breaking, Running::Unknown);
                self.push(What::Event, name, place::EVENTS, told);
                continue;
            };
            if now != name {
                // The program reads an event of a type that it does not know.
                self.renamed(What::Event, name, now, place::EVENTS, Running::Unknown);
            }
            self.event(now, event, after);
        }
        for (name, event) in &new.events {
            if !old.events.contains_key(name) && !came.contains(name.as_str()) {
                let told = (How::Added, rust(&event.data), Source::Additive, Running::Unknown);
                self.push(What::Event, name, place::EVENTS, told);
            }
        }
    }

    fn event(&mut self, name: &str, old: &'s Event, new: &'s Event) {
        if !self.pair.same(&old.data, &new.data) {
            let running = self.pair.reads(&old.data, &new.data);
            let detail = format!("data: {} → {}", rust(&old.data), rust(&new.data));
            self.push(What::Event, name, place::EVENTS, (How::Changed, detail, Source::Breaking, running));
        }
        self.doc(What::Event, name, place::EVENTS, &old.doc, &new.doc);
    }

    fn types(&mut self) {
        let Pair { old, new, renamed, .. } = self.pair;
        let came: BTreeSet<&str> = renamed.values().copied().collect();
        let (before, after) = self.places;
        for (name, ty) in &old.types {
            let Some(now) = self.pair.counterpart(name) else {
                let namespace = place::of_type(name, &[before]);
                let told = (How::Removed, kind(ty), Source::Breaking, Running::Decodes);
                self.push(What::Type, name, &namespace, told);
                continue;
            };
            let namespace = self.namespace(name, now);
            if now != name {
                self.renamed(What::Type, name, now, &namespace, Running::Decodes);
            }
            let after = &new.types[now];
            self.ty(name, &namespace, ty, after);
        }
        for (name, ty) in &new.types {
            if !old.types.contains_key(name) && !came.contains(name.as_str()) {
                let told = (How::Added, kind(ty), Source::Additive, Running::Decodes);
                self.push(What::Type, name, &place::of_type(name, &[after]), told);
            }
        }
    }

    fn namespace(&self, old: &str, new: &str) -> String {
        let (before, after) = self.places;
        let (before, after) = (place::of_type(old, &[before]), place::of_type(new, &[after]));
        if before == after { before } else { place::of_type(old, &[&self.places.0, &self.places.1]) }
    }

    fn ty(&mut self, name: &str, namespace: &str, old: &'s Type, new: &'s Type) {
        self.doc(What::Type, name, namespace, &old.doc, &new.doc);
        if matches!(old.shape, Shape::Record { .. }) && matches!(new.shape, Shape::Record { .. }) {
            self.direction(name, namespace, old, new);
        }
        let first = self.found.changes.len();
        let (changes, descriptions) = super::parts::compare(self.pair, name, old, new);
        self.found.changes.extend(changes);
        self.found.descriptions += descriptions;
        for change in &mut self.found.changes[first..] {
            change.namespace = namespace.to_owned();
        }
    }

    /// Only what is sent can be made.
    fn direction(&mut self, name: &str, namespace: &str, old: &Type, new: &Type) {
        let (detail, source) = match (old.sent, new.sent) {
            (true, false) => ("is no longer sent, so it has no `new` and no setters", Source::Breaking),
            (false, true) => ("is now sent too, so it has `new` and setters", Source::Additive),
            _ => return,
        };
        let told = (How::Changed, detail.to_owned(), source, Running::Decodes);
        self.push(What::Type, name, namespace, told);
        if let Some(last) = self.found.changes.last_mut() {
            last.unmade = true;
        }
    }

    /// Compares what is said to people.
    fn doc(&mut self, what: What, item: &str, namespace: &str, old: &Doc, new: &Doc) {
        for (detail, source) in notices(old, new) {
            self.push(what, item, namespace, (How::Changed, detail, source, Running::Decodes));
        }
        self.found.descriptions += usize::from(old.text != new.text);
    }
}

/// What has changed in how firm a thing is. Less of it breaks nothing, and should be known.
pub fn notices(old: &Doc, new: &Doc) -> Vec<(String, Source)> {
    let mut notices = Vec::new();
    let mut notice = |less: bool, detail: String| {
        notices.push((detail, if less { Source::Behaviour } else { Source::Additive }));
    };
    match (old.deprecated, new.deprecated) {
        (false, true) => notice(true, "is now deprecated".to_owned()),
        (true, false) => notice(false, "is no longer deprecated".to_owned()),
        _ => {}
    }
    match (old.internal, new.internal) {
        (false, true) => notice(true, "is now internal to the CLI".to_owned()),
        (true, false) => notice(false, "is no longer internal to the CLI".to_owned()),
        _ => {}
    }
    if old.stability != new.stability {
        let text = |doc: &Doc| doc.stability.clone().unwrap_or_else(|| "not given".to_owned());
        let firm = |doc: &Doc| !matches!(doc.stability.as_deref(), Some("experimental"));
        let detail = format!("stability: {} → {}", text(old), text(new));
        notice(firm(old) && !firm(new), detail);
    }
    notices
}

/// What a program meets whose method is gone.
fn gone(method: &Method) -> Running {
    if method.group.is_ours() { Running::Refused } else { Running::Decodes }
}

fn signature(method: &Method) -> String {
    let params = if method.params == Ty::Unit { String::new() } else { rust(&method.params) };
    format!("({params}) → {}", rust(&method.result))
}

/// What a type is, in words.
fn kind(ty: &Type) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match &ty.shape {
        Shape::Record { fields, .. } => format!("object of {}", number(fields.len(), "field")),
        Shape::Strings(values) => format!("enum of {}", number(values.len(), "value")),
        Shape::Union { variants, .. } => format!("union of {}", number(variants.len(), "variant")),
        Shape::Alias(ty) => format!("another name of {}", rust(ty)),
    }
}
