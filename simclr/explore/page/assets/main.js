// What the mouse and the buttons do, and the beginning.

const map = byId("pictures");
const isDark = () => document.documentElement.classList.contains("dark");
let drag = null; // {x, y, moved, lasso}
let lassoMode = false;

function resize() {
  const ratio = window.devicePixelRatio || 1;
  camera.width = byId("map").clientWidth;
  camera.height = byId("map").clientHeight;
  for (const id of ["points", "pictures"]) {
    byId(id).width = camera.width * ratio;
    byId(id).height = camera.height * ratio;
  }
  redraw();
}

function spot(event) {
  const box = map.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

map.onpointerdown = (event) => {
  const [x, y] = spot(event);
  map.setPointerCapture(event.pointerId);
  drag = { x, y, moved: 0, lasso: lassoMode || event.shiftKey };
  if (drag.lasso) lassoLine = [[x, y]];
};

map.onpointermove = (event) => {
  const [x, y] = spot(event);
  if (!drag) {
    showTip(x, y);
    return;
  }
  byId("tip").hidden = true;
  drag.moved += Math.abs(x - drag.x) + Math.abs(y - drag.y);
  if (drag.lasso) lassoLine.push([x, y]); else pan(x - drag.x, y - drag.y);
  [drag.x, drag.y] = [x, y];
  redraw();
};

map.onpointerup = () => {
  if (!drag) return;
  const { x, y, moved, lasso } = drag;
  drag = null;
  if (lasso && moved > 4) {
    selectInView(inLasso);
  } else if (moved <= 4) {
    const image = nearestTo(x, y, 20);
    if (image) showImage(image.row);
  }
  lassoLine = [];
  redraw();
};

map.onpointerleave = () => { byId("tip").hidden = true; };

map.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(...spot(event), Math.exp(-event.deltaY * 0.002));
  redraw();
}, { passive: false });

function showTip(x, y) {
  const tip = byId("tip"), image = nearestTo(x, y, 10);
  tip.hidden = !image;
  if (!image) return;
  const context = tip.getContext("2d");
  context.clearRect(0, 0, 48, 48);
  drawThumbnail(context, image.tile, image.i, 24, 24, 48, () => showTip(x, y));
  tip.style.left = `${Math.min(x + 14, camera.width - 100)}px`;
  tip.style.top = `${Math.min(y + 14, camera.height - 100)}px`;
}

function pressed(id, value) { byId(id).setAttribute("aria-pressed", value); }

function setDark(value) {
  document.documentElement.classList.toggle("dark", value);
  pressed("dark", value);
  redraw();
}

function zoomMiddle(factor) {
  zoomAt(camera.width / 2, camera.height / 2, factor);
  redraw();
}

const CLICKS = {
  fit: () => { whole(); redraw(); },
  nearer: () => zoomMiddle(1.5),
  farther: () => zoomMiddle(1 / 1.5),
  view: () => selectInView(() => true),
  help: showKeys,
  dark: () => setDark(!isDark()),
  show: () => {
    withPictures = !withPictures;
    pressed("show", withPictures);
    redraw();
  },
  lasso: () => {
    lassoMode = !lassoMode;
    pressed("lasso", lassoMode);
    map.classList.toggle("drawing", lassoMode);
  },
  give: () => label(byId("label").value),
  undo: () => {
    const count = undo();
    say(count ? `${count.toLocaleString("en")} undone` : "Nothing to undo.");
    afterLabels();
  },
  clear: () => {
    // The cluster stays: one goes on with its other images.
    if (selected.size && shownCluster) {
      selectOnly([]);
      return;
    }
    lit = -1;
    current = null;
    selectOnly([]);
    showLegend();
    showStart();
  },
  labels: () => download("labels.csv", labelsCsv()),
  names: () => download("names.csv", namesCsv()),
};

function start() {
  byId("title").textContent = `${overview.title}: ${overview.count.toLocaleString("en")} images`;
  const ways = Object.keys(WAYS).filter((one) => one === "novelty" ? overview.odd.length
    : one === "label" || (one === "cluster" ? overview.clusters : overview[one]).length);
  if (!ways.includes(way)) way = ways[0];
  byId("colour").append(...ways.map((one) => element("option", { value: one, textContent: WAYS[one] })));
  byId("colour").value = way;
  byId("colour").onchange = (event) => {
    way = event.target.value;
    lit = -1;
    showLegend();
    fade();
  };
  for (const [id, act] of Object.entries(CLICKS)) byId(id).onclick = act;
  byId("label").onkeydown = (event) => {
    if (event.key === "Enter") {
      label(event.target.value);
      event.target.blur();
    }
  };
  byId("search").oninput = (event) => search(event.target.value);
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", resize);
}

async function begin() {
  const inside = JSON.parse(byId("inside").textContent);
  for (const [number, told] of inside.entries()) arrive(number, told);
  setDark(matchMedia("(prefers-color-scheme: dark)").matches);
  start();
  startPoints();
  await load(0);
  resize();
  whole();
  await restore();
  showLegend();
  showSlots();
  await showStart();
  fade();
  // For tests and the benchmark: when the first frame was drawn.
  requestAnimationFrame(() => {
    const { dataset } = document.documentElement;
    dataset.drawnAfter = performance.now();
    dataset.drawn = "yes";
  });
}

begin();
