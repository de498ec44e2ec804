//! Types of the older set that no longer cross the wire, because every method, event or union variant with them was
//! removed or renamed.
//!
//! Changes in these types affect no program that was built for the older set: its calls are refused, and what it
//! receives has an unknown name.

use std::collections::BTreeSet;

use copilot_session_codegen::model::{Model, Shape, Ty, Variant};

/// Types of the older set by the direction in which they no longer cross the wire.
#[derive(Debug, Default)]
pub struct Lost<'s> {
    pub sent: BTreeSet<&'s str>,
    pub received: BTreeSet<&'s str>,
}

pub fn find<'s>(old: &'s Model, new: &Model) -> Lost<'s> {
    let (mut sent, mut received) = (Roots::default(), Roots::default());
    for (name, method) in &old.methods {
        let stays = new.methods.get(name).is_some_and(|now| now.group == method.group);
        sent.add(method.sent().named(), stays);
        received.add(method.received().named(), stays);
    }
    for (name, event) in &old.events {
        received.add(event.data.named(), new.events.contains_key(name));
    }
    Lost { sent: sent.lost(old, new), received: received.lost(old, new) }
}

/// The types of removed methods and events, and of the remaining ones.
#[derive(Default)]
struct Roots<'s> {
    removed: Vec<&'s str>,
    stays: Vec<&'s str>,
}

impl<'s> Roots<'s> {
    fn add(&mut self, name: Option<&'s str>, stays: bool) {
        if stays { self.stays.extend(name) } else { self.removed.extend(name) }
    }

    /// The types that are no longer reached. A type that was never reached may be used anywhere, and is not lost.
    fn lost(self, old: &'s Model, new: &Model) -> BTreeSet<&'s str> {
        let reached = still_reached(old, new, &self.stays);
        let all = old.reach(self.removed.into_iter().chain(self.stays));
        all.into_iter().filter(|name| !reached.contains(name)).collect()
    }
}

/// The types reached from some types, without the union variants whose tag has changed.
fn still_reached<'s>(old: &'s Model, new: &Model, from: &[&'s str]) -> BTreeSet<&'s str> {
    let mut open = from.to_vec();
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(ty) = old.types.get(name) else { continue };
        if !reached.insert(name) {
            continue;
        }
        match (&ty.shape, new.types.get(name).map(|ty| &ty.shape)) {
            (Shape::Union(old), Some(Shape::Union(now))) if old.tag.is_some() => {
                let stays = |old: &&Variant| {
                    now.variants.iter().any(|now| old.discriminator.shares_tag(&now.discriminator))
                };
                open.extend(old.variants.iter().filter(stays).filter_map(|old| old.ty.named()));
            }
            _ => open.extend(ty.references().into_iter().filter_map(Ty::named)),
        }
    }
    reached
}
