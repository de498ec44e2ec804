'use strict';
// The log is in blocks of compressed text, which are unpacked when they are needed. All text of the log is set as text;
// only the drawings of turns are markup, which the program that wrote this page has made and escaped. Whatever the log
// is, the page has only some thousand elements: of long lists it shows a page at a time.

const PAGE = 100; // messages in the list at a time
const PART = 128 << 10; // characters of a message's JSON at a time
const PIECE = 4096; // characters of a part in one element
const OPTIONS = 500; // of a choice
const KEPT = 8; // unpacked blocks
const DEEPEST = 64; // levels of JSON that are indented
// The characters that can disguise a text, as the function `printable` of copilot-session escapes them.
const DECEPTIVE =
  /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const at = (id) => document.getElementById(id);
let index; // the list of messages, in columns
let shown = []; // the messages that pass the filter
let toPage; // shows a page of them
let search = 0; // the number of the search, of which only the last goes on
let chosen = -1; // the turn
const blocks = new Map();

async function unpack(id) {
  const text = atob(at(id).textContent);
  const packed = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) packed[place] = text.charCodeAt(place);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

// One of many items in blocks, of which the first items are known. `split` makes the items of the text of a block.
async function item(of, number, split) {
  const block = index[of].findLastIndex((first) => first <= number);
  const id = of + '-' + block;
  let items = blocks.get(id);
  if (items === undefined) {
    items = split(await unpack(id));
    blocks.set(id, items);
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value);
  }
  return items[number - index[of][block]];
}

// The JSON of a message, exactly as in the log.
function json(message) {
  return item('messages', message, (text) => text.split('\n'));
}

// A drawing of a turn, or a part of one.
function drawing(number) {
  return item('drawings', number, JSON.parse);
}

// The lines of a block in lower case, or none if the text is in none of them.
async function lowered(block, text) {
  const all = (await unpack('messages-' + block)).toLowerCase();
  return all.includes(text) ? all.split('\n') : [];
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

// The pieces of a text, each of so many characters at most, and of whole lines if they are not too long.
function* cut(text, most) {
  for (let start = 0; start < text.length; ) {
    let piece = text.slice(start, start + most);
    if (start + most < text.length) {
      const lines = piece.lastIndexOf('\n') + 1;
      if (lines > 0) piece = piece.slice(0, lines);
      else if (/[\ud800-\udbff]/.test(piece.at(-1))) piece = piece.slice(0, -1); // the first half of a character
    }
    yield piece;
    start += piece.length;
  }
}

// A string of JSON with the same value in which nothing disguises another character.
function plain(text) {
  const unit = (half) => '\\u' + half.charCodeAt(0).toString(16).padStart(4, '0');
  return text.replace(DECEPTIVE, (letter) => letter.split('').map(unit).join(''));
}

// Puts each key and item on a line of its own, without a change of any value, and yields the pieces. The time for each
// is proportional to its length, since the text may be of many megabytes.
function* indented(text) {
  let depth = 0;
  let last = '';
  const line = () => '\n' + '  '.repeat(Math.min(depth, DEEPEST));
  const tokens = /["{}\[\],:]|[^\s"{}\[\],:]+/g;
  for (let found = tokens.exec(text); found; found = tokens.exec(text)) {
    let [token] = found;
    if (token === '"') {
      tokens.lastIndex = endOfString(text, found.index);
      token = plain(text.slice(found.index, tokens.lastIndex));
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      if (last !== '{' && last !== '[') yield line();
    } else {
      if (last === '{' || last === '[' || last === ',') yield line();
      if (token === '{' || token === '[') depth += 1;
    }
    if (token === ':') yield ': ';
    else yield* cut(token, PART);
    last = token;
  }
}

// Puts pieces together to parts of PART characters or, up to the end of a line, twice as many.
function* parts(pieces) {
  let part = '';
  for (const piece of pieces) {
    const isLine = piece[0] === '\n';
    if ((isLine && part.length >= PART) || part.length + piece.length > 2 * PART) {
      yield isLine ? part + '\n' : part;
      part = isLine ? piece.slice(1) : piece;
    } else {
      part += piece;
    }
  }
  yield part;
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
  if (!opens) return item.querySelector('.json')?.remove();
  const text = await json(message);
  if (button.getAttribute('aria-expanded') === 'true' && !item.querySelector('.json')) item.append(opened(text));
}

// The JSON of a message: its first part, and a button for the next.
function opened(text) {
  const box = element('div', 'json', '');
  box.tabIndex = 0;
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', 'JSON');
  const more = element('button', '', `Show more of ${text.length.toLocaleString('en')} characters`);
  more.type = 'button';
  box.append(more);
  const rest = parts(indented(text));
  let next = rest.next();
  const show = () => {
    // A browser lays out an element once it comes in sight, which takes seconds for some texts, without fonts for them.
    for (const piece of cut(next.value, PIECE)) more.before(element('pre', '', piece));
    next = rest.next();
    more.hidden = next.done;
  };
  more.addEventListener('click', () => {
    show();
    if (more.hidden) box.focus({ preventScroll: true });
  });
  show();
  box.addEventListener('copy', copy);
  return box;
}

// Copies what is chosen of a message's JSON. By itself, a browser would add a line break between two elements.
function copy(event) {
  const selection = getSelection();
  if (selection.isCollapsed) return; // nothing is chosen
  const range = selection.getRangeAt(0);
  if (!event.currentTarget.contains(range.commonAncestorContainer)) return;
  const chosen = range.cloneContents();
  chosen.querySelector('button')?.remove();
  event.clipboardData.setData('text/plain', chosen.textContent);
  event.preventDefault();
}

// Makes a list of pages with the buttons of a group, and returns the function that shows one of them. `show` gets its
// number, and a function that returns false once another page is wanted.
function pager(id, pages, show) {
  const buttons = at(id).querySelectorAll('button');
  let page = 0;
  const go = async (to) => {
    page = Math.min(Math.max(to, 0), pages - 1);
    buttons.forEach((button, place) => (button.disabled = place < 2 ? page === 0 : page === pages - 1));
    at(id).querySelector('output').textContent = `Page ${page + 1} of ${pages}`;
    const wanted = page;
    await show(page, () => page === wanted);
  };
  buttons.forEach((button, place) => {
    button.onclick = async () => {
      await go([0, page - 1, page + 1, pages - 1][place]);
      at(id).closest('section').scrollIntoView();
    };
  });
  at(id).hidden = pages < 2;
  return go;
}

function list(page) {
  at('list').replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(row));
}

async function filter() {
  const mine = (search += 1);
  const [side, kind, session] = ['side', 'kind', 'session'].map((id) => at(id).value);
  const turn = at('only').checked ? chosen : -1;
  const text = at('text').value.trim().toLowerCase();
  const passes = (message) =>
    (side === '' || index.sides[message] === Number(side)) &&
    (kind === '' || index.kind[message] === Number(kind)) &&
    (session === '' || index.session[message] === Number(session)) &&
    (turn < 0 || index.turn[message] === turn);
  const found = [];
  for (let block = 0; block < index.messages.length; block += 1) {
    const end = index.messages[block + 1] ?? index.times.length;
    let texts = null;
    for (let message = index.messages[block]; message < end; message += 1) {
      if (!passes(message)) continue;
      if (text !== '') {
        texts ??= await lowered(block, text);
        if (mine !== search) return;
        if (texts.length === 0) break; // the text is nowhere in the block
        if (!texts[message - index.messages[block]].includes(text)) continue;
      }
      found.push(message);
    }
    if (texts !== null && block % 16 === 15) {
      at('count').textContent = `Searching: ${Math.round((100 * block) / index.messages.length)} %, ${found.length} found.`;
    }
  }
  shown = found;
  at('count').textContent = `${shown.length} of ${index.times.length} messages.`;
  toPage = pager('list-pager', Math.max(1, Math.ceil(shown.length / PAGE)), list);
  await toPage(0);
}

async function turn(number) {
  chosen = number;
  choices();
  const { first, entries, rest } = index.turns[number];
  // Markup of our own; the policy of the page forbids scripts in it anyway.
  const markup = await drawing(rest);
  if (chosen !== number) return; // another turn was chosen in the meantime
  at('turn').innerHTML = markup;
  at('before').disabled = number === 0;
  at('after').disabled = number === index.turns.length - 1;
  const parts = (id, start, end) =>
    pager(id + '-pager', end - start, async (page, isWanted) => {
      if (start === end) return;
      const part = await drawing(start + page);
      if (chosen === number && isWanted()) at(id).innerHTML = part;
    })(0);
  await Promise.all([parts('rows', first, entries), parts('entries', entries, rest)]);
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
  await toPage(Math.floor(place / PAGE));
  const line = at('message-' + (message + 1));
  await toggle(line, message);
  line.scrollIntoView({ block: 'start' });
  line.firstChild.focus({ preventScroll: true });
}

function option(value, name) {
  const made = element('option', '', name);
  made.value = value;
  return made;
}

// Adds the first of the options to a choice; the search finds what the others are about.
function options(id, names) {
  at(id).append(...names.slice(0, OPTIONS).map(([number, name]) => option(number, name)));
  if (names.length > OPTIONS) {
    const rest = option('', `and ${names.length - OPTIONS} more`);
    rest.disabled = true;
    at(id).append(rest);
  }
}

// Fills the choice of turns with those around the chosen one.
function choices() {
  const start = chosen - (chosen % OPTIONS);
  const end = Math.min(start + OPTIONS, index.turns.length);
  const groups = new Map();
  for (let number = start; number < end; number += 1) {
    const { session, title } = index.turns[number];
    if (!groups.has(session)) {
      groups.set(session, document.createElement('optgroup'));
      groups.get(session).label = 'session ' + index.sessions[session];
    }
    groups.get(session).append(option(number, title));
  }
  at('turns').replaceChildren(...groups.values());
  if (start > 0) at('turns').prepend(option(start - 1, '… earlier turns'));
  if (end < index.turns.length) at('turns').append(option(end, '… later turns'));
  at('turns').value = chosen;
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
  if (index.turns.length > 0) {
    at('turns').addEventListener('change', () => turn(Number(at('turns').value)));
    at('before').addEventListener('click', () => turn(chosen - 1));
    at('after').addEventListener('click', () => turn(chosen + 1));
    await turn(0);
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
