// Which part of the map is seen. The map is a square of side 1.

const camera = { x: 0.5, y: 0.5, scale: 1, width: 1, height: 1 };

function wholeScale() { return Math.min(camera.width, camera.height) * 0.98; }
function zoom() { return camera.scale / wholeScale(); }

function whole() {
  // What there is, not the square: a day's images lie in a part of it.
  let [left, top, right, bottom] = [1, 1, 0, 0];
  const { place } = tiles[0];
  for (let n = 0; n < place.length; n += 2) {
    left = Math.min(left, place[n] / 65535);
    right = Math.max(right, place[n] / 65535);
    top = Math.min(top, place[n + 1] / 65535);
    bottom = Math.max(bottom, place[n + 1] / 65535);
  }
  const least = 0.02; // Of images that all lie on one spot.
  camera.x = (left + right) / 2;
  camera.y = (top + bottom) / 2;
  camera.scale = 0.92 * Math.min(
    camera.width / Math.max(right - left, least),
    camera.height / Math.max(bottom - top, least),
  );
}

function toScreen(x, y) {
  return [
    (x - camera.x) * camera.scale + camera.width / 2,
    (y - camera.y) * camera.scale + camera.height / 2,
  ];
}

function toMap(x, y) {
  return [
    (x - camera.width / 2) / camera.scale + camera.x,
    (y - camera.height / 2) / camera.scale + camera.y,
  ];
}

function zoomAt(x, y, factor) {
  const [u, v] = toMap(x, y);
  const scale = camera.scale * factor;
  camera.scale = Math.max(wholeScale() / 2, Math.min(wholeScale() * 4000, scale));
  const [p, q] = toMap(x, y);
  camera.x += u - p;
  camera.y += v - q;
}

function pan(dx, dy) {
  camera.x = Math.max(0, Math.min(1, camera.x - dx / camera.scale));
  camera.y = Math.max(0, Math.min(1, camera.y - dy / camera.scale));
}

// Tiles in view, the whole first; those that are not there yet are asked for.
function tilesInView() {
  const [left, top] = toMap(0, 0), [right, bottom] = toMap(camera.width, camera.height);
  const found = [], next = [0];
  let count = 0;
  while (next.length) {
    const tile = tiles[next.shift()];
    const [x0, y0, x1, y1] = tile.box;
    if (x1 < left || x0 > right || y1 < top || y0 > bottom) continue;
    if (count + tile.count > MOST_IN_VIEW) break;
    count += tile.count;
    if (tile.ready) found.push(tile); else load(tiles.indexOf(tile)).then(redraw);
    next.push(...tile.children);
  }
  return found;
}

// Calls act(tile, i, x, y) for each image of tiles that is in view, with its
// place on screen.
function eachInView(among, act) {
  for (const tile of among) {
    for (let i = 0; i < tile.count; i++) {
      const [x, y] = toScreen(tile.place[2 * i] / 65535, tile.place[2 * i + 1] / 65535);
      if (x >= 0 && y >= 0 && x <= camera.width && y <= camera.height) act(tile, i, x, y);
    }
  }
}
