/* The missing files: searched, filtered and sorted over all of them, shown a hundred at a time. */
const list = { device: "", reason: "", search: "", by: "device", down: false, at: 0, chosen: [] };
const AT_ONCE = 100;

function said(files, text) {
  return (state.language === "de" ? files.german : files.texts)[text];
}

function labelOf(device) {
  return called(device.device.device_id, device.device.device);
}

function choose() {
  const { files, reasons } = state.page, wanted = list.search.toLowerCase(), chosen = [];
  for (let n = 0; n < files.name.length; n += 1) {
    if (list.device !== "" && files.device[n] !== Number(list.device)) continue;
    if (list.reason !== "" && reasons[files.reason[n]] !== list.reason) continue;
    if (wanted && !files.name[n].toLowerCase().includes(wanted) && !said(files, files.explanation[n]).toLowerCase().includes(wanted)) continue;
    chosen.push(n);
  }
  if (list.by !== null) {
    const key = files[list.by], sign = list.down ? -1 : 1;
    const less = (a, b) => (a === null ? 1 : b === null ? -1 : a < b ? -sign : a > b ? sign : 0);
    chosen.sort((a, b) => less(key[a], key[b]) || a - b);
  }
  list.chosen = chosen;
}

const MISSING_COLUMNS = [
  ["device", (files, n) => labelOf(state.page.devices[files.device[n]]), "device"],
  ["file", (files, n) => files.name[n], "name"],
  ["recorded", (files, n) => minutes(files.recorded[n]), "recorded", "time"],
  ["size", (files, n) => bytes(files.size[n]), "size", "number"],
  ["reason", (files, n) => words().reasons[state.page.reasons[files.reason[n]]], "reason"],
  ["why", (files, n) => said(files, files.explanation[n]), null],
  ["next", (files, n) => said(files, files.next_action[n]), null],
  ["expected", (files, n) => minutes(files.expected[n]), "expected", "time"],
];

function showMissing() {
  const { files, missing } = state.page, told = words(), all = sum(Object.values(missing));
  const rows = list.chosen.slice(list.at, list.at + AT_ONCE);
  fill(byId("files"), MISSING_COLUMNS.map(([name, cell, , kind]) => [told[name], (n) => cell(files, n), kind]), rows);
  [...byId("files").tHead.rows[0].cells].forEach((head, column) => {
    const key = MISSING_COLUMNS[column][2];
    if (!key) return;
    const button = element("button", head.textContent + (list.by === key ? (list.down ? " ▼" : " ▲") : ""));
    button.type = "button";
    button.addEventListener("click", () => sortBy(key));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", list.by === key ? (list.down ? "descending" : "ascending") : "none");
  });
  byId("missing-title").textContent = told.missing(number(all));
  byId("missing-count").textContent = told.found(number(list.chosen.length), number(files.name.length))
    + (files.name.length < all ? told.only_first(number(files.name.length), number(all)) : "");
  const last = Math.min(list.at + AT_ONCE, list.chosen.length);
  byId("place").textContent = list.chosen.length ? told.place(number(list.at + 1), number(last), number(list.chosen.length)) : "";
  byId("before").disabled = list.at === 0;
  byId("after").disabled = last >= list.chosen.length;
}

function sortBy(key) {
  list.down = list.by === key && !list.down;
  list.by = key;
  chooseAgain();
  const column = MISSING_COLUMNS.findIndex((each) => each[2] === key);
  byId("files").tHead.rows[0].cells[column].firstChild.focus();
}

function chooseAgain() {
  list.at = 0;
  choose();
  showMissing();
}

function showDevice(place) {
  if (place === undefined) return;
  list.device = String(place);
  byId("device").value = list.device;
  chooseAgain();
  byId("missing-title").scrollIntoView();
}

function tellMissing() {
  const page = state.page, told = words();
  options(byId("device"), [["", told.all], ...page.devices.map((each, place) => [place, labelOf(each)])], list.device);
  options(byId("reason"), [["", told.all], ...page.reasons.filter((slug) => page.missing[slug]).map((slug) => [slug, told.reasons[slug]])], list.reason);
  choose();
  showMissing();
}

function watchMissing() {
  byId("search").addEventListener("input", (event) => { list.search = event.target.value; chooseAgain(); });
  byId("device").addEventListener("change", (event) => { list.device = event.target.value; chooseAgain(); });
  byId("reason").addEventListener("change", (event) => { list.reason = event.target.value; chooseAgain(); });
  byId("clear").addEventListener("click", () => {
    Object.assign(list, { device: "", reason: "", search: "" });
    byId("search").value = "";
    byId("device").value = "";
    byId("reason").value = "";
    chooseAgain();
  });
  byId("before").addEventListener("click", () => { list.at = Math.max(0, list.at - AT_ONCE); showMissing(); });
  byId("after").addEventListener("click", () => { list.at += AT_ONCE; showMissing(); });
}
