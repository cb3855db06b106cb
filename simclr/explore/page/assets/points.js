// Points, drawn by the graphics card: a buffer of places and one of colours a
// tile.

const gl = byId("points").getContext("webgl2", { antialias: false, alpha: true });
const VERTEX = `#version 300 es
in vec2 place; in vec4 colour;
uniform vec2 middle; uniform vec2 stretch; uniform float size;
out vec4 shade;
void main() {
  vec2 at = (place - middle) * stretch;
  // The fourth number: 0 dim, 1/6 without a code, 1/3 plain, 1 selected.
  float big = colour.a > 0.9 ? 1.7 : 1.0;
  gl_Position = vec4(at.x, -at.y, 0.0, 1.0);
  gl_PointSize = size * big;
  shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 shade; out vec4 result;
uniform vec3 ink;
void main() {
  float away = 2.0 * length(gl_PointCoord - 0.5);
  if (away > 1.0) discard;
  bool ring = shade.a > 0.9 && away > 0.62;
  float solid = shade.a < 0.1 ? 0.12 : shade.a < 0.25 ? 0.4 : 0.9;
  result = vec4(ring ? ink : shade.rgb, 1.0) * solid;
}`;
let program = null, where = {};

function startPoints() {
  if (!gl) {
    say("This browser has no WebGL2: the map cannot be drawn.");
    return;
  }
  program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "place");
  gl.bindAttribLocation(program, 1, "colour");
  gl.linkProgram(program);
  gl.useProgram(program);
  for (const name of ["middle", "stretch", "size", "ink"]) {
    where[name] = gl.getUniformLocation(program, name);
  }
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
}

function upload(tile) {
  tile.vertices = gl.createVertexArray();
  gl.bindVertexArray(tile.vertices);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, tile.place, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 0, 0);
  tile.colours = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, tile.colours);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
}

function recolour(tile) {
  const values = new Uint8Array(4 * tile.count);
  for (let i = 0; i < tile.count; i++) {
    const code = codeOf(tile, i);
    values.set(colourOf(code), 4 * i);
    // Few labels among many images without one are not lost between them.
    const plain = code < 0 ? 42 : 85;
    values[4 * i + 3] = tile.state[i] ? 255 : lit >= 0 && code !== lit ? 0 : plain;
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, tile.colours);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
  tile.fresh = true;
}

// Colours are wrong now: each tile gets its own when it is drawn next.
function fade() {
  for (const tile of tiles) tile.fresh = false;
  redraw();
}

function drawPoints() {
  if (!program) return;
  const ratio = window.devicePixelRatio || 1;
  gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT);
  gl.uniform2f(where.middle, camera.x, camera.y);
  gl.uniform2f(where.stretch, 2 * camera.scale / camera.width, 2 * camera.scale / camera.height);
  const seen = tilesInView(), count = seen.reduce((sum, tile) => sum + tile.count, 0);
  const many = overview.count > 50000 ? 2.5 : 5;
  // So many points that they would hide each other are smaller.
  const room = Math.sqrt((3 * camera.width * camera.height) / count);
  gl.uniform1f(where.size, ratio * Math.min(14, room, many * Math.sqrt(Math.max(1, zoom()))));
  const ink = isDark() ? 1 : 0.05;
  gl.uniform3f(where.ink, ink, ink, ink);
  for (const tile of seen) {
    if (!tile.vertices) upload(tile);
    if (!tile.fresh) recolour(tile);
    gl.bindVertexArray(tile.vertices);
    gl.drawArrays(gl.POINTS, 0, tile.count);
  }
}
