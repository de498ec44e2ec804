//! Compares the parts of a type: fields, values, variants.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::model::{Constant, Field, Record, Shape, StringVariant, Ty, Type, Union};
use serde_json::{Map, Value};

use super::change::{Change, How, RuntimeImpact, Source, What};
use super::compare::notices;
use super::pair::{Pair, has, plain, rust, rust_field};
use super::{limits, rename};

/// The similarity from which a removed and an added field count as one that was renamed.
const ALIKE: f64 = 0.5;
/// The depth to which shapes of two kinds are compared.
const DEPTH: usize = 8;

/// The changes in one type, and the number of its descriptions that have changed.
pub fn compare<'s>(pair: &Pair<'s>, name: &str, old: &'s Type, new: &'s Type) -> (Vec<Change>, usize) {
    let mut parts = Parts { pair, name, old, new, changes: Vec::new(), descriptions: 0 };
    // The limits of an enum are its values, which are compared one by one.
    if !matches!(old.shape, Shape::Strings(_)) {
        parts.limits(What::Type, "", &old.limits, &new.limits);
    }
    parts.shape();
    (parts.changes, parts.descriptions)
}

struct Parts<'p, 's> {
    pair: &'p Pair<'s>,
    name: &'p str,
    old: &'s Type,
    new: &'s Type,
    changes: Vec<Change>,
    descriptions: usize,
}

impl<'s> Parts<'_, 's> {
    fn push(&mut self, what: What, part: &str, how: How, detail: String, class: (Source, RuntimeImpact)) {
        let item = match what {
            What::Field => format!("{}.{part}", self.name),
            What::Variant => format!("{}::{part}", self.name),
            _ => self.name.to_owned(),
        };
        self.changes.push(Change::new(what, item, (how, detail, class.0, class.1)));
    }

    /// The worst impact in the directions in which the older type crosses the wire.
    fn running(&self, received: RuntimeImpact, sent: RuntimeImpact) -> RuntimeImpact {
        let mut worst = RuntimeImpact::Decodes;
        if self.old.received && !self.pair.lost.received.contains(self.name) {
            worst = worst.min(received);
        }
        if self.old.sent && !self.pair.lost.sent.contains(self.name) {
            worst = worst.min(sent);
        }
        worst
    }

    fn shape(&mut self) {
        match (&self.old.shape, &self.new.shape) {
            (Shape::Record(old), Shape::Record(new)) => {
                self.fields(&old.fields, &new.fields);
                self.order(old, new);
                self.constants(old, new);
                self.rest(old.rest.as_ref(), new.rest.as_ref());
            }
            (Shape::Strings(old), Shape::Strings(new)) => self.values(old, new),
            (Shape::Union(old), Shape::Union(new)) => {
                if old.tag != new.tag {
                    let text = |tag: &Option<String>| match tag {
                        Some(tag) => format!("by `{tag}`"),
                        None => "by shape".to_owned(),
                    };
                    let detail =
                        format!("variants distinguished {}, were {}", text(&new.tag), text(&old.tag));
                    let class =
                        (Source::Behaviour, self.running(RuntimeImpact::Unknown, RuntimeImpact::Decodes));
                    self.push(What::Type, "", How::Changed, detail, class);
                }
                self.variants(old, new);
            }
            (Shape::Alias(old), Shape::Alias(new)) if self.pair.same(old, new) => {}
            (Shape::Alias(old), Shape::Alias(new)) => {
                let running = self.running(self.pair.reads(old, new), self.pair.sends(old, new));
                let detail = format!("{} → {}", rust(old), rust(new));
                self.push(What::Type, "", How::Changed, detail, (Source::Breaking, running));
            }
            (old, new) => self.other_kind(old, new),
        }
    }

    fn other_kind(&mut self, old: &'s Shape, new: &'s Shape) {
        let kind = |shape: &Shape| match shape {
            Shape::Record(_) => "object".to_owned(),
            Shape::Strings(_) => "enum".to_owned(),
            Shape::Union(_) => "union".to_owned(),
            Shape::Alias(ty) => rust(ty),
        };
        let reads = match (old, new) {
            (Shape::Alias(old), _) if *old == Ty::Json => RuntimeImpact::Decodes,
            (Shape::Alias(Ty::String), Shape::Strings(_)) => RuntimeImpact::Decodes,
            (Shape::Strings(_), Shape::Alias(Ty::String)) => RuntimeImpact::Unknown,
            (old, new) => self.pair.reads_as(old, new, DEPTH),
        };
        let taken = match (old, new) {
            (_, Shape::Alias(Ty::Json)) | (Shape::Strings(_), Shape::Alias(Ty::String)) => true,
            (old, new) => self.pair.accepts_as(old, new, DEPTH),
        };
        let takes = if taken { RuntimeImpact::Decodes } else { RuntimeImpact::Refused };
        let detail = format!("{} → {}", kind(old), kind(new));
        let class = (Source::Breaking, self.running(reads, takes));
        self.push(What::Type, "", How::Changed, detail, class);
    }

    fn fields(&mut self, old: &'s [Field], new: &'s [Field]) {
        let (mut removed, mut added): (Vec<&Field>, Vec<&Field>) = (Vec::new(), Vec::new());
        for before in old {
            match new.iter().find(|after| after.key == before.key) {
                Some(after) => self.field(before, after),
                None => removed.push(before),
            }
        }
        added.extend(new.iter().filter(|after| old.iter().all(|before| before.key != after.key)));
        let only = removed.len() == 1 && added.len() == 1;
        for before in removed {
            let renamed = added.iter().position(|after| {
                let same = self.pair.same(&before.ty, &after.ty) && before.required == after.required;
                same && (only || self.pair.names_alike(&before.key, &after.key) >= ALIKE)
            });
            self.removed(before, renamed.map(|index| added.remove(index)));
        }
        for after in added {
            self.added(after);
        }
    }

    /// Adds the change of a removed field, which may have been renamed to a new one.
    fn removed(&mut self, old: &'s Field, new: Option<&Field>) {
        // A key that only the schemas omit may still be sent.
        let received = match self.pair.new.unspecified_keys.contains(&format!("{}.{}", self.name, old.key)) {
            true => RuntimeImpact::Decodes,
            false => self.pair.reads_without(old, constant(self.new, &old.key)),
        };
        // The CLI ignores unknown keys, and refuses a request without a required one.
        let sent =
            if new.is_some_and(|new| new.required) { RuntimeImpact::Refused } else { RuntimeImpact::Decodes };
        let class = (Source::Breaking, self.running(received, sent));
        match new {
            Some(new) => {
                self.push(What::Field, &old.key, How::Renamed, String::new(), class);
                if let Some(last) = self.changes.last_mut() {
                    last.to = Some(new.key.clone());
                }
                self.mark_left_out(new);
            }
            None => {
                let detail = rust_field(old, self.options_before(old));
                self.push(What::Field, &old.key, How::Removed, detail, class);
                self.mark_new(old.required);
            }
        }
    }

    /// Records that the last change alters the parameters of `new`, if the type has one in both sets.
    fn mark_new(&mut self, yes: bool) {
        let new = yes && self.has_new();
        if let Some(last) = self.changes.last_mut() {
            last.new |= new;
        }
    }

    /// Records whether the last change is about a key that the older set may omit.
    fn mark_left_out(&mut self, new: &Field) {
        if let Some(last) = self.changes.last_mut() {
            last.left_out = self.pair.left_out.contains(&self.new.key_place(&new.key));
        }
    }

    fn has_new(&self) -> bool {
        self.old.sent && self.new.sent
    }

    fn added(&mut self, field: &Field) {
        let mut detail = rust_field(field, self.options(field));
        let mut class = (Source::Additive, RuntimeImpact::Decodes);
        if field.required && self.has_new() {
            detail += ", a new parameter of `new`";
            class.0 = Source::Breaking;
        }
        let accepted = match constant(self.old, &field.key) {
            Some(constant) => self.pair.accepts_constant(constant, &field.ty),
            None => !field.required,
        };
        if !accepted {
            class.1 = self.running(RuntimeImpact::Decodes, RuntimeImpact::Refused);
        }
        self.push(What::Field, &field.key, How::Added, detail, class);
        self.mark_new(field.required);
        self.mark_left_out(field);
    }

    fn field(&mut self, old: &'s Field, new: &'s Field) {
        self.descriptions += usize::from(old.doc.text != new.doc.text);
        for (detail, source) in notices(&old.doc, &new.doc) {
            self.push(What::Field, &old.key, How::Changed, detail, (source, RuntimeImpact::Decodes));
        }
        self.limits(What::Field, &old.key, &old.limits, &new.limits);
        let same = self.pair.same(&old.ty, &new.ty);
        if same && (old.required, old.nullable) == (new.required, new.nullable) {
            if self.options_before(old) != self.options(new) {
                let detail = self.types(old, new);
                let class = (Source::Breaking, RuntimeImpact::Decodes);
                self.push(What::Field, &old.key, How::Changed, detail, class);
            }
            return;
        }
        let rust_same = same && self.options_before(old) == self.options(new);
        // For `new` and setters it does not matter which keys older versions omit.
        let given_same = same && old.schema_options(self.old.sent) == new.schema_options(self.new.sent);
        let new_differs = self.has_new() && (old.required != new.required || (old.required && !given_same));
        let setter_differs = self.has_new() && !old.required && (new.required || !given_same);
        let source = if !rust_same || new_differs { Source::Breaking } else { Source::Additive };
        let mut words = Vec::new();
        if !rust_same {
            words.push(self.types(old, new));
        }
        match (old.required, new.required) {
            (true, false) => words.push("no longer required".to_owned()),
            (false, true) => words.push("now required".to_owned()),
            _ => {}
        }
        match (old.nullable, new.nullable) {
            (true, false) => words.push("no longer `null`".to_owned()),
            (false, true) => words.push("may be `null`".to_owned()),
            _ => {}
        }
        let class = (source, self.field_running(old, new));
        self.push(What::Field, &old.key, How::Changed, words.join(", "), class);
        self.mark_new(new_differs);
        self.mark_left_out(new);
        if let Some(last) = self.changes.last_mut() {
            last.breaks_item = !rust_same;
            last.setter = setter_differs;
        }
    }

    /// Compares the limits of values. What is received is not checked against them, but a program may rely on them.
    fn limits(&mut self, what: What, part: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        if old != new {
            let sent =
                if limits::stricter(old, new) { RuntimeImpact::Refused } else { RuntimeImpact::Decodes };
            let class = (Source::Behaviour, self.running(RuntimeImpact::Decodes, sent));
            self.push(what, part, How::Changed, limits::differing(old, new), class);
        }
    }

    fn types(&self, old: &Field, new: &Field) -> String {
        format!("{} → {}", rust_field(old, self.options_before(old)), rust_field(new, self.options(new)))
    }

    fn options_before(&self, field: &Field) -> usize {
        field.options(self.old.sent)
    }

    /// The number of options of a field of the newer type, at least one if the older version omits it.
    fn options(&self, field: &Field) -> usize {
        let left_out = self.pair.left_out.contains(&self.new.key_place(&field.key));
        field.options(self.new.sent).max(usize::from(left_out))
    }

    fn field_running(&self, old: &'s Field, new: &'s Field) -> RuntimeImpact {
        let read = match plain(old) && !plain(new) {
            true => RuntimeImpact::Malformed,
            false => self.pair.reads(&old.ty, &new.ty),
        };
        let left_out = new.required && !old.required;
        let taken = match left_out || (old.nullable && !new.nullable) {
            true => RuntimeImpact::Refused,
            false => self.pair.sends(&old.ty, &new.ty),
        };
        self.running(read, taken)
    }

    /// Compares the order of required keys, which is the order of the parameters of `new`.
    fn order(&mut self, old: &'s Record, new: &'s Record) {
        let by_name = (self.pair.old.new_by_name(old), self.pair.new.new_by_name(new));
        if self.has_new() && by_name.0 != by_name.1 {
            let how = if by_name.1 { "by name" } else { "one by one" };
            let detail = format!("`new` takes its values {how}");
            self.new_changes(detail, true);
        }
        if by_name != (false, false) {
            return;
        }
        let (old, new) = (&old.fields, &new.fields);
        let required = |fields: &'s [Field], others: &'s [Field]| -> Vec<&'s Field> {
            let both = |field: &&Field| {
                field.required && others.iter().any(|other| other.required && other.key == field.key)
            };
            fields.iter().filter(both).collect()
        };
        let (before, after) = (required(old, new), required(new, old));
        let keys = |fields: &[&Field]| fields.iter().map(|field| field.key.clone()).collect::<Vec<_>>();
        if !self.has_new() || keys(&before) == keys(&after) {
            return;
        }
        // Of two parameters of one type each is silently passed as the other, which the compiler does not see.
        let alike =
            |old: &Field, new: &Field| old.nullable == new.nullable && self.pair.same(&old.ty, &new.ty);
        let same = before.iter().zip(&after).all(|(old, new)| alike(old, new));
        let order = keys(&after).join(", ");
        let detail = format!("`new` takes its parameters in another order: {order}");
        self.new_changes(detail, !same);
    }

    /// Records a change of `new` alone, and whether the compiler sees it.
    fn new_changes(&mut self, detail: String, is_seen: bool) {
        self.push(What::Type, "", How::Changed, detail, (Source::Breaking, RuntimeImpact::Decodes));
        self.mark_new(is_seen);
        if let Some(last) = self.changes.last_mut() {
            last.breaks_item = false;
        }
    }

    fn constants(&mut self, old: &Record, new: &Record) {
        let text = |constant: &Constant| match constant {
            Constant::String(value) => format!("\"{value}\""),
            Constant::Bool(value) => value.to_string(),
        };
        let keys: BTreeSet<&String> =
            old.constants.iter().chain(&new.constants).map(|(key, _)| key).collect();
        for key in keys {
            let (how, detail) = match (old.constant(key), new.constant(key)) {
                (Some(old), Some(new)) if old != new => {
                    (How::Changed, format!("{} → {}", text(old), text(new)))
                }
                (Some(old), None) => (How::Removed, format!("always {}", text(old))),
                (None, Some(new)) => (How::Added, format!("always {}", text(new))),
                _ => continue,
            };
            let sent = if how == How::Removed { RuntimeImpact::Decodes } else { RuntimeImpact::Refused };
            // A constant is compared when it is read, if it is there.
            let other = how == How::Changed || (how == How::Removed && new.field(key).is_some());
            let received = match other {
                true if self.is_variant() => RuntimeImpact::Unknown,
                true => RuntimeImpact::Malformed,
                false => RuntimeImpact::Decodes,
            };
            let class = (Source::Behaviour, self.running(received, sent));
            self.push(What::Field, key, how, detail, class);
        }
    }

    /// Returns true if the older type is a variant of a union, which does not know another constant.
    fn is_variant(&self) -> bool {
        self.pair.old.types.values().any(|ty| match &ty.shape {
            Shape::Union(union) => union.variants.iter().any(|variant| variant.ty.named() == Some(self.name)),
            _ => false,
        })
    }

    fn rest(&mut self, old: Option<&'s Ty>, new: Option<&'s Ty>) {
        let (how, detail, class) = match (old, new) {
            (Some(old), None) => (
                How::Removed,
                format!("any other keys, of {}", rust(old)),
                (Source::Breaking, RuntimeImpact::Decodes),
            ),
            (None, Some(new)) => (
                How::Added,
                format!("any other keys, of {}", rust(new)),
                (Source::Additive, RuntimeImpact::Decodes),
            ),
            (Some(old), Some(new)) if !self.pair.same(old, new) => {
                let running = self.running(self.pair.reads(old, new), self.pair.sends(old, new));
                (How::Changed, format!("{} → {}", rust(old), rust(new)), (Source::Breaking, running))
            }
            _ => return,
        };
        self.push(What::Field, "rest", how, detail, class);
    }

    fn values(&mut self, old: &[StringVariant], new: &[StringVariant]) {
        let names = |of: &[StringVariant]| of.iter().map(|of| of.name.clone()).collect::<Vec<_>>();
        let renamed = self.renamed_variants(&names(old), &names(new));
        for StringVariant { value, name, .. } in old.iter().filter(|old| !has(new, &old.value)) {
            // Two spellings may have the same name in Rust.
            match new.iter().find(|new| new.name == *name) {
                Some(now) => {
                    let class =
                        (Source::Behaviour, self.running(RuntimeImpact::Unknown, RuntimeImpact::Refused));
                    let detail = format!("written \"{}\", was \"{value}\"", now.value);
                    self.push(What::Variant, name, How::Changed, detail, class);
                }
                None => self.variant_removed(name, format!("\"{value}\""), renamed.get(name)),
            }
        }
        for StringVariant { value, name, .. } in new.iter().filter(|new| !has(old, &new.value)) {
            if !old.iter().any(|old| old.name == *name) && !renamed.values().any(|other| other == name) {
                self.variant_added(name, format!("\"{value}\""));
            }
        }
    }

    fn variants(&mut self, old: &'s Union, new: &'s Union) {
        let names = |of: &Union| of.variants.iter().map(|variant| variant.name.clone()).collect::<Vec<_>>();
        let renamed = self.renamed_variants(&names(old), &names(new));
        for before in &old.variants {
            let name = &before.name;
            let Some(after) = new.variant(name) else {
                self.variant_removed(name, rust(&before.ty), renamed.get(name));
                continue;
            };
            if !self.pair.same(&before.ty, &after.ty) {
                let (old, new) = (&before.ty, &after.ty);
                let running = self.running(self.pair.reads(old, new), self.pair.sends(old, new));
                let detail = format!("{} → {}", rust(old), rust(new));
                self.push(What::Variant, name, How::Changed, detail, (Source::Breaking, running));
            } else if !self.pair.same_test(before, after) {
                let class = (Source::Behaviour, self.running(RuntimeImpact::Unknown, RuntimeImpact::Decodes));
                let detail =
                    format!("discriminated by {}, was {}", after.discriminator, before.discriminator);
                self.push(What::Variant, name, How::Changed, detail, class);
            }
        }
        for after in new.variants.iter().filter(|after| old.variant(&after.name).is_none()) {
            if !renamed.values().any(|other| *other == after.name) {
                self.variant_added(&after.name, rust(&after.ty));
            }
        }
    }

    /// The inferred new names of removed variants.
    fn renamed_variants(&self, old: &[String], new: &[String]) -> BTreeMap<String, String> {
        let removed = old.iter().filter(|name| !new.contains(name));
        let added: Vec<&String> = new.iter().filter(|name| !old.contains(name)).collect();
        let renamed = removed.filter_map(|name| {
            // Values are short, so that similar ones often mean different things.
            let alike = |now: &&&String| {
                self.pair.reworded(name, now) || rename::letters(name) == rename::letters(now)
            };
            let now = added.iter().find(alike)?;
            Some((name.clone(), (*now).clone()))
        });
        renamed.collect()
    }

    fn variant_removed(&mut self, name: &str, detail: String, now: Option<&String>) {
        let unknown = if now.is_some() { RuntimeImpact::Unknown } else { RuntimeImpact::Decodes };
        let class = (Source::Breaking, self.running(unknown, RuntimeImpact::Refused));
        let (how, detail) =
            if now.is_some() { (How::Renamed, String::new()) } else { (How::Removed, detail) };
        self.push(What::Variant, name, how, detail, class);
        if let Some(last) = self.changes.last_mut() {
            last.to = now.cloned();
        }
    }

    fn variant_added(&mut self, name: &str, detail: String) {
        let class = (Source::Additive, self.running(RuntimeImpact::Unknown, RuntimeImpact::Decodes));
        self.push(What::Variant, name, How::Added, detail, class);
    }
}

/// The constant value of a key of a type, if it has one.
fn constant<'s>(ty: &'s Type, key: &str) -> Option<&'s Constant> {
    match &ty.shape {
        Shape::Record(record) => record.constant(key),
        _ => None,
    }
}
