"use strict";
// What the store says: an overview, and columns of images in tiles. A row is
// an image's number over all tiles, in their order.

const byId = (id) => document.getElementById(id);
const overview = JSON.parse(byId("overview").textContent);
const tiles = overview.tiles;
const starts = tiles.map((tile) => tile.start);
const MOST_IN_VIEW = 200000;
const waiting = new Map(); // Tile's number -> what to call when it is there.
const onTile = []; // Called with each tile that arrives.

function unpacked(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return new Kind(bytes.buffer);
}

function arrive(number, told) {
  const tile = tiles[number];
  tile.place = unpacked(told.place, Uint16Array);
  for (const key of ["cluster", "label", "prediction", "day", "near", "source"]) {
    tile[key] = unpacked(told[key], Int32Array);
  }
  tile.novelty = unpacked(told.novelty, Uint8Array); // Hundredths; 255: none.
  tile.size = unpacked(told.size, Uint8Array);
  tile.names = told.names;
  tile.sheet = told.sheet;
  tile.state = new Uint8Array(tile.count); // SELECTED, or 0.
  tile.ready = true;
  for (const act of onTile) act(tile);
  for (const act of waiting.get(number) || []) act(tile);
  waiting.delete(number);
}

// A folder on a disk may not be fetched, but its scripts and pictures load.
window.simclrTile = arrive;

function load(number) {
  const tile = tiles[number];
  if (tile.ready) return Promise.resolve(tile);
  return new Promise((resolve) => {
    if (waiting.has(number)) {
      waiting.get(number).push(resolve);
      return;
    }
    waiting.set(number, [resolve]);
    const script = document.createElement("script");
    script.src = `tiles/${number}.js`;
    script.onload = () => script.remove();
    script.onerror = () => say(`tiles/${number}.js is missing: keep the folder beside this page.`);
    document.head.append(script);
  });
}

function tileOf(row) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= row) low = middle; else high = middle - 1;
  }
  return tiles[low];
}

// The image of a row, once its tile is there: its tile, and its place in it.
async function imageOf(row) {
  const tile = await load(tiles.indexOf(tileOf(row)));
  return { tile, i: row - tile.start, row };
}

function idOf(tile, i) {
  return `${overview.sources[tile.source[i]]}/${tile.names[i]}`;
}

function neighboursOf(tile, i) {
  return Array.from(tile.near.subarray(i * overview.k, (i + 1) * overview.k));
}

// The sheet of a tile's thumbnails; null until it is there.
function sheetOf(tile, then) {
  if (tile.drawable) return tile.drawable;
  if (!tile.seen) {
    tile.seen = [];
    const image = new Image();
    image.onload = async () => {
      // Decoded once; an Image may be decoded again for each thumbnail.
      tile.drawable = await createImageBitmap(image);
      for (const act of tile.seen.splice(0)) act();
    };
    image.src = tile.sheet;
  }
  if (then && !tile.seen.includes(then)) tile.seen.push(then);
  return null;
}

// A thumbnail cut out of its sheet; null until that is there. A browser would
// hand the whole sheet to the graphics card for each frame that draws from it.
const cuts = new Map(); // Row -> canvas.
const MOST_CUTS = 4000;
function cutOf(tile, i, then) {
  const row = tile.start + i;
  if (cuts.has(row)) return cuts.get(row);
  const width = tile.size[2 * i], height = tile.size[2 * i + 1];
  const sheet = width ? sheetOf(tile, then) : null;
  if (!sheet) return null;
  if (cuts.size >= MOST_CUTS) cuts.clear();
  const cut = element("canvas", { width, height });
  const column = i % overview.columns, line = Math.floor(i / overview.columns);
  const x = column * overview.side, y = line * overview.side;
  // So that it stays with the processor.
  const brush = cut.getContext("2d", { willReadFrequently: true });
  brush.drawImage(sheet, x, y, width, height, 0, 0, width, height);
  cuts.set(row, cut);
  return cut;
}

// Draws a thumbnail with its middle at (x, y), its longer side as told.
function drawThumbnail(context, tile, i, x, y, side, then) {
  const cut = cutOf(tile, i, then);
  if (!cut) return null;
  const share = side / Math.max(cut.width, cut.height);
  const w = cut.width * share, h = cut.height * share;
  const box = [x - w / 2, y - h / 2, w, h];
  context.drawImage(cut, ...box);
  return box;
}

function element(kind, properties = {}, ...inner) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...inner);
  return made;
}

function say(text) { byId("said").textContent = text; }
