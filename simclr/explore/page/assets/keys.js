// Everything by keyboard.

const KEYS = [
  ["Tab", "to the next part"],
  ["Arrows", "move the map, or through a grid"],
  ["+ - 0", "nearer, farther, the whole map"],
  ["Enter", "the image in the middle of the map, with its neighbours"],
  ["Space", "select, or not, the image that is looked at"],
  ["V", "select what is in view"],
  ["L", "lasso, by the mouse (or drag with Shift)"],
  ["1 to 9", "label what is selected, or the image that is looked at"],
  ["E", "write a label; Enter gives it"],
  ["U", "undo the last label"],
  ["C", "next way of colouring"],
  ["[ ]", "the cluster before, the next one"],
  ["N", "name the cluster that is shown"],
  ["/", "search by id"],
  ["T, D", "pictures on the map; light or dark"],
  ["Escape", "select nothing; once more: show everything"],
  ["?", "these keys"],
];

function press(id) { byId(id).click(); }

function focusOn(id) {
  const one = byId(id);
  if (one) one.focus();
}

const ACTS = {
  "+": () => press("nearer"), "=": () => press("nearer"), "-": () => press("farther"),
  0: () => press("fit"), v: () => press("view"), l: () => press("lasso"),
  t: () => press("show"), d: () => press("dark"), u: () => press("undo"),
  e: () => focusOn("label"), n: () => focusOn("name"), "/": () => focusOn("search"),
  "?": () => press("help"), Escape: () => press("clear"),
  c: () => nextWay(), "[": () => nextCluster(-1), "]": () => nextCluster(1),
};

const MOVES = {
  ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

function nextWay() {
  const select = byId("colour");
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  select.dispatchEvent(new Event("change"));
}

function nextCluster(step) {
  const count = overview.clusters.length;
  if (!count) return;
  const at = overview.clusters.indexOf(shownCluster);
  const code = at < 0 ? (step > 0 ? 0 : count - 1) : (at + step + count) % count;
  if (way === "cluster") {
    lit = code;
    showLegend();
    fade();
  }
  showCluster(code);
}

// The image nearest to the middle of the map.
function middleImage() {
  return nearestTo(camera.width / 2, camera.height / 2, Infinity);
}

function nearestTo(x, y, most) {
  let best = null, least = most * most;
  eachInView(tilesInView(), (tile, i, u, v) => {
    const away = (u - x) ** 2 + (v - y) ** 2;
    if (away <= least) {
      least = away;
      best = { tile, i, row: tile.start + i };
    }
  });
  return best;
}

function moveInGrid(cell, key) {
  const cells = [...cell.parentElement.children];
  const across = cells.filter((one) => one.offsetTop === cells[0].offsetTop).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  const next = cells[cells.indexOf(cell) + step];
  if (next) next.focus();
}

async function onKey(event) {
  const { key, target } = event;
  // On many keyboards "[" is typed with AltGr, which counts as Ctrl and Alt.
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (held && !event.getModifierState("AltGraph")) return;
  if (byId("keys").open) {
    if (key === "Escape" || key === "?") byId("keys").close();
    return;
  }
  if (target.matches("input, select")) {
    if (key === "Escape") target.blur();
    return;
  }
  const cell = target.closest?.(".cell"), onMap = target === byId("pictures") || target === document.body;
  let done = true;
  if (MOVES[key] && cell) {
    moveInGrid(cell, key);
  } else if (MOVES[key] && onMap) {
    pan(MOVES[key][0] * 80, MOVES[key][1] * 80);
    redraw();
  } else if (key === "Enter" && onMap) {
    const image = middleImage();
    if (image) showImage(image.row);
  } else if (key === " " && (cell || onMap)) {
    const image = cell ? await imageOf(Number(cell.dataset.row)) : current;
    if (image) toggle(image);
  } else if (/^[1-9]$/.test(key)) {
    if (cell && !selected.size) current = await imageOf(Number(cell.dataset.row));
    const text = labelTexts[Number(key) - 1];
    if (text === undefined) say(`There is no label ${key} yet: press E.`); else label(text);
  } else if (ACTS[key] || ACTS[key.toLowerCase()]) {
    (ACTS[key] || ACTS[key.toLowerCase()])();
  } else {
    done = false;
  }
  if (done) event.preventDefault();
}

function showKeys() {
  const lines = KEYS.flatMap(([key, text]) => [
    element("dt", {}, element("kbd", { textContent: key })), element("dd", { textContent: text }),
  ]);
  byId("keys").replaceChildren(
    element("dl", {}, ...lines),
    element("button", { textContent: "Close", autofocus: true, onclick: () => byId("keys").close() }),
  );
  byId("keys").showModal();
}
