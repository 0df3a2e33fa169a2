// The map: areas coloured by open cases, and the cases themselves; or one pin to set.
// Only this file and grid.js import MapLibre. No tiles, no glyph server: all is drawn from our own data.
import * as maplibregl from "/static/vendor/maplibre-gl.mjs";

export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
export const css = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.querySelector("[data-map], [data-grid]").append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};
export const get = async (url) => (await fetch(url, { headers: { accept: "application/json" } })).json();

export function bounds(collection) {
  let [w, s, e, n] = [180, 90, -180, -90];
  const walk = (c) => {
    if (typeof c[0] === "number") { w = Math.min(w, c[0]); e = Math.max(e, c[0]); s = Math.min(s, c[1]); n = Math.max(n, c[1]); }
    else c.forEach(walk);
  };
  collection.features.forEach((f) => walk(f.geometry.coordinates));
  return [[w, s], [e, n]];
}

const font = ["Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];
const label = () => ["coalesce", ["get", document.documentElement.lang.startsWith("zh") ? "zh" : "en"], ["get", "zh"]];

export function start(container, frame) {
  const map = new maplibregl.Map({
    container, bounds: frame, fitBoundsOptions: { padding: 24 }, attributionControl: false,
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": css("surface") } }] },
    localIdeographFontFamily: font.join(","), maxZoom: 19,
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.keyboard.enable();
  return map;
}

export function backdrop(map, data) {
  map.addSource("backdrop", { type: "geojson", data });
  const dark = matchMedia("(prefers-color-scheme: dark)").matches || document.documentElement.dataset.theme === "dark";
  const is = (layer) => ["==", ["get", "layer"], layer];
  map.addLayer({ id: "parks", type: "fill", source: "backdrop", filter: is("park"), paint: { "fill-color": dark ? "#15271f" : "#d9ecd8" } });
  map.addLayer({ id: "water", type: "fill", source: "backdrop", filter: is("water"), paint: { "fill-color": dark ? "#12304d" : "#b9d9f0" } });
  map.addLayer({ id: "roads", type: "line", source: "backdrop", filter: is("road"), layout: { "line-cap": "round" },
    paint: { "line-color": dark ? "#3a4a60" : "#c3ccd8", "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, ["match", ["get", "class"], 1, 1.6, 2, 0.8, 0.3], 16, ["match", ["get", "class"], 1, 14, 2, 9, 5]] } });
}

function roadNames(map) {
  map.addLayer({ id: "road-names", type: "symbol", source: "backdrop", minzoom: 12.5, filter: ["==", ["get", "layer"], "road"],
    layout: { "symbol-placement": "line", "text-field": label(), "text-font": font, "text-size": 12, "symbol-spacing": 380 },
    paint: { "text-color": css("muted"), "text-halo-color": css("surface"), "text-halo-width": 1.4 } });
}

async function wall(box) {
  const levels = box.dataset.levels.split(",");
  const shapes = Object.fromEntries(await Promise.all(levels.map(async (l) => [l, await get(`/api/v1/map/areas.geojson?level=${l}`)])));
  const map = start(box, bounds(shapes[levels[0]]));
  await map.once("load");
  backdrop(map, await get("/api/v1/map/backdrop.geojson"));
  const heat = [1, 2, 3, 4, 5].map((n) => css(`heat${n}`));
  const n = ["coalesce", ["feature-state", "n"], 0];
  const shown = levels.length - 1;
  levels.forEach((level, i) => {
    const [a, b, c, d] = classes(shapes[level]);
    map.addSource(level, { type: "geojson", data: shapes[level] });
    map.addLayer({ id: `fill-${level}`, type: "fill", source: level, layout: { visibility: i === shown ? "visible" : "none" },
      paint: { "fill-color": ["step", n, heat[0], a, heat[1], b, heat[2], c, heat[3], d, heat[4]], "fill-opacity": ["step", n, 0.25, a, 0.6] } }, "roads");
    map.addLayer({ id: `line-${level}`, type: "line", source: level, layout: { visibility: i === shown || !i ? "visible" : "none" }, paint: { "line-color": css("muted"), "line-opacity": i ? 0.3 : 0.9, "line-width": i ? 0.6 : 1.6 } });
  });
  roadNames(map);
  map.addSource("cases", { type: "geojson", data: await get("/api/v1/map/cases.geojson") });
  const late = ["get", "overdue"];
  map.addLayer({ id: "cases", type: "circle", source: "cases", filter: ["!", late], paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 2.6, 15, 7], "circle-color": ["match", ["get", "stage"], ["dispatched", "in_hand"], css("warn"), ["handled", "checked"], css("ok"), css("info")], "circle-stroke-color": css("card"), "circle-stroke-width": 1 } });
  map.addImage("late", triangle(css("bad"), css("card")), { pixelRatio: 2 });
  map.addLayer({ id: "late", type: "symbol", source: "cases", filter: late, layout: { "icon-image": "late", "icon-allow-overlap": true, "icon-size": ["interpolate", ["linear"], ["zoom"], 10, 0.55, 15, 1] } });
  map.addLayer({ id: "names", type: "symbol", source: levels[0], layout: { "text-field": label(), "text-font": font, "text-size": 14 }, paint: { "text-color": css("text"), "text-halo-color": css("surface"), "text-halo-width": 2 } });
  choose(map, levels, shown, shapes);
  const open = (e) => location.assign(`/cases/${e.features[0].properties.number}`);
  for (const layer of ["cases", "late"]) {
    map.on("click", layer, open);
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  for (const level of levels) map.on("click", `fill-${level}`, (e) => {
    if (!map.queryRenderedFeatures(e.point, { layers: ["cases", "late", "things"] }).length) location.assign(`/desk?open=1&area=${encodeURIComponent(e.features[0].properties.code)}`);
  });
  const load = async () => {
    for (const level of levels) {
      const counts = await get(`/api/v1/map/load.json?level=${level}`);
      map.removeFeatureState({ source: level });
      for (const [id, count] of Object.entries(counts)) map.setFeatureState({ source: level, id: Number(id) }, { n: count });
    }
  };
  await load();
  await things(map);
  addEventListener("hub:changed", async () => { map.getSource("cases").setData(await get("/api/v1/map/cases.geojson")); await load(); });
  box.dataset.ready = "yes";
}

// The classes of a level are fixed: a scale that moves with the numbers would lie.
function classes(collection) {
  const per = Math.max(1, Math.round(500 / collection.features.length));
  return per === 1 ? [1, 2, 3, 5] : [1, 2 * per, 4 * per, 8 * per];
}

function legend([a, b, c, d]) {
  const spans = (from, to) => (to - 1 > from ? `${from}–${to - 1}` : `${from}`);
  const texts = ["0", spans(a, b), spans(b, c), spans(c, d), `≥ ${d}`];
  document.querySelectorAll(".legend [data-class]").forEach((item, i) => { item.lastChild.textContent = texts[i]; });
}

function choose(map, levels, shown, shapes) {
  const bar = document.getElementById("levels");
  legend(classes(shapes[levels[shown]]));
  levels.forEach((level, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words.levels[level] ?? level });
    button.setAttribute("aria-pressed", i === shown);
    button.addEventListener("click", () => {
      levels.forEach((other, j) => {
        const on = other === level;
        bar.children[j].setAttribute("aria-pressed", on);
        map.setLayoutProperty(`fill-${other}`, "visibility", on ? "visible" : "none");
        map.setLayoutProperty(`line-${other}`, "visibility", on || !j ? "visible" : "none");
      });
      legend(classes(shapes[level]));
    });
    bar.append(button);
  });
}

/** Draw the things of the city (lamps, covers, trees) where one looks closely. */
async function things(map) {
  const near = 14;
  map.addSource("things", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  const broken = ["in", ["get", "state"], ["literal", ["damaged", "lost"]]];
  map.addLayer({ id: "things", type: "circle", source: "things", minzoom: near, paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], near, 1.6, 18, 5], "circle-color": css("surface"), "circle-stroke-width": 1.2, "circle-stroke-color": ["case", broken, css("bad"), css("muted")] } }, "cases");
  const look = async () => {
    if (map.getZoom() < near) return;
    const b = map.getBounds();
    const bbox = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((x) => x.toFixed(5)).join(",");
    map.getSource("things").setData(await get(`/api/v1/map/assets.geojson?bbox=${bbox}`));
  };
  map.on("moveend", look);
  map.on("click", "things", (e) => {
    if (!map.queryRenderedFeatures(e.point, { layers: ["cases", "late"] }).length) location.assign(`/assets/${encodeURIComponent(e.features[0].properties.code)}`);
  });
  await look();
}

function triangle(colour, edge) {
  const size = 30, canvas = Object.assign(document.createElement("canvas"), { width: size, height: size }), g = canvas.getContext("2d");
  g.beginPath(); g.moveTo(15, 2); g.lineTo(29, 27); g.lineTo(1, 27); g.closePath();
  g.fillStyle = colour; g.fill(); g.strokeStyle = edge; g.lineWidth = 2; g.stroke();
  return g.getImageData(0, 0, size, size);
}

async function pin(box) {
  const form = box.closest("form"), tools = document.getElementById("pin-tools"), said = tools.querySelector("[data-said]");
  const roots = await get("/api/v1/areas");
  const shapes = await get(`/api/v1/map/areas.geojson?level=${roots[0]?.kind ?? "city"}`);
  if (!shapes.features.length) return;
  box.hidden = tools.hidden = false;
  const map = start(box, bounds(shapes));
  await map.once("load");
  backdrop(map, await get("/api/v1/map/backdrop.geojson"));
  map.addSource("city", { type: "geojson", data: shapes });
  map.addLayer({ id: "city", type: "line", source: "city", paint: { "line-color": css("muted"), "line-width": 2 } });
  roadNames(map);
  const marker = new maplibregl.Marker({ draggable: true, color: css("bad") });
  const set = ({ lng, lat }) => {
    marker.setLngLat([lng, lat]).addTo(map);
    form.elements.lon.value = lng.toFixed(6); form.elements.lat.value = lat.toFixed(6);
    said.textContent = words.set;
    form.elements.lon.dispatchEvent(new Event("change", { bubbles: true }));
  };
  if (form.elements.lon.value) set({ lng: +form.elements.lon.value, lat: +form.elements.lat.value });
  map.on("click", (e) => set(e.lngLat));
  marker.on("dragend", () => set(marker.getLngLat()));
  for (const button of tools.querySelectorAll("[data-nudge]")) button.addEventListener("click", () => {
    const at = form.elements.lon.value ? { lng: +form.elements.lon.value, lat: +form.elements.lat.value } : map.getCenter();
    const step = 40 / 2 ** map.getZoom(), way = button.dataset.nudge;
    set({ lng: at.lng + (way === "e" ? step : way === "w" ? -step : 0), lat: at.lat + (way === "n" ? step : way === "s" ? -step : 0) });
  });
  tools.querySelector("[data-locate]").addEventListener("click", () => navigator.geolocation.getCurrentPosition(
    ({ coords }) => { set({ lng: coords.longitude, lat: coords.latitude }); map.flyTo({ center: [coords.longitude, coords.latitude], zoom: 16 }); },
    () => { said.textContent = words.refused; }));
  box.dataset.ready = "yes";
}

for (const box of document.querySelectorAll("[data-map]")) {
  ({ wall, pin })[box.dataset.map](box).catch((error) => {
    console.warn(error);
    box.dataset.ready = "failed";
    if (words.none) box.append(Object.assign(document.createElement("p"), { className: "empty", textContent: words.none }));
  });
}
