//! Which types of the older set no longer cross the wire, since all that carried them is gone or called otherwise: a
//! method, an event, a variant of a union.
//!
//! What changes in them is met by no program that was built for the older set: its call is refused, and what it
//! would receive comes under a name that it does not know.

use std::collections::BTreeSet;

use copilot_session_codegen::survey::{Shape, Survey, Ty, Variant};

use super::left_out::same_tags;

/// Types of the older set by the way that they no longer go.
#[derive(Debug, Default)]
pub struct Lost<'s> {
    pub sent: BTreeSet<&'s str>,
    pub received: BTreeSet<&'s str>,
}

pub fn find<'s>(old: &'s Survey, new: &Survey) -> Lost<'s> {
    let (mut sent, mut received) = (Roots::default(), Roots::default());
    for (name, method) in &old.methods {
        let stays = new.methods.get(name).is_some_and(|now| now.group == method.group);
        let (ours, theirs) = match method.group.is_ours() {
            true => (&method.params, &method.result),
            false => (&method.result, &method.params),
        };
        sent.add(ours.named(), stays);
        received.add(theirs.named(), stays);
    }
    for (name, event) in &old.events {
        received.add(event.data.named(), new.events.contains_key(name));
    }
    Lost { sent: sent.lost(old, new), received: received.lost(old, new) }
}

/// What is carried by what is gone, and by what stays.
#[derive(Default)]
struct Roots<'s> {
    gone: Vec<&'s str>,
    stays: Vec<&'s str>,
}

impl<'s> Roots<'s> {
    fn add(&mut self, name: Option<&'s str>, stays: bool) {
        if stays { self.stays.extend(name) } else { self.gone.extend(name) }
    }

    /// What is no longer reached. What nothing is known to carry may be carried by anything.
    fn lost(self, old: &'s Survey, new: &Survey) -> BTreeSet<&'s str> {
        let met = still_met(old, new, &self.stays);
        let all = old.reach(self.gone.into_iter().chain(self.stays));
        all.into_iter().filter(|name| !met.contains(name)).collect()
    }
}

/// What is reached from some types without the variants of unions that have another tag now.
fn still_met<'s>(old: &'s Survey, new: &Survey, from: &[&'s str]) -> BTreeSet<&'s str> {
    let mut open = from.to_vec();
    let mut met = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(ty) = old.types.get(name) else { continue };
        if !met.insert(name) {
            continue;
        }
        match (&ty.shape, new.types.get(name).map(|ty| &ty.shape)) {
            (Shape::Union { tag: Some(_), variants }, Some(Shape::Union { variants: now, .. })) => {
                let stays = |old: &Variant| now.values().any(|now| same_tags(old, now));
                open.extend(variants.values().filter(|old| stays(old)).filter_map(|old| old.ty.named()));
            }
            _ => open.extend(ty.references().into_iter().filter_map(Ty::named)),
        }
    }
    met
}
