//! Marks the types that a client sends and those that it receives, by reachability from the methods and events.

use std::collections::BTreeSet;

use crate::model::{Model, Ty};

/// Marks each type.
pub fn mark(model: &mut Model) {
    let methods = model.methods.values();
    let (sent, received): (Vec<&Ty>, Vec<&Ty>) =
        methods.map(|method| (method.sent(), method.received())).unzip();
    let marked = model.types.iter().filter(|(_, ty)| ty.sent).map(|(name, _)| name.as_str());
    let sent = names(model.reach(sent.into_iter().filter_map(Ty::named).chain(marked)));
    let events = model.events.values().map(|event| &event.data);
    let received = names(model.reach(received.into_iter().chain(events).filter_map(Ty::named)));
    for (name, ty) in &mut model.types {
        ty.sent = sent.contains(name);
        // An unreferenced type may occur in opaque JSON, so it counts as received.
        ty.received = received.contains(name) || !ty.sent;
    }
}

fn names(reached: BTreeSet<&str>) -> BTreeSet<String> {
    reached.into_iter().map(str::to_owned).collect()
}
