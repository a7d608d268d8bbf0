/* What all sections are built with. */
const state = { language: "en", page: null };

function words() {
  return WORDS[state.language];
}

function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString(state.language);
}

/* Rounded down: 100 % only where nothing is missing. */
function percent(part, all) {
  return `${(Math.floor((1000 * part) / all) / 10).toLocaleString(state.language)} %`;
}

function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${value.toLocaleString(state.language, { maximumFractionDigits: unit ? 1 : 0 })} ${units[unit]}`;
}

function inLanguage(sentence) {
  return state.language === "de" ? state.page.german[sentence] ?? sentence : sentence;
}

/* What a device is called: where two share a name, as in tables on a terminal. */
function called(id, name) {
  return state.page.labels.get(id) ?? name;
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => {
    const option = element("option", text);
    option.value = value;
    return option;
  }));
  select.value = chosen;
}

/* A table from columns [heading, cell of a row, kind]; the program's own English sentences are marked as such. */
function fill(table, columns, rows) {
  const head = element("tr");
  for (const [heading, , kind] of columns) head.append(element("th", heading, kind));
  table.tHead.replaceChildren(head);
  const body = rows.map((row) => {
    const line = element("tr");
    for (const [heading, cell, kind] of columns) {
      const made = element("td", cell(row), kind);
      made.dataset.name = heading;
      if (kind === "english") made.lang = "en";
      line.append(made);
    }
    return line;
  });
  if (!body.length) {
    const line = element("tr");
    const cell = element("td", words().nothing, "dim");
    cell.colSpan = columns.length;
    line.append(cell);
    body.push(line);
  }
  table.tBodies[0].replaceChildren(...body);
}

function drawing(width, height) {
  const space = "http://www.w3.org/2000/svg";
  const root = document.createElementNS(space, "svg");
  root.setAttribute("width", width);
  root.setAttribute("height", height);
  root.setAttribute("role", "img");
  const add = (name, attributes, text) => {
    const made = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    root.append(made);
    return made;
  };
  return { root, add };
}
