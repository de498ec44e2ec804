//! Which types of the older set no longer cross the wire, since all that carried them is gone or called otherwise.
//!
//! What changes in them is met by no program that was built for the older set: its call is refused, and what it
//! would receive comes under a name that it does not know.

use std::collections::BTreeSet;

use copilot_session_codegen::survey::Survey;

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
    Lost { sent: sent.lost(old), received: received.lost(old) }
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

    /// What is reached from what is gone only. What nothing is known to carry may be carried by anything.
    fn lost(self, survey: &'s Survey) -> BTreeSet<&'s str> {
        let stays = survey.reach(self.stays);
        survey.reach(self.gone).into_iter().filter(|name| !stays.contains(name)).collect()
    }
}
