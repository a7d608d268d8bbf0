/* The other sections, the language, the colours, the beginning. */
function tellHeadline() {
  const { page } = state, told = words();
  const filtered = page.missing.filtered || 0;
  const missing = sum(Object.values(page.missing)) - filtered - page.outdated;
  const known = page.status.held + missing;
  byId("tenant").textContent = page.tenants.join(", ") || "osfsync";
  byId("share").textContent = known ? percent(page.status.held, known) : "–";
  const lines = [known ? told.share_told(page.status.held, known) : told.nothing_known];
  const fetchable = page.status.held + sum(["on-server", "retrying", "failed", "quarantined"].map((slug) => page.missing[slug] || 0));
  if (fetchable) lines.push(told.server_share(page.status.held, fetchable));
  lines.push(told.bytes_held(bytes(page.status.held_bytes)));
  if (page.outdated) lines.push(told.outdated(number(page.outdated)));
  const timeless = sum(page.devices.map((each) => each.days.timeless));
  if (timeless) lines.push(told.timeless(timeless));
  if (page.status.unseen_devices) lines.push(told.unseen(page.status.unseen_devices));
  byId("share-told").replaceChildren(...lines.map((line) => element("p", line)));
  tellReasons(page, told);
  tellLastRun(page, told);
}

function tellReasons(page, told) {
  const pairs = page.reasons.map((slug) => [slug, page.missing[slug] || 0]).filter(([, n]) => n);
  const most = Math.max(1, ...pairs.map(([, n]) => n));
  byId("reasons").tBodies[0].replaceChildren(...pairs.map(([slug, n]) => {
    const line = element("tr"), bar = element("span", null, "bar"), cell = element("td");
    bar.style.width = `${(6 * n) / most}em`;
    bar.style.background = colour("on-server");
    line.dataset.reason = slug;
    cell.append(bar);
    line.append(element("td", told.reasons[slug]), element("td", number(n), "number"), cell);
    return line;
  }));
  if (!pairs.length) {
    const line = element("tr");
    line.append(element("td", told.nothing_missing));
    byId("reasons").tBodies[0].append(line);
  }
}

function tellLastRun(page, told) {
  const run = page.runs.find((each) => each.fetched !== null);
  if (!run) { byId("last-run").replaceChildren(element("p", told.no_run)); return; }
  const lines = [
    element("p", told.run_told({ command: run.command, started: moment(run.started), outcome: told.outcomes[run.outcome] })),
    element("p", told.came(run.fetched, bytes(run.bytes))),
  ];
  if (run.error) lines.push(element("p", run.error, "warn"));
  byId("last-run").replaceChildren(...lines);
}

function tellAttention() {
  const { page } = state, told = words();
  const places = page.devices.map((_, place) => place).filter((place) => page.devices[place].concerns.length);
  places.sort((a, b) => urgency(page.devices[a]) - urgency(page.devices[b]) || a - b);
  byId("attention-title").textContent = told.attention(places.length, page.devices.length);
  const kinds = Object.keys(told.kinds).map((kind) => [kind, places.filter((place) => page.devices[place].concerns.some((each) => each.kind === kind)).length]);
  byId("concern-sums").textContent = kinds.filter(([, n]) => n).map(([kind, n]) => `${told.kinds[kind]}: ${number(n)}`).join(" · ");
  /* Devices of which the very same is told share a card; where files are counted each has its own. */
  const cards = new Map();
  for (const place of places) {
    const { concerns } = page.devices[place];
    const same = concerns.some((concern) => concern.files !== null) ? place : JSON.stringify(concerns);
    cards.set(same, [...(cards.get(same) || []), place]);
  }
  byId("concerns").replaceChildren(...[...cards.values()].map((together) => {
    const item = element("li");
    together.forEach((place, at) => {
      const button = element("button", labelOf(page.devices[place]));
      button.type = "button";
      button.addEventListener("click", () => showDevice(place));
      item.append(at ? ", " : "", button);
    });
    for (const concern of page.devices[together[0]].concerns) {
      item.append(element("p", told.concern[concern.kind]({ files: concern.files, since: concern.since ? moment(concern.since) : "" })));
      if (concern.explanation) {
        const more = element("p", concern.explanation, "dim");
        more.lang = "en";
        item.append(more);
      }
    }
    return item;
  }));
}

function tellTables() {
  const { page } = state, told = words();
  fill(byId("gaps"), [
    [told.device, (gap) => called(gap.device_id, gap.device)], [told.from, (gap) => moment(gap.start), "time"], [told.to, (gap) => gap.open ? told.still : moment(gap.end), "time"],
    [told.hours, (gap) => number(gap.hours), "number"], [told.usual, (gap) => number(gap.usual_hours), "number"], [told.contacts, (gap) => number(gap.contacts), "number"], [told.contact, (gap) => moment(gap.last_contact), "time"],
  ], page.gaps);
  fill(byId("orders"), [
    [told.device, (order) => called(order.device_id, order.device)], [told.sent, (order) => moment(order.sent_at), "time"], [told.window, (order) => `${moment(order.window_start)} – ${moment(order.window_end)}`],
    [told.files, (order) => number(order.files), "number"], [told.awaited, (order) => number(order.awaited), "number"], [told.fate, (order) => told.fates[order.fate]], [told.explanation, (order) => inLanguage(order.explanation)],
  ], page.orders);
  fill(byId("runs"), [
    [told.command, (run) => run.command], [told.started, (run) => moment(run.started), "time"], [told.took, (run) => run.finished ? `${number(Math.round((Date.parse(run.finished) - Date.parse(run.started)) / 1000))} s` : "–", "number"],
    [told.outcome, (run) => run.outcome ? `${told.outcomes[run.outcome]} (${run.exit_code})` : told.killed], [told.fetched, (run) => number(run.fetched), "number"], [told.size, (run) => bytes(run.bytes), "number"],
    [told.failed, (run) => number(run.failed), "number"], [told.lost, (run) => number(run.lost), "number"], [told.error, (run) => run.error || "", "english"],
  ], page.runs);
  fill(byId("devices"), [
    [told.device, (each) => labelOf(each)], [told.held, (each) => number(each.device.held), "number"], [told.size, (each) => bytes(each.device.held_bytes), "number"],
    [told.missing_files, (each) => number(sum(Object.values(each.missing))), "number"], [told.lost, (each) => number(each.device.lost), "number"],
    [told.contact, (each) => moment(each.device.last_contact), "time"], [told.contact_next, (each) => moment(each.device.expected_contact), "time"], [told.listed, (each) => moment(each.device.listed_at), "time"], [told.problem, (each) => inLanguage(each.device.problem || "")],
  ], page.devices);
}

function tellRunsChart() {
  const runs = state.page.runs.filter((run) => run.fetched !== null).reverse();
  if (!runs.length) { byId("runs-chart").replaceChildren(); return; }
  const most = Math.max(1, ...runs.map((run) => run.fetched)), { root, add } = drawing(runs.length * 9 + 60, 90);
  root.setAttribute("aria-label", words().chart);
  add("text", { x: 0, y: 12 }, number(most));
  runs.forEach((run, place) => {
    const height = Math.max(1, Math.round((70 * run.fetched) / most));
    const bar = add("rect", { x: 55 + place * 9, y: 78 - height, width: 7, height, fill: colour(run.exit_code === 0 ? "on-server" : "lost") });
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${moment(run.started)}: ${number(run.fetched)}`;
    bar.append(title);
  });
  byId("runs-chart").replaceChildren(root, element("p", words().chart, "dim"));
}

function tell() {
  const told = words(), root = document.documentElement;
  root.lang = state.language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = told[each.dataset.word];
  byId("language").textContent = told.other;
  byId("theme").textContent = isDark() ? told.light : told.dark;
  tellHeadline();
  tellAttention();
  tellHeat();
  tellMissing();
  tellTables();
  tellRunsChart();
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

async function begin() {
  state.language = navigator.language.toLowerCase().startsWith("de") ? "de" : "en";
  try {
    state.page = await unpacked();
  } catch (error) {
    byId("broken").hidden = false;
    byId("broken").textContent = `${words().needs_script} (${error})`;
    return;
  }
  byId("language").addEventListener("click", () => { state.language = state.language === "en" ? "de" : "en"; tell(); });
  byId("theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; tell(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  watchHeat();
  watchMissing();
  heat.days = usualSpan(state.page);
  tell();
  showNewest();
  document.body.dataset.ready = "yes";
}

begin();
