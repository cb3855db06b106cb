// What a point's colour means.

const SELECTED = 1;
// Each has a contrast of 3 or more to the white ground and to the dark one.
const NONE = [128, 128, 128];
const PALETTE = [
  [66, 133, 200], [214, 112, 20], [40, 150, 75], [205, 70, 80],
  [140, 105, 190], [150, 110, 85], [205, 95, 160], [35, 150, 160],
  [150, 140, 20], [105, 120, 220], [225, 105, 90], [90, 150, 40],
];
// Blue, then green and yellow, then red: from what is usual to what is new.
const RAMP = [[70, 105, 185], [85, 150, 145], [180, 140, 20], [225, 60, 50]];
const WAYS = {
  cluster: "cluster", label: "label", prediction: "prediction",
  novelty: "novelty", day: "day",
};
let way = overview.colour;
let lit = -1; // The code that is shown alone; -1: all.

function category(code) {
  if (code < 0) return NONE;
  if (code < PALETTE.length) return PALETTE[code];
  // Hues a golden angle apart never meet.
  const hue = (code * 137.508) % 360, channel = (n) => {
    const k = (n + hue / 30) % 12;
    return 255 * (0.5 - 0.3 * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  const colour = [channel(0), channel(8), channel(4)];
  // As bright as the palette: a yellow would be lost on white, a blue in the dark.
  const wanted = [0.16, 0.2, 0.25][code % 3];
  const factor = (wanted / luminance(colour)) ** (1 / 2.2);
  return colour.map((one) => Math.min(255, one * factor));
}

function luminance(colour) {
  const [r, g, b] = colour.map((one) => (one / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ramp(share) {
  const at = Math.max(0, Math.min(1, share)) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[low].map((c, n) => c + (at - low) * (RAMP[low + 1][n] - c));
}

// Novelty in five steps: the code of a legend's line.
const STEPS = ["up to 0.5", "0.5 to 0.8", "0.8 to 1", "1 to 1.2: new", "above 1.2: new"];
const STEP_ENDS = [50, 80, 100, 120, 254];

function codeOf(tile, i) {
  if (way === "novelty") {
    const novelty = tile.novelty[i];
    return novelty === 255 ? -1 : STEP_ENDS.findIndex((end) => novelty <= end);
  }
  if (way === "label") return tile.given[i] >= 0 ? tile.given[i] : tile.label[i];
  return tile[way][i];
}

function colourOf(code) {
  if (code < 0) return NONE;
  if (way === "novelty") return ramp(code / (STEPS.length - 1));
  if (way === "day") return ramp(code / Math.max(1, overview.day.length - 1));
  return category(code);
}

// Lines of the legend: text, count (null: not known of all tiles), code.
function legendLines() {
  if (way === "cluster") {
    return overview.clusters.map((one, code) => ({ text: clusterName(one), count: one.count, code }));
  }
  if (way === "novelty") return STEPS.map((text, code) => ({ text, count: null, code }));
  if (way === "label") {
    return labelTexts.map((text, code) => ({ text, count: labelCount(code), code }));
  }
  const lines = overview[way].map((one, code) => ({ ...one, code }));
  return way === "day" ? lines.reverse() : lines;
}

function css([r, g, b]) { return `rgb(${r | 0} ${g | 0} ${b | 0})`; }
