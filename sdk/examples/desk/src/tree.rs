//! The nodes of a state, within limits, and their changes.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session::SessionEvent;

use crate::node::{Kind, Node, Part, Progress};

/// The most nodes of a tree. Beyond it the oldest that have ended are left out.
pub const MAX_NODES: usize = 2000;

/// The most memory of the texts of all nodes, in bytes, likewise.
pub const MAX_SIZE: usize = 4 << 20;

/// Nodes by number. A node follows the one that it is a part of.
#[derive(Default)]
pub struct Tree {
    nodes: BTreeMap<u64, Node>,
    size: usize,
    next: u64,
    left_out: usize,
    changes: Changes,
}

/// The changes of a tree.
#[derive(Default)]
pub struct Changes {
    /// The nodes that are new or have changed.
    pub nodes: BTreeSet<u64>,
    /// The texts that have grown, and by what.
    pub appended: Vec<(u64, Part, String)>,
    /// The nodes that are left out from now on.
    pub gone: Vec<u64>,
}

impl Tree {
    /// The nodes by number.
    pub fn nodes(&self) -> &BTreeMap<u64, Node> {
        &self.nodes
    }

    /// The memory of the texts of all nodes, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of nodes that are left out.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Takes what changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// The latest node of this kind with this id on the wire.
    pub fn find(&self, kind: Kind, key: &str) -> Option<u64> {
        let mut latest = self.nodes.values().rev();
        latest.find(|node| node.kind == kind && node.key == key).map(|node| node.id)
    }

    /// Adds a node that an event begins.
    pub fn add(&mut self, parent: Option<u64>, kind: Kind, event: &SessionEvent) -> u64 {
        self.next += 1;
        let mut node = Node::new(self.next, parent, kind, event.timestamp());
        node.agent = event.agent_id().unwrap_or_default().to_owned();
        self.size += node.size();
        self.nodes.insert(node.id, node);
        self.changes.nodes.insert(self.next);
        self.next
    }

    /// Changes a node.
    pub fn change(&mut self, id: u64, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let before = node.size();
        change(node);
        self.size = self.size - before + node.size();
        self.changes.nodes.insert(id);
    }

    /// Appends to a text of a node.
    pub fn append(&mut self, id: u64, part: Part, text: &str) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if let Some(appended) = node.append(part, text) {
            self.size += appended.len();
            self.changes.appended.push((id, part, appended));
        }
    }

    /// Ends all that runs.
    pub fn finish_all(&mut self, progress: Progress, at: &str) {
        let running: Vec<u64> =
            self.nodes.values().filter(|node| node.is_running()).map(|node| node.id).collect();
        for id in running {
            self.change(id, |node| node.finish(progress, at));
        }
    }

    /// Leaves out the oldest nodes that have ended, with all that is below them, until the limits hold.
    pub fn shrink(&mut self) {
        while self.nodes.len() > MAX_NODES || self.size > MAX_SIZE {
            let ended = self.nodes.values().find(|node| !node.is_running());
            // If all of them run, it is the oldest below the turn.
            let Some(oldest) = ended.or(self.nodes.values().nth(1)).map(|node| node.id) else { return };
            let mut gone = BTreeSet::from([oldest]);
            for node in self.nodes.range(oldest..).map(|(_, node)| node) {
                if node.parent.is_some_and(|parent| gone.contains(&parent)) {
                    gone.insert(node.id);
                }
            }
            for id in &gone {
                self.size -= self.nodes.remove(id).map_or(0, |node| node.size());
                self.changes.nodes.remove(id);
            }
            self.left_out += gone.len();
            self.changes.gone.extend(gone);
        }
    }
}
