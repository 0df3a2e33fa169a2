// The map of the screen: areas from coarse to fine as one comes nearer, then the cases themselves.
import { bounds, collection, get, start } from "./map.js";
import { css, font, label } from "./paint.js";
import { shown } from "./live.js";
import { legend } from "./legend.js";
import { layer as livesLayer, lives, nearest } from "./lives.js";
import { words } from "./words.js";

const STEP = 1.3; // zoom levels from one level of areas to the next
const LARGE = Math.max(1, innerWidth / 1920); // of a wall everything is looked at from afar
const CROWDED = 400; // more cases than this are noise until one is near

export async function open(box) {
  const levels = box.dataset.levels.split(",");
  const shapes = Object.fromEntries(await Promise.all(levels.map(async (l) => [l, await get(`/api/v1/map/areas.geojson?level=${l}`)])));
  if (!shapes[levels[0]].features.length) throw new Error("no area has a shape");
  const map = await start(box, bounds(shapes[levels[0]]));
  const near = map.getZoom();
  areas(map, levels, shapes);
  map.ground.names();
  await cases(map);
  names(map, levels[0], shapes[levels[0]]);
  const choice = choose(map, levels, near);
  await things(map);
  clicks(map, levels, box);
  const on = layers(map);
  const screen = { map, on, lives: null };
  const fresh = () => Promise.all([load(map, levels, shapes), past(map, screen) ? null : recase(map, near, choice)]).then(() => preset(map, screen));
  await fresh();
  addEventListener("hub:changed", fresh);
  addEventListener("hub:moment", () => { const hide = past(map, screen); if (hide) map.triggerRepaint(); });
  return screen;
}

function areas(map, levels, shapes) {
  const heat = [1, 2, 3, 4, 5].map((n) => css(`heat${n}`)), n = ["coalesce", ["feature-state", "n"], 0];
  levels.forEach((level, i) => {
    const [a, b, c, d] = words.classes[level];
    map.addSource(level, { type: "geojson", data: shapes[level] });
    map.addLayer({ id: `fill-${level}`, type: "fill", source: level, paint: { "fill-color": ["step", n, heat[0], a, heat[1], b, heat[2], c, heat[3], d, heat[4]], "fill-opacity": ["step", n, 0.25, a, 0.6] } }, map.ground.under);
    map.addLayer({ id: `line-${level}`, type: "line", source: level, paint: { "line-color": css("muted"), "line-opacity": i ? 0.3 : 0.9, "line-width": i ? 0.6 : 1.6 } });
  });
}

async function cases(map) {
  map.addSource("cases", { type: "geojson", data: collection() });
  const late = ["get", "overdue"], danger = ["get", "hazard"], first = ["coalesce", ["get", "first"], false];
  const size = (small, large) => ["interpolate", ["linear"], ["zoom"], 10, ["case", first, small * LARGE * 1.6, small * LARGE], 15, ["case", first, large * LARGE * 1.6, large * LARGE]];
  map.addLayer({ id: "cases", type: "circle", source: "cases", filter: ["all", ["!", late], ["!", danger]], paint: { "circle-radius": size(2.6, 7), "circle-color": ["match", ["get", "stage"], ["dispatched", "in_hand"], css("warn"), ["handled", "checked"], css("ok"), css("info")], "circle-stroke-color": css("card"), "circle-stroke-width": 1 } });
  const mark = (name, points, colour) => map.addImage(name, drawing(points, css(colour), css("card")), { pixelRatio: 2 });
  mark("late", [[15, 2], [29, 27], [1, 27]], "bad");
  mark("danger", [[15, 1], [29, 15], [15, 29], [1, 15]], "danger");
  const icon = (name) => ({ "icon-image": name, "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-size": size(0.55, 1) });
  map.addLayer({ id: "late", type: "symbol", source: "cases", filter: ["all", late, ["!", danger]], layout: icon("late") });
  map.addLayer({ id: "danger", type: "symbol", source: "cases", filter: danger, layout: icon("danger") });
}

const MARKS = ["cases", "late", "danger"];
async function recase(map, near, choice) {
  const data = await get("/api/v1/map/cases.geojson");
  if (shown.at) return;
  map.getSource("cases").setData(data);
  const crowded = data.features.length > CROWDED && choice.auto;
  map.setLayerZoomRange("cases", crowded ? near + STEP * 1.5 : 0, 24);
}

async function load(map, levels, shapes) {
  const at = shown.at, found = (await get(`/api/v1/map/loads.json${at ? `?at=${encodeURIComponent(at)}` : ""}`)).levels;
  if (Boolean(at) !== Boolean(shown.at)) return;
  for (const level of levels) {
    map.removeFeatureState({ source: level });
    for (const [id, n] of Object.entries(found[level])) map.setFeatureState({ source: level, id: Number(id) }, { n });
  }
  map.getSource("names").setData(spots(shapes[levels[0]], found[levels[0]]));
}

function names(map, level, shapes) {
  map.addSource("names", { type: "geojson", data: spots(shapes, {}) });
  map.addLayer({ id: "names", type: "symbol", source: "names", layout: { "text-field": ["concat", label(), "\n", ["get", "n"]], "text-font": font, "text-size": 14 * LARGE, "text-allow-overlap": true }, paint: { "text-color": css("text"), "text-halo-color": css("surface"), "text-halo-width": 2 } });
}

function spots(shapes, counts) {
  return collection(shapes.features.map((f) => {
    const [[w, s], [e, n]] = bounds({ features: [f] });
    return { type: "Feature", properties: { ...f.properties, n: String(counts[f.id] ?? 0) }, geometry: { type: "Point", coordinates: [(w + e) / 2, (s + n) / 2] } };
  }));
}

/** Let levels follow the zoom, or one be chosen; the legend always says the one that is seen. */
function choose(map, levels, near) {
  const bar = document.getElementById("levels"), choice = { auto: true };
  const nth = () => Math.max(0, Math.min(levels.length - 1, Math.floor((map.getZoom() - near + 0.05) / STEP)));
  const set = (chosen) => {
    choice.auto = chosen < 0;
    levels.forEach((level, j) => {
      const [from, to] = choice.auto ? [j ? near + j * STEP : 0, j === levels.length - 1 ? 24 : near + (j + 1) * STEP] : j === chosen ? [0, 24] : [23, 24];
      map.setLayerZoomRange(`fill-${level}`, from, to);
      if (j) map.setLayerZoomRange(`line-${level}`, from, to);
    });
    [...bar.children].forEach((button, j) => button.setAttribute("aria-pressed", j === chosen + 1));
    legend(words.spans[levels[choice.auto ? nth() : chosen]]);
  };
  [words.auto, ...levels.map((level) => words.levels[level] ?? level)].forEach((text, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.addEventListener("click", () => set(i - 1));
    bar.append(button);
  });
  map.on("zoomend", () => { if (choice.auto) legend(words.spans[levels[nth()]]); });
  set(-1);
  return choice;
}

function layers(map) {
  const box = document.getElementById("layers"), on = {};
  box.hidden = false;
  const set = (name, yes) => {
    on[name] = yes;
    const ids = { cases: shown.at ? [] : ["cases", "late"], danger: shown.at ? [] : ["danger"], assets: ["things"], roads: map.ground.roads }[name];
    for (const id of ids) map.setLayoutProperty(id, "visibility", yes ? "visible" : "none");
    dispatchEvent(new Event("hub:moment"));
  };
  for (const input of box.querySelectorAll("input")) {
    on[input.value] = input.checked;
    input.addEventListener("change", () => set(input.value, input.checked));
  }
  on.set = (name, yes) => { box.querySelector(`[value=${name}]`).checked = yes; set(name, yes); };
  return on;
}

/** Show the lives of the past or the cases of now; say which. */
function past(map, screen) {
  const then = Boolean(shown.at);
  for (const id of MARKS) map.setLayoutProperty(id, "visibility", !then && (id === "danger" ? screen.on.danger : screen.on.cases) ? "visible" : "none");
  if (screen.lives) {
    map.setLayoutProperty("lives", "visibility", then ? "visible" : "none");
    screen.lives.on = screen.on;
  }
  return then;
}

const presetNow = () => document.querySelector("#preset [data-preset]").dataset;
let presetShown = "";
/** Draw larger what the preset puts first, and turn on the layers it asks for (once). */
function preset(map, screen) {
  const { preset: code, assets, layers, first: said } = presetNow(), firsts = said.split(",").filter(Boolean);
  const first = (code) => firsts.some((begin) => code.startsWith(begin));
  if (screen.lives) screen.lives.first(map.painter.context.gl, first);
  const source = map.getSource("cases");
  if (firsts.length && !shown.at) source.getData().then((data) => { for (const f of data.features) f.properties.first = first(f.properties.category ?? ""); source.setData(data); });
  if (code === presetShown) return;
  presetShown = code;
  dispatchEvent(new Event("hub:preset"));
  for (const name of ["cases", "danger", "assets", "roads"]) screen.on.set(name, layers.split(",").includes(name));
  map.setFilter("things", assets ? ["any", ...assets.split(",").map((a) => ["==", ["slice", ["get", "category"], 0, a.length], a])] : null);
  map.setLayerZoomRange("things", assets ? 11.5 : 14, 24);
}

/** Fetch a period and put its lives on the map. */
export async function play(screen, query, centre, colour) {
  const found = await lives(query, centre);
  if (screen.lives) screen.map.removeLayer("lives");
  const dot = () => Math.max(4, Math.min(14, (screen.map.getZoom() - 9) * 2.2)) * LARGE * (found.n > 20000 ? 0.7 : 1);
  screen.lives = livesLayer(found, colour, dot);
  screen.found = found;
  screen.map.addLayer(screen.lives, "names");
  past(screen.map, screen);
  preset(screen.map, screen);
  return found;
}

function clicks(map, levels, box) {
  for (const layer of MARKS) {
    map.on("click", layer, (e) => location.assign(`/cases/${e.features[0].properties.number}`));
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  map.on("click", (e) => {
    const marks = MARKS.filter((id) => map.getLayoutProperty(id, "visibility") !== "none");
    if (map.queryRenderedFeatures(e.point, { layers: [...marks, "things"] }).length) return;
    const detail = { lngLat: e.lngLat, taken: false };
    box.dispatchEvent(new CustomEvent("hub:pick", { detail }));
    const area = map.queryRenderedFeatures(e.point, { layers: levels.map((l) => `fill-${l}`) })[0];
    if (!detail.taken && area) drawer(area.properties.code);
  });
  document.querySelector("#drawer [data-close]").addEventListener("click", () => { document.getElementById("drawer").hidden = true; });
}

/** Show how an area stands and whom to call there. */
async function drawer(code) {
  const box = document.getElementById("drawer");
  const answer = await fetch(`/wall/area/${encodeURIComponent(code)}${shown.at ? `?at=${encodeURIComponent(shown.at)}` : ""}`);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  box.querySelector("div").replaceChildren(...page.body.childNodes);
  box.hidden = false;
}

/** Open the case of the past nearest to a click. */
export function picking(screen, box) {
  box.addEventListener("hub:pick", ({ detail }) => {
    if (!shown.at || !screen.found) return;
    const id = nearest(screen.found, screen.lives, [detail.lngLat.lng, detail.lngLat.lat], 9 / (512 * 2 ** screen.map.getZoom()));
    if (id) { detail.taken = true; location.assign(`/wall/case/${id}`); }
  });
}

/** Draw the things of the city (lamps, covers, trees) where one looks closely. */
async function things(map) {
  map.addSource("things", { type: "geojson", data: collection() });
  const broken = ["in", ["get", "state"], ["literal", ["damaged", "lost"]]];
  map.addLayer({ id: "things", type: "circle", source: "things", minzoom: 14, paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 12, 1.4, 18, 5], "circle-color": css("surface"), "circle-stroke-width": 1.2, "circle-stroke-color": ["case", broken, css("bad"), css("muted")] } }, "cases");
  const look = async () => {
    const wanted = presetNow().assets;
    if (map.getZoom() < (wanted ? 11.5 : 14)) return;
    const b = map.getBounds();
    const bbox = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((x) => x.toFixed(5)).join(",");
    map.getSource("things").setData(await get(`/api/v1/map/assets.geojson?bbox=${bbox}${wanted && !wanted.includes(",") ? `&category=${wanted}` : ""}`));
  };
  map.on("moveend", look);
  addEventListener("hub:preset", look);
  map.on("click", "things", (e) => {
    if (!map.queryRenderedFeatures(e.point, { layers: MARKS }).length) location.assign(`/assets/${encodeURIComponent(e.features[0].properties.code)}`);
  });
  await look();
}

function drawing(points, colour, edge) {
  const size = 30, canvas = Object.assign(document.createElement("canvas"), { width: size, height: size }), g = canvas.getContext("2d");
  g.beginPath();
  points.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
  g.closePath();
  g.fillStyle = colour; g.fill(); g.strokeStyle = edge; g.lineWidth = 2; g.stroke();
  return g.getImageData(0, 0, size, size);
}
