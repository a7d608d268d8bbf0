/* The coverage: devices × days on one canvas. What a cell is shows in its colour and in its shape. */
const heat = { days: 90, sorted: "concern", line: 0, day: 0, rows: [], width: 4, height: 14, label: 170, top: 18 };
const SPANS = [30, 90, 365];
const MOST_LINES = 1000; /* of a canvas that browsers still draw sharply */

function heatRows(page) {
  const places = page.devices.map((_, place) => place);
  if (heat.sorted === "concern") places.sort((a, b) => urgency(page.devices[a]) - urgency(page.devices[b]) || a - b);
  return places;
}

function urgency(device) {
  const kinds = Object.keys(words().concern);
  return device.concerns.length ? kinds.indexOf(device.concerns[0].kind) : kinds.length;
}

function heatFirst(page) {
  return page.devices.length ? page.devices[0].days.absences.length - heat.days : 0;
}

function drawHeat() {
  const page = state.page, canvas = byId("heat"), scale = window.devicePixelRatio || 1;
  heat.rows = heatRows(page).slice(0, MOST_LINES);
  byId("heat-first").textContent = heat.rows.length < page.devices.length ? words().only_lines(number(heat.rows.length), number(page.devices.length)) : "";
  const room = byId("heat-frame").clientWidth || 1000;
  heat.label = Math.min(190, room / 4);
  heat.width = Math.max(heat.days > 100 ? 3 : 6, Math.floor((room - heat.label - 20) / heat.days));
  const width = heat.label + heat.width * heat.days + 2, height = heat.top + heat.height * heat.rows.length + 2;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const most = 16000; /* what browsers draw at most, in either direction */
  const factor = Math.min(scale, most / width, most / height);
  canvas.width = Math.round(width * factor);
  canvas.height = Math.round(height * factor);
  const pen = canvas.getContext("2d");
  pen.scale(factor, factor);
  pen.fillStyle = colour("page");
  pen.fillRect(0, 0, width, height);
  const colours = Object.fromEntries(["held", "on-server", "ordered", "on-device", "lost", "gap", "silent", "idle", "text", "dim", "line", "page"].map((name) => [name, colour(name)]));
  drawMonths(pen, page, colours);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  heat.rows.forEach((place, line) => drawLine(pen, page.devices[place], line, colours));
  drawCursor(pen, colours);
  canvas.setAttribute("aria-label", words().coverage);
}

/* Days from this one to the first of the next month. */
function nextMonth(text) {
  const day = new Date(text);
  return (Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1) - day) / DAY;
}

/* How many days to show at first: as many as there is something of, fewer where there is little room. */
function usualSpan(page) {
  if (byId("heat-frame").clientWidth < 600) return SPANS[0];
  const told = page.devices.map((device) => {
    const at = [...device.days.absences].findIndex((letter) => letter !== "u");
    return at < 0 ? 0 : device.days.absences.length - at;
  });
  const most = told.reduce((a, b) => Math.max(a, b), 0);
  return most <= SPANS[0] ? SPANS[0] : SPANS[1];
}

/* The newest days lie on the right. */
function showNewest() {
  byId("heat-frame").scrollLeft = byId("heat-frame").scrollWidth;
}

function drawMonths(pen, page, colours) {
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = colours.dim;
  let free = 0;
  for (let day = 0; day < heat.days; day += 1) {
    const text = dayOf(page, heatFirst(page) + day), x = heat.label + day * heat.width;
    if (x >= free && (text.endsWith("-01") || (day === 0 && nextMonth(text) * heat.width > 60))) {
      pen.fillText(text.slice(0, 7), x, 12);
      free = x + 50;
    }
  }
}

function drawLine(pen, device, line, colours) {
  const y = heat.top + line * heat.height;
  pen.fillStyle = device.concerns.length ? colours.text : colours.dim;
  let name = labelOf(device);
  while (name.length > 1 && pen.measureText(name).width > heat.label - 18) name = `${name.slice(0, -2)}…`;
  pen.fillText((device.concerns.length ? "! " : "") + name, 4, y + heat.height / 2);
  const first = heatFirst(state.page);
  for (let day = 0; day < heat.days; day += 1) {
    drawCell(pen, cellOf(device, first + day), heat.label + day * heat.width, y, colours);
  }
}

function drawCell(pen, cell, x, y, colours) {
  const width = heat.width > 4 ? heat.width - 1 : heat.width, height = heat.height - 1;
  if (cell.all === 0) return drawAbsence(pen, cell.absence, x, y, width, height, colours);
  pen.fillStyle = colours.held;
  pen.fillRect(x, y, width, height);
  let bottom = y + height;
  for (const standing of MISSING_STANDINGS) {
    if (!cell.files[standing]) continue;
    const share = Math.max(3, Math.round((height * cell.files[standing]) / cell.all));
    const top = Math.max(y, bottom - share);
    pen.fillStyle = colours[standing];
    pen.fillRect(x, top, width, bottom - top);
    bottom = top;
  }
  if (cell.files.lost && width >= 5) {
    pen.strokeStyle = colours.page;
    pen.beginPath();
    pen.moveTo(x + 1, y + height - 4); pen.lineTo(x + 4, y + height - 1);
    pen.moveTo(x + 4, y + height - 4); pen.lineTo(x + 1, y + height - 1);
    pen.stroke();
  }
  return undefined;
}

function drawAbsence(pen, absence, x, y, width, height, colours) {
  if (absence === "g") {
    pen.strokeStyle = colours.gap;
    pen.lineWidth = 2;
    pen.strokeRect(x + 1, y + 1, width - 2, height - 2);
    pen.lineWidth = 1;
  } else if (absence === "s") {
    pen.fillStyle = colours.silent;
    pen.fillRect(x, y + height / 2 - 1, width, 3);
  } else if (absence === "i") {
    pen.fillStyle = colours.idle;
    pen.fillRect(x, y, width, height);
  }
}

function drawCursor(pen, colours) {
  if (document.activeElement !== byId("heat") || !heat.rows.length) return;
  pen.strokeStyle = colours.text;
  pen.lineWidth = 2;
  pen.strokeRect(heat.label + heat.day * heat.width - 1, heat.top + heat.line * heat.height - 1, heat.width + 1, heat.height + 1);
  pen.lineWidth = 1;
}

function tellCell() {
  const page = state.page, device = page.devices[heat.rows[heat.line]];
  if (!device) return;
  const day = heatFirst(page) + heat.day, cell = cellOf(device, day), told = [];
  for (const standing of [...STANDINGS].reverse()) if (cell.files[standing]) told.push(`${number(cell.files[standing])} ${words()[standing]}`);
  if (!told.length) told.push(words()[cell.absence]);
  byId("heat-told").textContent = `${labelOf(device)}, ${dayOf(page, day)}: ${told.join(", ")}`;
}

function moveTo(line, day) {
  heat.line = Math.max(0, Math.min(heat.rows.length - 1, line));
  heat.day = Math.max(0, Math.min(heat.days - 1, day));
  tellCell();
}

function watchHeat() {
  const canvas = byId("heat");
  canvas.addEventListener("mousemove", (event) => {
    const line = Math.floor((event.offsetY - heat.top) / heat.height), day = Math.floor((event.offsetX - heat.label) / heat.width);
    if (line >= 0 && line < heat.rows.length && day < heat.days) moveTo(line, day);
  });
  canvas.addEventListener("click", () => showDevice(heat.rows[heat.line]));
  canvas.addEventListener("focus", () => { moveTo(heat.line, heat.day || heat.days - 1); drawHeat(); });
  canvas.addEventListener("blur", drawHeat);
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -heat.days], End: [0, heat.days] };
    if (event.key === "Enter") showDevice(heat.rows[heat.line]);
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    moveTo(heat.line + move[0], heat.day + move[1]);
    drawHeat();
  });
  byId("span").addEventListener("change", (event) => { heat.days = Number(event.target.value); heat.day = heat.days - 1; drawHeat(); showNewest(); });
  byId("sorted").addEventListener("change", (event) => { heat.sorted = event.target.value; drawHeat(); });
  window.addEventListener("resize", drawHeat);
}

function tellHeat() {
  options(byId("span"), SPANS.map((days) => [days, days]), heat.days);
  options(byId("sorted"), [["concern", words().by_concern], ["name", words().by_name]], heat.sorted);
  byId("legend").replaceChildren(...[...STANDINGS].reverse().concat(ABSENCES).map((what) => {
    const item = element("li"), swatch = element("canvas", null, "swatch");
    swatch.width = swatch.height = 14;
    const cell = STANDINGS.includes(what)
      ? { files: { [what]: 1 }, all: 1, absence: "." }
      : { files: {}, all: 0, absence: what };
    const names = ["held", "on-server", "ordered", "on-device", "lost", "gap", "silent", "idle", "page"];
    const kept = heat.width, pen = swatch.getContext("2d");
    heat.width = 14;
    drawCell(pen, cell, 0, 0, Object.fromEntries(names.map((name) => [name, colour(name)])));
    heat.width = kept;
    if (what === "u") { pen.strokeStyle = colour("line"); pen.strokeRect(0.5, 0.5, 13, 13); }
    item.append(swatch, element("span", words()[what]));
    return item;
  }));
  drawHeat();
}
