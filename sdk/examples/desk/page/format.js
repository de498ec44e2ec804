// Makes elements of the pieces of a formatted text: a string is text, a list begins an element, and null ends it. The
// server names the elements and checks the links, and so does this: no other element and no other link is ever made.

const names = new Set("a blockquote br code del em h3 h4 hr li ol p pre strong table td th tr ul".split(" "));

export function format(pieces) {
  const all = document.createDocumentFragment();
  let at = all;
  for (const piece of pieces) {
    if (piece === null) at = at.parentNode ?? all;
    else if (typeof piece === "string") at.append(piece);
    else at = at.appendChild(open(piece));
  }
  return all;
}

function open([name, detail]) {
  const element = document.createElement(names.has(name) ? name : "span");
  if (name === "a" && /^https?:\/\//i.test(detail)) {
    element.href = detail;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
  }
  if (name === "ol") element.start = Number(detail);
  return element;
}
