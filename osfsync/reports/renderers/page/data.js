/* The page's data: packed JSON. Whatever comes from a device or the platform is shown as text, never as markup. */
async function unpacked() {
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const page = JSON.parse(await new Response(stream).text());
  let at = 0;
  page.files.recorded = page.files.recorded.map((since) => since === null ? null : (at += since));
  const devices = page.devices.map((each) => each.device);
  const times = new Map();
  for (const device of devices) times.set(device.device, (times.get(device.device) || 0) + 1);
  page.labels = new Map(devices.map((device) => [device.device_id, times.get(device.device) > 1 ? `${device.device} (${device.device_id.slice(0, 8)})` : device.device]));
  return page;
}

const STANDINGS = ["lost", "on-device", "ordered", "on-server", "held"];
const ABSENCES = ["g", "s", "i", "u"];
const DAY = 86400000;
const MISSING_STANDINGS = STANDINGS.filter((standing) => standing !== "held");

function dayOf(page, number) {
  return new Date(Date.parse(page.first_day) + number * DAY).toISOString().slice(0, 10);
}

function moment(text) {
  return text ? text.slice(0, 16).replace("T", " ") : "–";
}

function minutes(number) {
  return number === null ? "–" : new Date(number * 60000).toISOString().slice(0, 16).replace("T", " ");
}

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}

/* A device's day: files by standing, and the letter where there is none. */
function cellOf(device, day) {
  const files = {};
  let all = 0;
  for (const standing of STANDINGS) {
    files[standing] = device.days.files[standing][day];
    all += files[standing];
  }
  return { files, all, absence: device.days.absences[day] };
}
