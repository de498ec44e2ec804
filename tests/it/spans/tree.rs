//! A layer of `tracing` that keeps the spans as a tree.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

/// The fields that are shown.
const SHOWN: [&str; 6] = [
    "rpc.method",
    "gen_ai.provider.name",
    "gen_ai.tool.name",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "error.type",
];

/// All spans so far, in the order of their beginning.
#[derive(Clone, Default)]
pub struct Tree(Arc<Mutex<Vec<Node>>>);

struct Node {
    id: Id,
    parent: Option<usize>,
    /// The name, and the values of the fields that are shown.
    line: String,
}

/// Collects the spans of this thread, which runs the whole test.
pub fn collect() -> (Tree, tracing::subscriber::DefaultGuard) {
    let tree = Tree::default();
    let guard = tracing::subscriber::set_default(Registry::default().with(tree.clone()));
    (tree, guard)
}

impl Tree {
    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.0.lock().expect("the nodes")
    }

    /// The spans without a parent that have this name, each with its children below it.
    pub fn of(&self, root: &str) -> String {
        let (nodes, mut text) = (self.nodes(), String::new());
        for (index, node) in nodes.iter().enumerate() {
            if node.parent.is_none() && node.line.split(' ').next() == Some(root) {
                print(&nodes, index, 0, &mut text);
            }
        }
        text
    }
}

fn print(nodes: &[Node], index: usize, depth: usize, text: &mut String) {
    writeln!(text, "{:1$}{2}", "", 2 * depth, nodes[index].line).expect("a line");
    for (child, node) in nodes.iter().enumerate() {
        if node.parent == Some(index) {
            print(nodes, child, depth + 1, text);
        }
    }
}

/// Returns the place of a span. An id may be used again after its span has closed.
fn place(nodes: &[Node], id: &Id) -> Option<usize> {
    nodes.iter().rposition(|node| node.id == *id)
}

impl<S: tracing::Subscriber> Layer<S> for Tree {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let current = context.current_span();
        let parent = attributes.parent().or(current.id().filter(|_| attributes.is_contextual()));
        let mut nodes = self.nodes();
        let parent = parent.and_then(|parent| place(&nodes, parent));
        let mut node = Node { id: id.clone(), parent, line: attributes.metadata().name().to_owned() };
        attributes.record(&mut node);
        nodes.push(node);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut nodes = self.nodes();
        let place = place(&nodes, id).expect("the span");
        values.record(&mut nodes[place]);
    }
}

impl Visit for Node {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if SHOWN.contains(&field.name()) {
            write!(self.line, " {value:?}").expect("a value");
        }
    }
}
