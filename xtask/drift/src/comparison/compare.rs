//! Compares the methods, events and types of two protocols. The parts of a type are compared in `parts`.

use std::collections::BTreeSet;

use copilot_session_codegen::Protocol;
use copilot_session_codegen::model::{Doc, Event, Method, Shape, Ty, Type};

use super::change::{Change, How, RuntimeImpact, Source, Verdict, What};
use super::pair::{Pair, rust};
use super::place::{self, Places};
use super::rename;

/// The differences between two sets.
#[derive(Debug, Default)]
pub struct Comparison {
    pub changes: Vec<Change>,
    /// The number of descriptions that have changed.
    pub descriptions: usize,
    /// Keys that the newer set always sends and the older one may omit, named as in `schema/older.json`.
    pub left_out: BTreeSet<String>,
}

/// Compares an older protocol with a newer one.
pub fn compare(old: &Protocol, new: &Protocol) -> Comparison {
    let (old, new) = (old.model(), new.model());
    let mut pair = Pair::new(old, new);
    let (methods, events) = rename::find(&mut pair);
    let places = (place::of_types(old), place::of_types(new));
    let mut diff = Diff { pair: &pair, places: &places, found: Comparison::default() };
    diff.methods(&methods);
    diff.events(&events);
    diff.types();
    let mut found = diff.found;
    found.left_out = pair.left_out.difference(&old.missing_in_older()).cloned().collect();
    found.changes.sort_by(|a, b| {
        let key = |change: &Change| (change.source, change.how, change.what);
        a.namespace.cmp(&b.namespace).then(key(a).cmp(&key(b))).then_with(|| a.item.cmp(&b.item))
    });
    found
}

/// A comparison in progress.
pub struct Diff<'p, 's> {
    pub pair: &'p Pair<'s>,
    places: &'p (Places, Places),
    pub found: Comparison,
}

impl<'s> Diff<'_, 's> {
    fn push(&mut self, what: What, item: &str, namespace: &str, verdict: Verdict) {
        let change = Change::new(what, item.to_owned(), verdict);
        self.found.changes.push(Change { namespace: namespace.to_owned(), ..change });
    }

    fn renamed(&mut self, what: What, item: &str, now: &str, namespace: &str, running: RuntimeImpact) {
        self.push(what, item, namespace, (How::Renamed, String::new(), Source::Breaking, running));
        if let Some(last) = self.found.changes.last_mut() {
            last.to = Some(now.to_owned());
        }
    }

    fn methods(&mut self, renamed: &rename::Renamed<'s>) {
        let Pair { old, new, .. } = *self.pair;
        let new_names: BTreeSet<&str> = renamed.values().copied().collect();
        for (name, method) in &old.methods {
            let namespace = place::of_method(name, method.group);
            let now = renamed.get(name.as_str()).copied().unwrap_or(name);
            let Some(after) = new.methods.get(now) else {
                let verdict = (How::Removed, String::new(), Source::Breaking, removal_impact(method));
                self.push(What::Method, name, &namespace, verdict);
                continue;
            };
            if now != name {
                // The program does not know the method by its new name.
                let running = removal_impact(method).min(RuntimeImpact::Unknown);
                self.renamed(What::Method, name, now, &namespace, running);
            }
            let left_out = self.pair.left_out.contains(&after.result_place());
            for (result, verdict) in self.method((method, after), left_out) {
                self.push(What::Method, now, &namespace, verdict);
                if let Some(last) = self.found.changes.last_mut() {
                    last.left_out = result && left_out;
                }
            }
            self.doc(What::Method, now, &namespace, &method.doc, &after.doc);
        }
        for (name, method) in &new.methods {
            if !old.methods.contains_key(name) && !new_names.contains(name.as_str()) {
                // The SDK responds to a call of an unknown method with an error.
                let running =
                    if method.group.is_ours() { RuntimeImpact::Decodes } else { RuntimeImpact::Unknown };
                let detail = signature(method);
                let verdict = (How::Added, detail, Source::Additive, running);
                self.push(What::Method, name, &place::of_method(name, method.group), verdict);
            }
        }
    }

    /// The changes in a method. The flag marks the result, which the older version may omit.
    fn method(&self, (old, new): (&'s Method, &'s Method), left_out: bool) -> Vec<(bool, Verdict)> {
        let mut verdicts = Vec::new();
        if old.group != new.group {
            let detail = format!("was of the group {}, is of {}", old.group.key(), new.group.key());
            verdicts.push((false, (How::Changed, detail, Source::Breaking, RuntimeImpact::Refused)));
        }
        for (what, old_ty, new_ty, sent) in [
            ("params", &old.params, &new.params, old.group.is_ours()),
            ("result", &old.result, &new.result, !old.group.is_ours()),
        ] {
            if self.pair.same(old_ty, new_ty) {
                continue;
            }
            let running =
                if sent { self.pair.sends(old_ty, new_ty) } else { self.pair.reads(old_ty, new_ty) };
            // A result that the older version omits is an option.
            let is_option = what == "result" && left_out;
            let same = is_option && matches!(old_ty, Ty::Option(old_ty) if self.pair.same(old_ty, new_ty));
            if same && old.missing_in_older.is_some() {
                continue;
            }
            let source = if same { Source::Additive } else { Source::Breaking };
            let detail = match is_option {
                true if same => format!("{what}: no longer `null`"),
                true => format!("{what}: {} → Option<{}>", rust(old_ty), rust(new_ty)),
                false => format!("{what}: {} → {}", rust(old_ty), rust(new_ty)),
            };
            verdicts.push((what == "result", (How::Changed, detail, source, running)));
        }
        verdicts
    }

    fn events(&mut self, renamed: &rename::Renamed<'s>) {
        let Pair { old, new, .. } = *self.pair;
        let new_names: BTreeSet<&str> = renamed.values().copied().collect();
        for (name, event) in &old.events {
            let now = renamed.get(name.as_str()).copied().unwrap_or(name);
            let Some(after) = new.events.get(now) else {
                // A program that waits for the event waits in vain.
                let verdict = (How::Removed, String::new(), Source::Breaking, RuntimeImpact::Unknown);
                self.push(What::Event, name, place::EVENTS, verdict);
                continue;
            };
            if now != name {
                // The program receives an event of a type that it does not know.
                self.renamed(What::Event, name, now, place::EVENTS, RuntimeImpact::Unknown);
            }
            self.event(now, event, after);
        }
        for (name, event) in &new.events {
            if !old.events.contains_key(name) && !new_names.contains(name.as_str()) {
                let verdict = (How::Added, rust(&event.data), Source::Additive, RuntimeImpact::Unknown);
                self.push(What::Event, name, place::EVENTS, verdict);
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
        let new_names: BTreeSet<&str> = renamed.values().copied().collect();
        let (before, after) = self.places;
        for (name, ty) in &old.types {
            let Some(now) = self.pair.counterpart(name) else {
                let namespace = place::of_type(name, &[before]);
                let verdict = (How::Removed, kind(ty), Source::Breaking, RuntimeImpact::Decodes);
                self.push(What::Type, name, &namespace, verdict);
                continue;
            };
            let namespace = self.namespace(name, now);
            if now != name {
                self.renamed(What::Type, name, now, &namespace, RuntimeImpact::Decodes);
            }
            let after = &new.types[now];
            self.ty(name, &namespace, ty, after);
        }
        for (name, ty) in &new.types {
            if !old.types.contains_key(name) && !new_names.contains(name.as_str()) {
                let verdict = (How::Added, kind(ty), Source::Additive, RuntimeImpact::Decodes);
                self.push(What::Type, name, &place::of_type(name, &[after]), verdict);
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
        if matches!((&old.shape, &new.shape), (Shape::Record(_), Shape::Record(_))) {
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

    /// Only a type that is sent has constructors.
    fn direction(&mut self, name: &str, namespace: &str, old: &Type, new: &Type) {
        let (detail, source) = match (old.sent, new.sent) {
            (true, false) => ("is no longer sent, so it has no `new` and no setters", Source::Breaking),
            (false, true) => ("is now sent too, so it has `new` and setters", Source::Additive),
            _ => return,
        };
        let verdict = (How::Changed, detail.to_owned(), source, RuntimeImpact::Decodes);
        self.push(What::Type, name, namespace, verdict);
        if let Some(last) = self.found.changes.last_mut() {
            last.loses_constructor = true;
        }
    }

    /// Compares descriptions and notices.
    fn doc(&mut self, what: What, item: &str, namespace: &str, old: &Doc, new: &Doc) {
        for (detail, source) in notices(old, new) {
            self.push(what, item, namespace, (How::Changed, detail, source, RuntimeImpact::Decodes));
        }
        self.found.descriptions += usize::from(old.text != new.text);
    }
}

/// The changes of deprecation, visibility and stability. They break nothing, and users should know them.
pub fn notices(old: &Doc, new: &Doc) -> Vec<(String, Source)> {
    let mut notices = Vec::new();
    let mut notice = |worse: bool, detail: String| {
        notices.push((detail, if worse { Source::Behaviour } else { Source::Additive }));
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

/// The impact on a running program when a method is removed.
fn removal_impact(method: &Method) -> RuntimeImpact {
    if method.group.is_ours() { RuntimeImpact::Refused } else { RuntimeImpact::Decodes }
}

fn signature(method: &Method) -> String {
    let params = if method.params == Ty::Unit { String::new() } else { rust(&method.params) };
    format!("({params}) → {}", rust(&method.result))
}

/// A type in words.
fn kind(ty: &Type) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match &ty.shape {
        Shape::Record(record) => format!("object of {}", number(record.fields.len(), "field")),
        Shape::Strings(values) => format!("enum of {}", number(values.len(), "value")),
        Shape::Union(union) => format!("union of {}", number(union.variants.len(), "variant")),
        Shape::Alias(ty) => format!("another name of {}", rust(ty)),
    }
}
