//! Marks the types that a client sends and those that it receives, by reachability from the methods and events.

use std::collections::BTreeSet;

use crate::model::{Model, Shape, Ty};

/// Marks each type. Sent fields that may be absent or `null` become double options, so that both can be expressed.
pub fn mark(model: &mut Model) {
    let mut sent = BTreeSet::new();
    let mut received = BTreeSet::new();
    for method in &model.methods {
        let (ours, theirs) = match method.group.is_ours() {
            true => (&method.params, &method.result),
            false => (&method.result, &method.params),
        };
        reach(model, ours, &mut sent);
        reach(model, theirs, &mut received);
    }
    for event in &model.events {
        reach(model, &event.data, &mut received);
    }
    for name in model.types.iter().filter(|(_, ty)| ty.sent).map(|(name, _)| name) {
        reach(model, &Ty::Named(name.clone()), &mut sent);
    }
    for (name, ty) in &mut model.types {
        ty.sent = sent.contains(name);
        // An unreferenced type may occur in opaque JSON, so it counts as received.
        ty.received = received.contains(name) || !ty.sent;
        if ty.sent {
            separate_null_from_absent(&mut ty.shape);
        }
    }
}

fn reach(model: &Model, from: &Ty, reached: &mut BTreeSet<String>) {
    let mut open: Vec<String> = from.named().map(str::to_owned).into_iter().collect();
    while let Some(name) = open.pop() {
        if let (Some(ty), true) = (model.types.get(&name), reached.insert(name)) {
            open.extend(Model::references(ty).into_iter().map(str::to_owned));
        }
    }
}

/// A receiver need not distinguish `null` from absent, but the CLI may read a `null` as "reset this".
fn separate_null_from_absent(shape: &mut Shape) {
    let Shape::Record(record) = shape else { return };
    for field in &mut record.fields {
        if !field.required && field.nullable {
            field.ty = Ty::Option(Box::new(field.ty.clone()));
        }
    }
}
