// A past period on the map: every case as a point the graphics card shows or hides by itself,
// for the moment is one number given to it. Positions are offsets from an origin, for 32 bits
// of the whole earth jitter by metres.
const RECORD = { wide: 6, narrow: [2, 1] };
const mercator = (lon, lat) => [lon / 360 + 0.5, 0.5 - Math.log(Math.tan(Math.PI / 4 + lat * Math.PI / 360)) / (2 * Math.PI)];

/** Fetch the lives of a period (see /api/v1/history.bin). */
export async function lives(query, origin) {
  const answer = await fetch(`/api/v1/history.bin?${query}`);
  if (!answer.ok) throw new Error(answer.status);
  return read(await answer.arrayBuffer(), origin);
}

/** Read the bytes into arrays as the card wants them; times in seconds after the period began. */
export function read(buffer, origin) {
  const view = new DataView(buffer), size = view.getUint32(4, true);
  if (String.fromCharCode(...new Uint8Array(buffer, 0, 4)) !== "ZSP1") throw new Error("not a history");
  const { since, codes } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const chunks = [];
  let at = 8 + size, n = 0;
  for (let rows; (rows = view.getUint32(at, true));) {
    chunks.push([at + 4, rows]);
    n += rows;
    at += 4 + RECORD.wide * 4 * rows + RECORD.narrow.reduce((sum, bytes) => sum + Math.ceil(bytes * rows / 4) * 4, 0);
  }
  const found = { n, since, codes, origin: mercator(...origin), ids: new Uint32Array(n), place: new Float32Array(2 * n), time: new Float32Array(3 * n), kind: new Uint8Array(4 * n), classes: new Uint16Array(n) };
  let row = 0;
  for (const [start, rows] of chunks) { chunk(buffer, start, rows, row, found); row += rows; }
  return found;
}

function chunk(buffer, at, rows, row, found) {
  const column = (kind, n) => new kind(buffer, at + n * 4 * rows, rows);
  const ids = column(Uint32Array, 0), lon = column(Int32Array, 1), lat = column(Int32Array, 2), start = column(Int32Array, 3), lasting = column(Uint32Array, 4), late = column(Uint32Array, 5);
  const classes = new Uint16Array(buffer, at + 24 * rows, rows), flags = new Uint8Array(buffer, at + 24 * rows + Math.ceil(rows / 2) * 4, rows);
  const never = 2 ** 32 - 1, far = 1e9, [ox, oy] = found.origin;
  found.ids.set(ids, row);
  found.classes.set(classes, row);
  for (let i = 0, j = row; i < rows; i++, j++) {
    const [x, y] = mercator(lon[i] / 1e7, lat[i] / 1e7);
    found.place[2 * j] = x - ox; found.place[2 * j + 1] = y - oy;
    found.time[3 * j] = start[i];
    found.time[3 * j + 1] = lasting[i] === never ? far : start[i] + lasting[i];
    found.time[3 * j + 2] = late[i] === never ? far : start[i] + late[i];
    found.kind[4 * j] = (flags[i] & 1) * 255;
  }
}

const VERTEX = `#version 300 es
uniform mat4 u_matrix; uniform vec2 u_moment; uniform float u_size; uniform vec2 u_layers;
in vec2 a_place; in vec3 a_time; in vec4 a_kind; out vec4 v_kind;
void main() {
  float t = u_moment.x, span = u_moment.y;
  bool on = a_time.x <= t && (span > 0.0 ? a_time.x > t - span : a_time.y > t) && (a_kind.x > 0.5 ? u_layers.y : u_layers.x) > 0.5;
  bool late = a_time.z <= t;
  gl_Position = on ? u_matrix * vec4(a_place, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = on ? u_size * (a_kind.x > 0.5 || late ? 1.5 : 1.0) * (a_kind.y > 0.5 ? 1.5 : 1.0) : 0.0;
  v_kind = vec4(a_kind.x, late ? 1.0 : 0.0, a_kind.y, clamp((t - a_time.x) / 1800.0, 0.0, 1.0));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec3 u_open, u_late, u_danger, u_edge;
in vec4 v_kind; out vec4 o_colour;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  float d = v_kind.x > 0.5 ? abs(p.x) + abs(p.y) : v_kind.y > 0.5 ? max(abs(p.x) * 1.1 + p.y * -0.55 + 0.1, p.y * 1.05) : length(p);
  if (d > 1.0) discard;
  vec3 c = v_kind.x > 0.5 ? u_danger : v_kind.y > 0.5 ? u_late : u_open;
  c = mix(mix(c, vec3(1.0), 0.6), c, v_kind.w); // what has just come is pale for half an hour
  o_colour = vec4(d > 0.74 ? u_edge : c, 1.0);
}`;

/** A layer of the map that draws lives; `moment`, `span`, `on` are set from outside. */
export function layer(found, colours, dot) {
  const made = {
    id: "lives", type: "custom", renderingMode: "2d", moment: 0, span: 0, on: { cases: true, danger: true },
    onAdd(map, gl) {
      this.program = program(gl);
      this.array = gl.createVertexArray();
      gl.bindVertexArray(this.array);
      this.buffers = [["a_place", found.place, 2, gl.FLOAT], ["a_time", found.time, 3, gl.FLOAT], ["a_kind", found.kind, 4, gl.UNSIGNED_BYTE]].map(([name, data, size, type]) => attribute(gl, this.program, name, data, size, type));
      gl.bindVertexArray(null);
      this.at = Object.fromEntries(["u_matrix", "u_moment", "u_size", "u_layers", "u_open", "u_late", "u_danger", "u_edge"].map((u) => [u, gl.getUniformLocation(this.program, u)]));
    },
    /** Make the points of some classes larger (what a preset puts first). */
    first(gl, chosen) {
      for (let i = 0; i < found.n; i++) found.kind[4 * i + 1] = chosen(found.codes[found.classes[i]]) ? 255 : 0;
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[2]);
      gl.bufferData(gl.ARRAY_BUFFER, found.kind, gl.STATIC_DRAW);
    },
    render(gl, args) {
      gl.useProgram(this.program);
      gl.bindVertexArray(this.array);
      gl.uniformMatrix4fv(this.at.u_matrix, false, moved(args.defaultProjectionData.mainMatrix, found.origin));
      gl.uniform2f(this.at.u_moment, this.moment, this.span);
      gl.uniform1f(this.at.u_size, dot() * devicePixelRatio);
      gl.uniform2f(this.at.u_layers, +this.on.cases, +this.on.danger);
      for (const [name, colour] of Object.entries(colours)) gl.uniform3fv(this.at[`u_${name}`], colour);
      gl.disable(gl.DEPTH_TEST);
      gl.disable(gl.STENCIL_TEST);
      gl.drawArrays(gl.POINTS, 0, found.n);
      gl.bindVertexArray(null);
    },
    onRemove(_, gl) {
      for (const buffer of this.buffers) gl.deleteBuffer(buffer);
      gl.deleteVertexArray(this.array);
      gl.deleteProgram(this.program);
    },
  };
  return made;
}

/** Move a matrix to an origin in 64 bits, before the card makes 32 of them. */
function moved(m, [x, y]) {
  const out = Float32Array.from(m);
  for (let i = 0; i < 4; i++) out[12 + i] = m[i] * x + m[4 + i] * y + m[12 + i];
  return out;
}

function attribute(gl, of, name, data, size, type) {
  const buffer = gl.createBuffer(), at = gl.getAttribLocation(of, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, size, type, type !== gl.FLOAT, 0, 0);
  return buffer;
}

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  return made;
}

/** Return the identity of the visible life nearest to a place, within some pixels; or nothing. */
export function nearest(found, drawn, [lon, lat], within) {
  const [x, y] = mercator(lon, lat), [ox, oy] = found.origin, t = drawn.moment;
  let best = within ** 2, id;
  for (let i = 0; i < found.n; i++) {
    const start = found.time[3 * i];
    if (start > t || (drawn.span > 0 ? start <= t - drawn.span : found.time[3 * i + 1] <= t)) continue;
    const d = (found.place[2 * i] + ox - x) ** 2 + (found.place[2 * i + 1] + oy - y) ** 2;
    if (d < best) { best = d; id = found.ids[i]; }
  }
  return id;
}
