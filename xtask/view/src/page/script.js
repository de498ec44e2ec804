'use strict';
// The log is in blocks of compressed text, which are unpacked when they are needed. All text of the log is set as text;
// only the drawings of turns are markup, which the program that wrote this page has made and escaped.

const PAGE = 100; // messages in the list at a time
const KEPT = 8; // unpacked blocks of messages
const DEEPEST = 64; // levels of JSON that are indented
const at = (id) => document.getElementById(id);
let index; // the list of messages, in columns
let shown = []; // the messages that pass the filter
let page = 0;
let search = 0; // the number of the search, of which only the last goes on
const blocks = new Map();

async function unpack(id) {
  const packed = Uint8Array.from(atob(at(id).textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

// The lines of a block of messages.
async function lines(block) {
  if (!blocks.has(block)) {
    const text = await unpack('messages-' + block);
    blocks.set(block, text.split('\n'));
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value);
  }
  return blocks.get(block);
}

// The lines of a block in lower case, or none if the text is in none of them.
async function lowered(block, text) {
  const all = (await unpack('messages-' + block)).toLowerCase();
  return all.includes(text) ? all.split('\n') : [];
}

// The JSON of a message, exactly as in the log.
async function json(message) {
  let block = index.blocks.findIndex((first) => first > message) - 1;
  if (block < 0) block = index.blocks.length - 1;
  return (await lines(block))[message - index.blocks[block]];
}

// The end of the string that begins here. A regular expression for strings would need memory for each escape in one.
function endOfString(text, start) {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
  } while (end > 0 && backslashes(text, end) % 2 === 1);
  return end > 0 ? end + 1 : text.length;
}

// The number of backslashes before a character.
function backslashes(text, end) {
  let start = end;
  while (text[start - 1] === '\\') start -= 1;
  return end - start;
}

// Puts each key and item on a line of its own, without a change of any value. Its time is proportional to the text, which
// may be of many megabytes.
function indented(text) {
  const out = [];
  let depth = 0;
  let last = '';
  const line = () => '\n' + '  '.repeat(Math.min(depth, DEEPEST));
  const tokens = /["{}\[\],:]|[^\s"{}\[\],:]+/g;
  for (let found = tokens.exec(text); found; found = tokens.exec(text)) {
    let [token] = found;
    if (token === '"') {
      tokens.lastIndex = endOfString(text, found.index);
      token = text.slice(found.index, tokens.lastIndex);
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      if (last !== '{' && last !== '[') out.push(line());
    } else {
      if (last === '{' || last === '[' || last === ',') out.push(line());
      if (token === '{' || token === '[') depth += 1;
    }
    out.push(token === ':' ? ': ' : token);
    last = token;
  }
  return out.join('');
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function duration(millis) {
  return millis < 1000 ? millis + ' ms' : (millis / 1000).toFixed(3) + ' s';
}

function row(message) {
  const item = document.createElement('li');
  item.id = 'message-' + (message + 1);
  const button = document.createElement('button');
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  const isClient = index.sides[message] === 1;
  const side = element('span', 'side', isClient ? '→' : '←');
  side.setAttribute('role', 'img');
  side.setAttribute('aria-label', isClient ? 'from the program' : 'from the CLI');
  button.append(
    element('span', 'time', duration(index.times[message])),
    side,
    element('span', 'kind', index.kinds[index.kind[message]]),
    element('span', 'brief', index.brief[message]),
  );
  button.addEventListener('click', () => toggle(item, message));
  item.append(button);
  return item;
}

async function toggle(item, message) {
  const button = item.firstChild;
  const opens = button.getAttribute('aria-expanded') === 'false';
  button.setAttribute('aria-expanded', String(opens));
  if (!opens) return item.querySelector('pre')?.remove();
  const text = indented(await json(message));
  if (button.getAttribute('aria-expanded') === 'true' && !item.querySelector('pre')) {
    const pre = element('pre', '', text);
    pre.tabIndex = 0;
    item.append(pre);
  }
}

function list() {
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  at('list').replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(row));
  at('first').disabled = at('previous').disabled = page === 0;
  at('next').disabled = at('last').disabled = page === pages - 1;
  return `Page ${page + 1} of ${pages}.`;
}

function count(note) {
  at('count').textContent = `${shown.length} of ${index.times.length} messages. ${list()}${note}`;
}

function turnPage(to) {
  page = to;
  count('');
  at('messages').scrollIntoView();
}

async function filter() {
  const mine = (search += 1);
  const [side, kind, session] = ['side', 'kind', 'session'].map((id) => at(id).value);
  const turn = at('only').checked && at('turns') ? Number(at('turns').value) : -1;
  const text = at('text').value.trim().toLowerCase();
  const passes = (message) =>
    (side === '' || index.sides[message] === Number(side)) &&
    (kind === '' || index.kind[message] === Number(kind)) &&
    (session === '' || index.session[message] === Number(session)) &&
    (turn < 0 || index.turn[message] === turn);
  page = 0;
  const found = [];
  for (let block = 0; block < index.blocks.length; block += 1) {
    const end = index.blocks[block + 1] ?? index.times.length;
    let texts = null;
    for (let message = index.blocks[block]; message < end; message += 1) {
      if (!passes(message)) continue;
      if (text !== '') {
        texts ??= await lowered(block, text);
        if (mine !== search) return;
        if (texts.length === 0) break; // the text is nowhere in the block
        if (!texts[message - index.blocks[block]].includes(text)) continue;
      }
      found.push(message);
    }
    if (texts !== null && block % 16 === 15) {
      at('count').textContent = `Searching: ${Math.round((100 * block) / index.blocks.length)} %, ${found.length} found.`;
    }
  }
  shown = found;
  count('');
}

async function turn() {
  const number = Number(at('turns').value);
  // Markup of our own; the policy of the page forbids scripts in it anyway.
  const drawing = await unpack('turn-' + number);
  if (Number(at('turns').value) !== number) return; // another turn was chosen in the meantime
  at('turn').innerHTML = drawing;
  at('before').disabled = number === 0;
  at('after').disabled = number === index.turns.length - 1;
  if (at('only').checked) await filter();
}

// Shows the message that the address names: #message-17.
async function follow() {
  const found = /^#message-(\d+)$/.exec(location.hash);
  const message = found ? Number(found[1]) - 1 : -1;
  if (message < 0 || message >= index.times.length) return;
  if (!shown.includes(message)) {
    at('filter').reset();
    await filter();
  }
  const place = shown.indexOf(message);
  if (place < 0) return; // the filter was changed in the meantime
  page = Math.floor(place / PAGE);
  count('');
  const item = at('message-' + (message + 1));
  await toggle(item, message);
  item.scrollIntoView({ block: 'start' });
  item.firstChild.focus({ preventScroll: true });
}

function options(id, names) {
  for (const [number, name] of names) {
    const option = element('option', '', name);
    option.value = number;
    at(id).append(option);
  }
}

function fillTurns() {
  index.sessions.forEach((session, number) => {
    const group = document.createElement('optgroup');
    group.label = 'session ' + session;
    index.turns.forEach((turn, place) => {
      if (turn.session !== number) return;
      const option = element('option', '', turn.title);
      option.value = place;
      group.append(option);
    });
    if (group.children.length > 0) at('turns').append(group);
  });
}

async function start() {
  index = JSON.parse(await unpack('index'));
  const counts = index.kinds.map(() => 0);
  for (const kind of index.kind) counts[kind] += 1;
  const kinds = index.kinds.map((name, number) => [number, `${name} (${counts[number]})`]);
  options('kind', kinds.sort((one, other) => one[1].localeCompare(other[1])));
  options('session', index.sessions.map((session, number) => [number, session]));
  if (index.sessions.length < 2) at('session').parentElement.hidden = true;
  at('filter').addEventListener('input', filter);
  at('filter').addEventListener('submit', (event) => event.preventDefault());
  at('first').addEventListener('click', () => turnPage(0));
  at('previous').addEventListener('click', () => turnPage(page - 1));
  at('next').addEventListener('click', () => turnPage(page + 1));
  at('last').addEventListener('click', () => turnPage(Infinity));
  if (at('turns')) {
    fillTurns();
    at('turns').addEventListener('change', turn);
    for (const [id, step] of [['before', -1], ['after', 1]]) {
      at(id).addEventListener('click', () => {
        at('turns').value = Number(at('turns').value) + step;
        turn();
      });
    }
    await turn();
  } else {
    at('only').parentElement.hidden = true;
  }
  await filter();
  addEventListener('hashchange', follow);
  // A second click on the same message changes no address.
  addEventListener('click', (event) => {
    if (event.target.closest('a')?.getAttribute('href') === location.hash) follow();
  });
  await follow();
}

addEventListener('unhandledrejection', (event) => {
  at('problem').textContent = 'The page cannot be shown: ' + event.reason;
  at('problem').hidden = false;
});
start();
