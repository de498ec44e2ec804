// Shows the steps of a session as a tree, each with a bar on the time axis of its turn.

import { format } from "./format.js";

// Creates an element with a class and a text.
export function element(name, kind, text) {
  const created = document.createElement(name);
  if (kind) created.className = kind;
  if (text !== undefined) created.textContent = text;
  return created;
}

const words = { running: "running", done: "done", failed: "failed", stopped: "stopped" };
const signs = { running: "●", done: "✓", failed: "✕", stopped: "■" };
const kinds = { turn: "turn", model: "model", tool: "tool", agent: "agent", wait: "wait", note: "note" };

// The time between two steps of a running bar, in milliseconds.
const tick = 200;

export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export class View {
  // `tree` is the list to fill, `pane` is what scrolls.
  constructor(tree, pane) {
    this.tree = tree;
    this.pane = pane;
    this.rows = new Map();
    this.stale = new Set();
    // True while the server says what happens; otherwise the bars do not grow.
    this.isLive = false;
    // True while the end is shown: then it stays in sight when something is added, or when the window shrinks.
    this.follows = true;
    pane.addEventListener("scroll", () => (this.follows = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80));
    new ResizeObserver(() => this.toEnd()).observe(pane);
    setInterval(() => this.grow(), tick);
  }

  // Shows these nodes only.
  reset(nodes) {
    this.tree.replaceChildren();
    this.rows.clear();
    this.stale.clear();
    for (const node of nodes) this.put(node);
    this.follows = true;
    this.settle();
  }

  change(change) {
    switch (change.change) {
      case "node":
        this.put(change.node);
        break;
      case "append": {
        const row = this.rows.get(change.id);
        if (row) this.append(row, change.part, change.text);
        break;
      }
      case "gone":
        this.rows.get(change.id)?.item.remove();
        this.rows.delete(change.id);
        break;
    }
  }

  // Draws what the changes concern, once for all of them.
  settle() {
    for (const turn of this.stale) this.draw(turn);
    this.stale.clear();
    this.toEnd();
  }

  toEnd() {
    if (this.follows) this.pane.scrollTop = this.pane.scrollHeight;
  }

  grow() {
    if (!this.isLive) return;
    for (const [id, row] of this.rows) {
      if (row.node.kind === "turn" && row.node.progress === "running") this.draw(id);
    }
  }

  put(node) {
    let row = this.rows.get(node.id);
    if (!row) {
      row = this.create(node);
      this.rows.set(node.id, row);
      const parent = this.rows.get(node.parent);
      (parent ? parent.children : this.tree).append(row.item);
    }
    row.node = node;
    row.item.className = `node ${node.kind} ${node.progress}`;
    row.sign.textContent = signs[node.progress];
    row.sign.setAttribute("aria-label", words[node.progress]);
    row.title.textContent = node.title;
    row.facts.textContent = factsOf(node);
    const hasRequest = node.request && node.request !== node.title;
    row.title.classList.toggle("whole", !hasRequest);
    this.text(row, "request", hasRequest ? node.request : "");
    this.text(row, "thinking", node.thinking);
    this.text(row, "text", node.text);
    if (node.formatted) this.formatted(row, node.formatted);
    row.more.textContent = node.leftOut ? `${node.leftOut.toLocaleString("en")} more bytes are not shown` : "";
    row.more.hidden = !node.leftOut;
    this.stale.add(this.turnOf(node));
  }

  create(node) {
    const item = element("li");
    const details = element("details");
    const summary = element("summary");
    const sign = element("span", "sign");
    const title = element("span", "title");
    const label = element("span", "label");
    label.append(sign, element("span", "kind", kinds[node.kind]), title);
    const facts = element("span", "facts");
    const track = element("span", "track");
    const bar = element("span", "bar");
    track.setAttribute("aria-hidden", "true");
    track.append(bar);
    const time = element("span", "time");
    summary.append(label, facts, track, time);
    const parts = { request: element("pre", "request"), thinking: element("pre", "thinking"), text: element(node.kind === "model" ? "div" : "pre", "text") };
    const more = element("p", "more");
    details.append(summary, parts.request, parts.thinking, parts.text, more);
    details.open = node.kind === "model" || node.kind === "turn";
    const children = element("ol");
    item.dataset.id = node.id;
    item.append(details, children);
    return { node, item, sign, title, facts, bar, time, parts, more, children };
  }

  text(row, part, text) {
    row.parts[part].textContent = text;
    row.parts[part].hidden = !text;
  }

  formatted(row, pieces) {
    row.parts.text.replaceChildren(format(pieces));
    row.parts.text.classList.add("formatted");
    row.parts.text.hidden = !pieces.length;
  }

  append(row, part, text) {
    row.parts[part].append(text);
    row.parts[part].hidden = false;
  }

  turnOf(node) {
    let id = node.id;
    while (this.rows.get(id)?.node.parent) id = this.rows.get(id).node.parent;
    return id;
  }

  // Places the bars of a turn on its time axis.
  draw(id) {
    const turn = this.rows.get(id);
    if (!turn) return;
    const begin = Date.parse(turn.node.start);
    const items = [turn.item, ...turn.item.querySelectorAll(".node")];
    const rows = items.map((item) => this.rows.get(Number(item.dataset.id))).filter(Boolean);
    const ends = rows.map((row) => Date.parse(row.node.end ?? row.node.start));
    const running = turn.node.progress === "running";
    const latest = Math.max(...ends, running ? Date.now() : begin);
    const scale = 100 / Math.max(latest - begin, 1);
    for (const row of rows) {
      const start = Date.parse(row.node.start);
      const end = row.node.end ? Date.parse(row.node.end) : latest;
      row.bar.style.left = `${Math.min((start - begin) * scale, 99.5)}%`;
      row.bar.style.width = `${Math.max((end - start) * scale, 0.5)}%`;
      row.time.textContent = row.node.kind === "note" ? "" : duration(Math.max(end - start, 0));
    }
  }
}

function factsOf(node) {
  const parts = [];
  if (node.firstToken) parts.push(`first token ${duration(node.firstToken)}`);
  if (node.tokens) parts.push(`${node.tokens.input.toLocaleString("en")} in, ${node.tokens.output.toLocaleString("en")} out`);
  return parts.join(" · ");
}
