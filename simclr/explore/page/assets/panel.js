// The column beside the map: legend, clusters, an image, what is selected.

const MOST_SHOWN = 60; // Thumbnails of one grid.
const MOST_LINES = 300; // Of the legend.
const selected = new Map(); // Row -> {tile, i}.
let shownCluster = null;
let shown = 0; // Counts what the column was asked to show: the last one wins.

function selectOnly(images) {
  for (const { tile, i } of selected.values()) tile.state[i] = 0;
  selected.clear();
  for (const { tile, i } of images) {
    tile.state[i] = SELECTED;
    selected.set(tile.start + i, { tile, i });
  }
  afterSelection();
}

function toggle({ tile, i }) {
  const row = tile.start + i;
  if (selected.delete(row)) {
    tile.state[i] = 0;
  } else {
    tile.state[i] = SELECTED;
    selected.set(row, { tile, i });
  }
  afterSelection();
}

function afterSelection() {
  const count = selected.size;
  say(count ? `${count.toLocaleString("en")} selected` : "");
  for (const one of document.querySelectorAll(".cell")) {
    one.setAttribute("aria-pressed", selected.has(Number(one.dataset.row)));
  }
  fade();
}

// Selects what fits a rule among the images in view.
function selectInView(fits) {
  const found = [];
  eachInView(tilesInView(), (tile, i, x, y) => {
    if (lit >= 0 && codeOf(tile, i) !== lit) return;
    if (fits(x, y)) found.push({ tile, i });
  });
  selectOnly(found);
  showSelection();
}

function facts(tile, i) {
  const cluster = overview.clusters[tile.cluster[i]];
  return [
    ["label", labelOf(tile, i)],
    ["prediction", overview.prediction[tile.prediction[i]]?.text],
    ["cluster", cluster && clusterName(cluster)],
    ["novelty", tile.novelty[i] === 255 ? undefined : (tile.novelty[i] / 100).toFixed(2)],
    ["day", overview.day[tile.day[i]]?.text],
  ].filter(([, value]) => value !== undefined);
}

function thumbnail(tile, i) {
  const canvas = element("canvas", { width: overview.side, height: overview.side });
  const middle = overview.side / 2;
  const draw = () => drawThumbnail(canvas.getContext("2d"), tile, i, middle, middle, overview.side, draw);
  draw();
  return canvas;
}

// A picture that a screen reader names.
function described(canvas, text) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
  return canvas;
}

// In place of a thumbnail that the store has not.
function nameOf(tile, i) {
  return element("span", { className: "name", textContent: tile.names[i] });
}

function cellOf({ tile, i, row }) {
  const button = element("button", {
    className: "cell", title: tile.names[i],
    onclick: (event) => (event.shiftKey || event.ctrlKey ? toggle({ tile, i }) : showImage(row)),
  }, tile.size[2 * i] ? thumbnail(tile, i) : nameOf(tile, i), element("span", { className: "tag" }));
  button.dataset.row = row;
  button.setAttribute("aria-pressed", selected.has(row));
  tag(button, tile, i);
  return button;
}

// Writes an image's label on it.
function tag(button, tile, i) {
  const text = labelOf(tile, i);
  button.lastChild.textContent = text ?? "";
  button.setAttribute("aria-label", tile.names[i] + (text ? `, labelled ${text}` : ""));
}

function tagCells() {
  for (const button of document.querySelectorAll(".cell")) {
    const row = Number(button.dataset.row), tile = tileOf(row);
    tag(button, tile, row - tile.start);
  }
}

function note(text) { return element("p", { className: "muted", textContent: text }); }

async function gridOf(title, rows) {
  const images = await Promise.all(rows.slice(0, MOST_SHOWN).map(imageOf));
  if (!images.length) return [element("h2", { textContent: title }), note("None.")];
  const part = rows.length > MOST_SHOWN ? `: ${MOST_SHOWN} of ${rows.length.toLocaleString("en")}` : "";
  return [
    element("h2", { textContent: title + part }),
    element("div", { className: "grid" }, ...images.map(cellOf)),
  ];
}

// Shows parts in the column, unless something newer was asked for meanwhile.
async function show(...parts) {
  const mine = ++shown;
  const found = (await Promise.all(parts)).flat();
  if (mine !== shown) return false;
  byId("about").replaceChildren(...found);
  byId("about").scrollTop = 0;
  return true;
}

async function showImage(row) {
  const image = await imageOf(row), { tile, i } = image;
  current = image;
  shownCluster = null;
  redraw();
  const lines = facts(tile, i).map(([key, value]) => element("p", {}, `${key}: ${value}`));
  const near = neighboursOf(tile, i);
  await show(
    element("div", { className: "large" },
      tile.size[2 * i] ? described(thumbnail(tile, i), tile.names[i]) : "",
      element("div", {}, element("p", { textContent: idOf(tile, i) }), ...lines)),
    element("div", { className: "line" },
      element("button", { textContent: "Select it", onclick: () => toggle(image) }),
      element("button", {
        textContent: "Select it and its neighbours",
        onclick: async () => selectOnly(await Promise.all([row, ...near].map(imageOf))),
      }),
      element("button", { textContent: "Show on the map", onclick: () => goTo(image) })),
    gridOf("Most similar", near),
  );
}

function goTo({ tile, i }) {
  camera.x = tile.place[2 * i] / 65535;
  camera.y = tile.place[2 * i + 1] / 65535;
  camera.scale = Math.max(camera.scale, wholeScale() * 6);
  redraw();
}

async function showCluster(code) {
  const cluster = overview.clusters[code];
  const name = element("input", {
    value: names.get(cluster.id) ?? cluster.name, id: "name",
    placeholder: "Name of the cluster (N)",
  });
  name.setAttribute("aria-label", "Name of the cluster");
  name.onchange = () => {
    nameCluster(cluster, name.value);
    showLegend();
    redraw();
  };
  shownCluster = cluster;
  await show(
    element("h2", { textContent: `Cluster ${cluster.id}, ${cluster.count.toLocaleString("en")} images` }),
    element("div", { className: "line" }, name,
      element("button", {
        textContent: "Select these",
        onclick: async () => {
          const rows = new Set([...cluster.central, ...cluster.odd]);
          selectOnly(await Promise.all([...rows].map(imageOf)));
        },
      })),
    gridOf("Most central", cluster.central),
    gridOf("Oddest", cluster.odd),
  );
}

async function showSelection() {
  shownCluster = null;
  await show(gridOf("Selected", [...selected.keys()]));
}

async function showStart() {
  shownCluster = null;
  if (overview.odd.length) await show(gridOf("Most novel", overview.odd)); else await show();
}

function showLegend() {
  const every = legendLines();
  const lines = every.slice(0, MOST_LINES).map(({ text, count, code }) => {
    const patch = element("span", { className: "patch" });
    patch.style.background = css(colourOf(code));
    const line = element("button", {
      className: "item",
      onclick: () => {
        lit = lit === code ? -1 : code;
        if (way === "cluster" && lit >= 0) showCluster(code);
        for (const one of byId("legend").children) {
          one.setAttribute("aria-pressed", Number(one.dataset.code) === lit);
        }
        fade();
      },
    }, patch, element("span", { className: "text", textContent: text }),
    element("span", { className: "count", textContent: count === null ? "" : count.toLocaleString("en") }));
    line.dataset.code = code;
    line.setAttribute("aria-pressed", code === lit);
    return line;
  });
  if (!every.length) lines.push(note("No labels yet: select images and press E."));
  if (every.length > MOST_LINES) {
    lines.push(note(`and ${(every.length - MOST_LINES).toLocaleString("en")} more`));
  }
  byId("legend").replaceChildren(...lines);
}

function showSlots() {
  const slots = labelTexts.slice(0, 9).map((text, n) => element("button", {
    textContent: `${n + 1} ${text}`, onclick: () => label(text),
  }));
  byId("slots").replaceChildren(...slots);
  byId("known").replaceChildren(...labelTexts.map((text) => element("option", { value: text })));
}

// Labels what is selected; nothing selected: the image that is looked at.
function label(text) {
  const images = selected.size ? [...selected.values()] : current ? [current] : [];
  if (!images.length) {
    say("Select images first.");
    return;
  }
  giveLabel(images, text);
  say(`${images.length.toLocaleString("en")} labelled ${text.trim()}`);
  afterLabels();
}

function afterLabels() {
  showSlots();
  tagCells();
  if (way === "label") showLegend();
  fade();
}

// Looks for a part of an id, in all tiles, and shows the first that have it.
let searched = 0;
async function search(text) {
  const mine = ++searched, found = [];
  text = text.trim().toLowerCase();
  if (!text) return showStart();
  for (const [number] of tiles.entries()) {
    const tile = await load(number);
    if (mine !== searched) return undefined;
    for (let i = 0; i < tile.count && found.length < MOST_SHOWN; i++) {
      if (idOf(tile, i).toLowerCase().includes(text)) found.push(tile.start + i);
    }
    if (found.length >= MOST_SHOWN) break;
  }
  say(found.length ? `${found.length} found` : `No id has ${text}.`);
  return show(gridOf("Found", found));
}
