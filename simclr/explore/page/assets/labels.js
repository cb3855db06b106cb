// What people say: labels of images, names of clusters. Kept in the browser,
// saved by the server where one is there, and out as CSV.

const KEPT = `simclr:${overview.key}`;
const labelTexts = overview.label.map((one) => one.text);
const given = new Map(); // Image's id -> label.
const names = new Map(); // Cluster's id -> name.
const steps = []; // What undo takes back: lists of [id, label before].
let served = false;

function shortName(cluster) {
  return (names.get(cluster.id) ?? cluster.name) || `cluster ${cluster.id}`;
}

// Names may be the same; ids never are. A name that is written from right to
// left is set apart by two signs, so that it does not turn the id around.
function clusterName(cluster) {
  const name = names.get(cluster.id) ?? cluster.name;
  return name ? `\u2068${name}\u2069 (${cluster.id})` : `cluster ${cluster.id}`;
}

function labelCode(text) {
  if (!labelTexts.includes(text)) labelTexts.push(text);
  return labelTexts.indexOf(text);
}

function labelCount(code) {
  const told = overview.label[code];
  let mine = 0;
  for (const text of given.values()) mine += text === labelTexts[code];
  return mine + (told ? told.count : 0);
}

// An image's label, the one given here first; undefined: it has none.
function labelOf(tile, i) {
  return given.get(idOf(tile, i)) ?? overview.label[tile.label[i]]?.text;
}

onTile.push((tile) => {
  tile.given = new Int32Array(tile.count).fill(-1);
  if (given.size) {
    for (let i = 0; i < tile.count; i++) {
      const text = given.get(idOf(tile, i));
      if (text !== undefined) tile.given[i] = labelCode(text);
    }
  }
});

// Labels images, [{tile, i}]; "" takes the label away.
function giveLabel(images, text) {
  text = text.trim();
  const before = [];
  for (const { tile, i } of images) {
    const id = idOf(tile, i);
    before.push([id, given.get(id), tile, i]);
    setLabel(id, text || undefined, tile, i);
  }
  steps.push(before);
  keep();
}

function setLabel(id, text, tile, i) {
  if (text === undefined) given.delete(id); else given.set(id, text);
  tile.given[i] = text === undefined ? -1 : labelCode(text);
}

function undo() {
  const last = steps.pop();
  if (!last) return 0;
  for (const [id, text, tile, i] of last) setLabel(id, text, tile, i);
  keep();
  return last.length;
}

function nameCluster(cluster, text) {
  names.set(cluster.id, text.trim());
  keep();
}

function state() {
  return { labels: Object.fromEntries(given), names: Object.fromEntries(names) };
}

function take({ labels, names: named }) {
  for (const [id, text] of Object.entries(labels || {})) given.set(id, text);
  for (const [id, text] of Object.entries(named || {})) names.set(Number(id), text);
  for (const tile of tiles) {
    if (!tile.ready) continue;
    for (let i = 0; i < tile.count; i++) {
      const text = given.get(idOf(tile, i));
      if (text !== undefined) tile.given[i] = labelCode(text);
    }
  }
}

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(state()));
    byId("saved").textContent = "kept in this browser";
  } catch {
    byId("saved").textContent = "not kept: download labels.csv";
  }
  if (served) save();
}

// One at a time: an older state never comes last.
let saving = false, changed = false;
let version = null; // Of the files that this page's labels were made of.
async function save() {
  changed = true;
  if (saving) return;
  saving = true;
  while (changed) {
    changed = false;
    let said = "not saved: the server is gone";
    try {
      const headers = version ? { "If-Match": version } : {};
      const answer = await fetch("state", { method: "POST", headers, body: JSON.stringify(state()) });
      if (answer.ok) version = answer.headers.get("ETag");
      said = answer.ok ? "saved" : answer.status === 412
        ? "not saved: the files were changed elsewhere; download labels.csv and names.csv, then reload"
        : "not saved";
    } catch { /* It says so. */ }
    byId("saved").textContent = said;
  }
  saving = false;
}

// What was kept: by the server where there is one, else by the browser.
async function restore() {
  if (document.querySelector("meta[content*=\"connect-src 'self'\"]")) {
    try {
      const answer = await fetch("state");
      if (answer.ok) {
        take(await answer.json());
        version = answer.headers.get("ETag");
        served = true;
        return;
      }
    } catch { /* A page that was copied elsewhere has no server. */ }
  }
  try {
    take(JSON.parse(localStorage.getItem(KEPT)) || {});
  } catch { /* A browser may forbid storage to files. */ }
}

function cell(text) {
  text = String(text);
  return /["\r\n,]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function toCsv(head, pairs) {
  return [head, ...pairs].map((row) => row.map(cell).join(",") + "\n").join("");
}

function labelsCsv() { return toCsv(["id", "label"], given); }
function namesCsv() { return toCsv(["id", "name"], names); }

function download(name, text) {
  const link = element("a", { download: name });
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
