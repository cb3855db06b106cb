// What lies over the points: thumbnails, names of clusters, the lasso.

const paper = byId("pictures").getContext("2d");
const ABOVE = 8; // Pixels from a cluster's middle to its name: points show.
let withPictures = true;
let lassoLine = []; // Points on screen.
let current = null; // The image that is looked at: {tile, i, row}.

// Pixels between thumbnails: the whole map has room for its points, too.
function spacing() { return zoom() < 1.6 ? 76 : 58; }

function drawPictures() {
  const ratio = window.devicePixelRatio || 1;
  paper.setTransform(ratio, 0, 0, ratio, 0, 0);
  paper.clearRect(0, 0, camera.width, camera.height);
  if (withPictures) drawThumbnails();
  if (way === "cluster") drawNames();
  if (current) drawCurrent();
  if (lassoLine.length) drawLasso();
}

function drawThumbnails() {
  // Of each square of the map the most usual image. Squares belong to the
  // map, not to the screen: pictures stay while one moves.
  const step = spacing(), best = new Map();
  eachInView(tilesInView().filter((tile) => tile.sheet), (tile, i, x, y) => {
    if (lit >= 0 && codeOf(tile, i) !== lit) return;
    const u = Math.floor((tile.place[2 * i] / 65535) * camera.scale / step);
    const v = Math.floor((tile.place[2 * i + 1] / 65535) * camera.scale / step);
    const square = u * 1048576 + v, one = best.get(square);
    if (!one || tile.novelty[i] < one.tile.novelty[one.i]) best.set(square, { tile, i, x, y });
  });
  paper.lineWidth = 2;
  // The most usual first: where two would overlap it is the one that is seen.
  const order = [...best].sort(([, a], [, b]) => a.tile.novelty[a.i] - b.tile.novelty[b.i]);
  const drawn = new Map();
  for (const [square, { tile, i, x, y }] of order) {
    if (isCovered(drawn, square, x, y)) continue;
    const box = drawThumbnail(paper, tile, i, x, y, 48, redraw);
    if (!box) continue;
    drawn.set(square, [x, y]);
    paper.strokeStyle = css(colourOf(codeOf(tile, i)));
    paper.strokeRect(...box);
    if (tile.state[i]) {
      paper.strokeStyle = isDark() ? "#fff" : "#000";
      paper.strokeRect(box[0] - 3, box[1] - 3, box[2] + 6, box[3] + 6);
    }
  }
}

// Whether a picture would lie on one of a square beside its own.
function isCovered(drawn, square, x, y) {
  for (const across of [-1048576, 0, 1048576]) {
    for (const down of [-1, 0, 1]) {
      const other = drawn.get(square + across + down);
      if (other && Math.abs(other[0] - x) < 50 && Math.abs(other[1] - y) < 50) return true;
    }
  }
  return false;
}

function drawNames() {
  paper.font = "600 12px system-ui, sans-serif";
  paper.textAlign = "center";
  paper.lineJoin = "round";
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = byId("tools");
  const taken = [{
    x: offsetLeft + offsetWidth / 2, y: offsetTop + offsetHeight / 2,
    half: offsetWidth / 2, tall: offsetHeight / 2 + 9 + ABOVE,
  }];
  for (const [code, cluster] of overview.clusters.entries()) {
    if (lit >= 0 && code !== lit) continue;
    const [middle, y] = toScreen(...cluster.place), text = shortName(cluster);
    if (middle < 0 || middle > camera.width || y < 0 || y > camera.height) continue;
    const half = paper.measureText(text).width / 2 + 4;
    // Whole at the edge, too.
    const x = Math.max(half, Math.min(camera.width - half, middle));
    // The largest clusters come first; a name that would lie on one waits.
    const lies = (one) => Math.abs(one.x - x) < one.half + half && Math.abs(one.y - y) < one.tall;
    if (taken.some(lies)) continue;
    taken.push({ x, y, half, tall: 18 });
    paper.lineWidth = 4;
    paper.strokeStyle = isDark() ? "#121214" : "#fff";
    paper.strokeText(text, x, y - ABOVE);
    paper.fillStyle = isDark() ? "#fff" : "#111";
    paper.fillText(text, x, y - ABOVE);
  }
}

function drawCurrent() {
  const { tile, i } = current;
  const [x, y] = toScreen(tile.place[2 * i] / 65535, tile.place[2 * i + 1] / 65535);
  paper.lineWidth = 3;
  paper.strokeStyle = isDark() ? "#fff" : "#000";
  paper.beginPath();
  paper.arc(x, y, 12, 0, 2 * Math.PI);
  paper.stroke();
}

function drawLasso() {
  paper.beginPath();
  for (const [x, y] of lassoLine) paper.lineTo(x, y);
  paper.closePath();
  paper.fillStyle = "rgb(80 140 255 / 15%)";
  paper.fill();
  paper.lineWidth = 1.5;
  paper.strokeStyle = "rgb(80 140 255)";
  paper.stroke();
}

// Whether a point is inside the line: a ray crosses it an odd number of times.
function inLasso(x, y) {
  let inside = false;
  for (let a = 0, b = lassoLine.length - 1; a < lassoLine.length; b = a++) {
    const [ax, ay] = lassoLine[a], [bx, by] = lassoLine[b];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawPoints();
    drawPictures();
  });
}
