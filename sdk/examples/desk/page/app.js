// Connects the page to the server: the list of sessions, the session that is shown, and the calls of the buttons.
// Text of others is only ever set as text, never as HTML, also where it is formatted.

import { Asks } from "./asks.js";
import { View, element } from "./view.js";

const find = (id) => document.getElementById(id);

// The token comes with the address once. The tab keeps it, so that it survives a reload. Other sites can lead this tab to
// an address with a wrong one, so a token that the tab has stays until the new one has worked.
const tokenOf = (hash) => new URLSearchParams(hash.slice(1)).get("token") ?? "";
const given = tokenOf(location.hash);
const kept = sessionStorage.getItem("token") ?? given;
if (given) {
  sessionStorage.setItem("token", kept);
  history.replaceState(null, "", location.pathname);
}
let token = given || kept;

const view = new View(find("tree"), find("work"));
const asks = new Asks(find("asks"), (id, answer) => call(`sessions/${shown}/asks/${id}`, answer));

// The prompt of each session that is not sent yet. The tab keeps it, so that it survives a reload.
const draftOf = (session) => sessionStorage.getItem(`draft ${session}`) ?? "";

function keepDraft(session, text) {
  if (text) sessionStorage.setItem(`draft ${session}`, text);
  else sessionStorage.removeItem(`draft ${session}`);
}

// The id of the session that is shown; it is in the address, so that it survives a reload.
let shown = "";
let sessions = [];
// What the server last said about the session; null while it is not open.
let head = null;
let stream = null;

// Sends a request with the token. The browser's own words for a failed connection would help nobody.
async function request(path, options) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers };
  try {
    return await fetch(`api/${path}`, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Error("desk does not answer; it may have ended");
  }
}

async function call(path, body) {
  const headers = { "content-type": "application/json" };
  const response = await request(path, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
  if (!response.ok) {
    throw new Error((await response.text()) || response.statusText);
  }
  return response.status === 204 ? null : response.json();
}

// Runs what a button does, and shows why it failed.
async function attempt(work) {
  find("problem").hidden = true;
  try {
    return await work();
  } catch (error) {
    find("problem").textContent = error.message;
    find("problem").hidden = false;
  }
}

// The server-sent events of a response.
async function* messages(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
      yield Object.fromEntries(fields);
    }
  }
}

// The most tabs of this browser with a stream. It has six connections with a server, and calls need one of them.
const places = 5;

// Waits while other tabs have all the places, and takes one. Returns a function that gives it back.
async function takePlace() {
  const take = (number) =>
    new Promise((done) => {
      // A lock lasts until the promise of this function is kept.
      navigator.locks.request(`stream ${number}`, { ifAvailable: true }, (lock) =>
        lock ? new Promise((leave) => done(leave)) : done(null),
      );
    });
  for (;;) {
    for (let number = 0; number < places; number += 1) {
      const leave = await take(number);
      if (leave) return leave;
    }
    find("connection").textContent = "too many tabs";
    find("hint").textContent = `${places} tabs of this browser show desk already. Close one of them.`;
    await new Promise((done) => setTimeout(done, 1000));
  }
}

// The place of this tab; null while it has no token, since any site can open such tabs.
let place = null;

// Nothing that this tab has is the token.
function refuse() {
  sessionStorage.removeItem("token");
  place?.then((leave) => leave());
  place = null;
  find("connection").textContent = "no access";
  find("hint").textContent = "Open the address that desk has printed in the terminal.";
}

// Says how the connection is. While there is none, nothing on the page goes on.
function connection(text) {
  find("connection").textContent = text;
  view.isLive = text === "connected";
  find("connection").classList.toggle("lost", !view.isLive);
}

// Follows the server until `signal` is aborted. After a broken connection it goes on behind the last message.
async function follow(session, signal) {
  if (token) await (place ??= takePlace());
  let last = null;
  for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 8000)) {
    if (!token) return refuse();
    const tried = token;
    let trouble = "";
    try {
      const headers = last ? { "last-event-id": last } : {};
      const query = session ? `?session=${encodeURIComponent(session)}` : "";
      const response = await request(`events${query}`, { headers, signal });
      if (response.status === 401) {
        token = tried === kept ? "" : kept;
        continue;
      }
      if (!response.ok) throw new Error(await response.text());
      sessionStorage.setItem("token", tried);
      connection("connected");
      for await (const message of messages(response)) {
        if (signal.aborted) return;
        // If a message cannot be shown, the next attempt begins with the whole state.
        const place = message.id ?? last;
        last = null;
        if (message.event) take(message.event, message.data);
        last = place;
        pause = 500;
      }
    } catch (error) {
      trouble = ` (${error.message})`;
    }
    if (signal.aborted) return;
    connection(`connecting …${trouble}`);
    await new Promise((done) => setTimeout(done, pause));
  }
}

function take(event, data) {
  switch (event) {
    case "sessions":
      sessions = JSON.parse(data);
      showList();
      break;
    case "state": {
      const state = JSON.parse(data);
      head = state.head;
      view.reset(state.nodes);
      asks.reset(state.asks);
      break;
    }
    case "changes":
      for (const change of JSON.parse(data)) {
        if (change.change === "head") head = change.head;
        else if (change.change === "ask") asks.set(change.id, change.ask);
        else view.change(change);
      }
      view.settle();
      break;
    case "closed":
      head = null;
      asks.reset({});
      break;
  }
  showSession();
}

function show(id) {
  shown = id;
  head = null;
  view.reset([]);
  asks.reset({});
  find("prompt").value = draftOf(shown);
  find("problem").hidden = true;
  stream?.abort();
  stream = new AbortController();
  follow(shown, stream.signal);
  if (!wide.matches && shown) find("sessions").open = false;
  showList();
  showSession();
}

const states = { stored: "stored", inUse: "in use elsewhere", idle: "idle", working: "working" };

function showList() {
  const items = sessions.map((session) => {
    const link = element("a", session.state);
    link.append(element("span", "name", session.title || "untitled session"));
    link.href = `#session=${encodeURIComponent(session.id)}`;
    if (session.id === shown) link.setAttribute("aria-current", "page");
    const waits = session.asks ? `waits for you (${session.asks})` : states[session.state];
    link.append(element("small", session.asks ? "state waits" : "state", waits));
    if (session.folder) link.append(element("small", "folder", session.folder));
    const item = element("li");
    item.append(link);
    return item;
  });
  find("list").replaceChildren(...items);
}

function number(count) {
  return count.toLocaleString("en");
}

function facts() {
  const { model, folder, tokens, context, leftOut } = head;
  const parts = [head.status === "working" ? "working" : head.status, model, folder];
  parts.push(`${number(tokens.calls)} calls · ${number(tokens.input)} tokens in · ${number(tokens.output)} out`);
  if (tokens.cost) parts.push(`${number(tokens.cost)} premium requests`);
  if (context) parts.push(`context ${Math.round((100 * context[0]) / Math.max(context[1], 1))} %`);
  if (leftOut) parts.push(`${number(leftOut)} earlier steps are left out`);
  return parts.filter(Boolean).map((part) => element("span", "", part));
}

function showSession() {
  const listed = sessions.find((session) => session.id === shown);
  const working = head?.status === "working";
  const title = head?.title || listed?.title || "untitled session";
  find("head").hidden = !shown;
  document.querySelector("h1").textContent = title;
  document.querySelector(".facts").replaceChildren(...(head ? facts() : []));
  document.querySelector("#head .buttons").hidden = !head;
  find("abort").disabled = !working;
  find("composer").hidden = !head;
  find("send").textContent = working ? "Send now" : "Send";
  find("queue").hidden = !working;
  find("open").hidden = Boolean(head) || !["stored", "inUse"].includes(listed?.state);
  find("open").textContent = listed?.state === "inUse" ? "Take over" : "Resume";
  find("hint").hidden = Boolean(head);
  if (token) {
    find("hint").textContent = !shown
      ? sessions.length
        ? "Choose a session, or create one."
        : "Create a session, in which an agent works for you."
      : listed?.state === "inUse"
        ? "Another program has this session open."
        : "This session is not open.";
  }
  const waiting = sessions.reduce((sum, session) => sum + session.asks, 0);
  document.title = `${waiting ? `(${waiting}) ` : ""}${shown ? `${title} – ` : ""}desk`;
}

async function send(steer) {
  const session = shown;
  const text = find("prompt").value;
  if (!text.trim()) return;
  const change = (draft) => {
    keepDraft(session, draft);
    // While the call was on its way, another session may have been chosen.
    if (session === shown) find("prompt").value = draft;
  };
  change("");
  const sent = await attempt(async () => {
    await call(`sessions/${session}/prompt`, { text, steer });
    return true;
  });
  if (!sent && !draftOf(session)) change(text);
}

find("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send(head?.status === "working");
});
find("prompt").addEventListener("input", () => keepDraft(shown, find("prompt").value));
find("queue").addEventListener("click", () => send(false));
find("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("composer").requestSubmit();
});
find("abort").addEventListener("click", () => attempt(() => call(`sessions/${shown}/abort`)));
find("close").addEventListener("click", () => attempt(() => call(`sessions/${shown}/close`)));
find("open").addEventListener("click", async () => {
  find("open").disabled = true;
  await attempt(() => call(`sessions/${shown}/open`));
  find("open").disabled = false;
});
find("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = Object.fromEntries(new FormData(event.target));
  const created = await attempt(() => call("sessions", wanted));
  if (created) location.hash = `session=${created.id}`;
});
// Saves what the server sends as a file. The page of the log is not shown here, since it has scripts of its own.
const save = (path, name) =>
  attempt(async () => {
    const response = await request(path, {});
    if (!response.ok) throw new Error(await response.text());
    const link = element("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
    const leftOut = Number(response.headers.get("left-out"));
    if (leftOut) throw new Error(`The wire log is long: the file has its beginning and its end, and lacks ${number(leftOut)} messages between.`);
  });
find("log").addEventListener("click", () => save("log", "wire-log.jsonl"));
find("logPage").addEventListener("click", () => save("log/page", "wire-log.html"));

const wide = matchMedia("(min-width: 50rem)");
const fold = () => (find("sessions").open = wide.matches || !shown);
const chosen = () => new URLSearchParams(location.hash.slice(1)).get("session") ?? "";
wide.addEventListener("change", fold);
addEventListener("hashchange", () => (tokenOf(location.hash) ? location.reload() : show(chosen())));
show(chosen());
fold();
