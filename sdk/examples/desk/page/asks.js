// Shows the questions of the agent, and sends the answers.

import { element } from "./view.js";

// The time in which no button does anything after questions have come, gone or moved, so that a click that was meant for
// something else answers nothing. In milliseconds.
const calm = 400;

export class Asks {
  // `answer` sends an answer to the question with a number.
  constructor(place, answer) {
    this.place = place;
    this.answer = answer;
    this.cards = new Map();
    // The cards whose answer is on its way.
    this.sending = new Set();
    this.timer = null;
    // A click that brings the window to the front may have been meant for what was there before.
    addEventListener("focus", () => this.calm());
  }

  // Shows these questions only. Those that are shown already stay as they are, with what was typed.
  reset(asks) {
    for (const id of [...this.cards.keys()]) if (!(id in asks)) this.set(id, null);
    for (const [id, ask] of Object.entries(asks)) this.set(id, ask);
  }

  set(id, ask) {
    id = String(id);
    const card = this.cards.get(id);
    if (!ask && card) {
      card.remove();
      this.cards.delete(id);
      this.sending.delete(card);
      this.calm();
    } else if (ask && !card) {
      const created = this.create(id, ask);
      this.cards.set(id, created);
      this.place.append(created);
      this.calm();
    }
  }

  // Switches the buttons of all cards off for a while, since all of them may have moved.
  calm() {
    clearTimeout(this.timer);
    for (const card of this.cards.values()) enable(card, false);
    this.timer = setTimeout(() => {
      for (const card of this.cards.values()) enable(card, !this.sending.has(card));
    }, calm);
  }

  create(id, ask) {
    const card = element("form", `ask ${ask.kind}`);
    card.dataset.ask = id;
    card.addEventListener("submit", (event) => event.preventDefault());
    const problem = element("p", "problem");
    problem.setAttribute("role", "alert");
    const send = async (answer) => {
      this.sending.add(card);
      enable(card, false);
      try {
        await this.answer(id, answer);
        // The card goes when the server says so.
      } catch (error) {
        problem.textContent = error.message;
        this.sending.delete(card);
        this.calm();
      }
    };
    // Adds a button to the row at the end of the card.
    const button = (text, kind, answer) => {
      if (!card.lastElementChild?.matches(".buttons")) card.append(element("div", "buttons"));
      const created = element("button", kind, text);
      created.type = "button";
      created.addEventListener("click", () => send(answer()));
      card.lastElementChild.append(created);
    };
    shapes[ask.kind](card, ask, button);
    card.append(problem);
    return card;
  }
}

function enable(card, on) {
  for (const button of card.querySelectorAll("button")) button.disabled = !on;
}

const shapes = {
  permission(card, ask, button) {
    card.append(element("h2", "", `The agent wants to ${ask.what}`));
    if (ask.intention) card.append(element("p", "intention", `Its reason: ${ask.intention}`));
    if (ask.warning) card.append(element("p", "warning", ask.warning));
    card.append(element("pre", "whole", ask.whole));
    if (ask.once) card.append(element("p", "once", ask.once));
    const reason = field("If you deny it: why?", "input");
    card.append(reason.label);
    button("Approve", "approve primary", () => ({ answer: "approve" }));
    if (ask.always) button(`In this session, always allow ${ask.always}`, "always", () => ({ answer: "always" }));
    button("Deny", "deny", () => ({ answer: "deny", reason: reason.control.value }));
  },

  question(card, ask, button) {
    card.append(element("h2", "", "The agent asks"), element("p", "whole", ask.question));
    ask.choices.forEach((choice, number) => button(choice, "choice primary", () => ({ answer: "choice", number })));
    if (ask.free) {
      const own = field(ask.choices.length ? "Or in your own words" : "Your answer", "input");
      card.append(own.label);
      button("Answer", ask.choices.length ? "text" : "text primary", () => ({ answer: "text", text: own.control.value }));
    }
    button("No answer", "deny", () => ({ answer: "deny" }));
  },

  form(card, ask, button) {
    card.append(element("h2", "", ask.source ? `A form of ${ask.source}` : "A form"), element("p", "whole", ask.message));
    if (ask.url) card.append(element("p", "", "It wants you to visit this page:"), element("pre", "whole", ask.url));
    const reads = ask.fields.map((described) => formField(card, described));
    const values = () => reads.map((read) => read());
    button(ask.url ? "I have visited it" : "Send", "fill primary", () => ({ answer: "fill", values: values() }));
    button("Decline", "deny", () => ({ answer: "deny" }));
  },

  plan(card, ask, button) {
    card.append(element("h2", "", "The agent has a plan"), element("pre", "whole", ask.plan));
    const reason = field("If you refuse it: what should change?", "input");
    card.append(reason.label);
    ask.ways.forEach((way, number) => {
      const kind = number === ask.suggested ? "approve primary" : "approve";
      button(way, kind, () => ({ answer: "choice", number }));
    });
    if (!ask.ways.length) button("Approve", "approve primary", () => ({ answer: "approve" }));
    button("Refuse", "deny", () => ({ answer: "deny", reason: reason.control.value }));
  },
};

// A control with a label around it.
function field(text, name) {
  const control = element(name);
  const label = element("label", "", text);
  label.append(control);
  return { label, control };
}

// Adds the field of a form, and returns a function that reads it: null if it is empty.
function formField(card, described) {
  const { type, options = [] } = described.input;
  const choose = type === "one" || type === "any";
  const { label, control } = field(described.label + (described.required ? " *" : ""), choose ? "select" : "input");
  if (described.hint) label.append(element("small", "", described.hint));
  card.append(label);
  if (choose) {
    control.multiple = type === "any";
    if (type === "one") control.append(new Option("", ""));
    const chosen = [described.default].flat();
    options.forEach((text, number) => control.append(new Option(text, number, false, chosen.includes(number))));
  } else if (type === "flag") {
    control.type = "checkbox";
    control.checked = described.default === true;
  } else {
    control.type = type === "number" ? "number" : "text";
    if (type === "number") control.step = described.input.whole ? "1" : "any";
    control.value = described.default ?? "";
  }
  return () => {
    if (type === "flag") return control.checked;
    if (type === "any") return [...control.selectedOptions].map((option) => Number(option.value));
    if (control.value === "") return null;
    return type === "text" ? control.value : Number(control.value);
  };
}
