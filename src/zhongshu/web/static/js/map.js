// The map: what every map here is made of, and the one with a pin to set.
// Only this file and grid.js import MapLibre. No tiles, no glyph server: all is drawn from our own data.
import * as maplibregl from "/static/vendor/maplibre-gl.mjs";
import { words } from "./words.js";

export const css = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.querySelector("[data-map], [data-grid]").append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};
export const get = async (url) => (await fetch(url, { headers: { accept: "application/json" } })).json();

/** The outline of the whole city. */
export async function outline() {
  const roots = await get("/api/v1/areas");
  return get(`/api/v1/map/areas.geojson?level=${roots[0]?.kind ?? "city"}`);
}

export const collection = (features = []) => ({ type: "FeatureCollection", features });
/** A condition of a layer: a property of its features has this value. */
export const is = (property, value) => ["==", ["get", property], value];
const chinese = document.documentElement.lang.startsWith("zh");

export function bounds({ features }) {
  let [w, s, e, n] = [180, 90, -180, -90];
  const walk = (c) => {
    if (typeof c[0] === "number") { w = Math.min(w, c[0]); e = Math.max(e, c[0]); s = Math.min(s, c[1]); n = Math.max(n, c[1]); }
    else c.forEach(walk);
  };
  features.forEach((f) => walk(f.geometry.coordinates));
  return [[w, s], [e, n]];
}

export const font = ["Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];
export const label = () => ["coalesce", ["get", chinese ? "zh" : "en"], ["get", "zh"]];

/** The name of a feature in the language of the page. */
export const named = ({ properties }) => (!chinese && properties.en) || properties.zh;

/** Open a map of a frame, with the water, parks and roads of the city on it. */
export async function start(container, frame) {
  const map = new maplibregl.Map({
    container, bounds: frame, fitBoundsOptions: { padding: 24 }, attributionControl: false,
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": css("surface") } }] },
    localIdeographFontFamily: font.join(","), maxZoom: 19,
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.keyboard.enable();
  await map.once("load");
  backdrop(map, await get("/api/v1/map/backdrop.geojson"));
  return map;
}

function backdrop(map, data) {
  map.addSource("backdrop", { type: "geojson", data });
  const dark = matchMedia("(prefers-color-scheme: dark)").matches || document.documentElement.dataset.theme === "dark";
  map.addLayer({ id: "parks", type: "fill", source: "backdrop", filter: is("layer", "park"), paint: { "fill-color": dark ? "#15271f" : "#d9ecd8" } });
  map.addLayer({ id: "water", type: "fill", source: "backdrop", filter: is("layer", "water"), paint: { "fill-color": dark ? "#12304d" : "#b9d9f0" } });
  map.addLayer({ id: "roads", type: "line", source: "backdrop", filter: is("layer", "road"), layout: { "line-cap": "round" },
    paint: { "line-color": dark ? "#3a4a60" : "#c3ccd8", "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, ["match", ["get", "class"], 1, 1.6, 2, 0.8, 0.3], 16, ["match", ["get", "class"], 1, 14, 2, 9, 5]] } });
}

export function roadNames(map) {
  map.addLayer({ id: "road-names", type: "symbol", source: "backdrop", minzoom: 12.5, filter: is("layer", "road"),
    layout: { "symbol-placement": "line", "text-field": label(), "text-font": font, "text-size": 12, "symbol-spacing": 380 },
    paint: { "text-color": css("muted"), "text-halo-color": css("surface"), "text-halo-width": 1.4 } });
}

async function pin(box) {
  const form = box.closest("form"), tools = document.getElementById("pin-tools"), said = tools.querySelector("[data-said]");
  const shapes = await outline();
  if (!shapes.features.length) return;
  box.hidden = tools.hidden = false;
  const map = await start(box, bounds(shapes));
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

/** The public map: squares coloured by how much is open, and numbers for what is scattered. */
async function open(box) {
  const areas = await get(`/api/v1/map/areas.geojson?level=${box.dataset.level || "city"}`);
  const told = await get(box.dataset.from);
  const map = await start(box, bounds(told.features.length ? told : areas));
  map.addSource("areas", { type: "geojson", data: areas });
  map.addLayer({ id: "areas", type: "line", source: "areas", paint: { "line-color": css("muted"), "line-opacity": 0.5 } });
  map.addSource("told", { type: "geojson", data: told });
  const heat = [2, 3, 4, 5].map((n) => css(`heat${n}`));
  map.addLayer({ id: "squares", type: "fill", source: "told", filter: is("kind", "square"), paint: { "fill-opacity": 0.8, "fill-color": ["step", ["get", "count"], heat[0], 5, heat[1], 10, heat[2], 20, heat[3]] } });
  roadNames(map);
  map.addLayer({ id: "counts", type: "symbol", source: "told", layout: { "text-field": ["to-string", ["get", "count"]], "text-font": font, "text-size": 12 }, paint: { "text-color": css("text"), "text-halo-color": css("card"), "text-halo-width": 2 } });
  map.on("click", "counts", (e) => {
    const code = e.features[0].properties.area;
    if (code) location.search = new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), area: code });
  });
  box.dataset.ready = "yes";
}

for (const box of document.querySelectorAll("[data-map=pin], [data-map=open]")) {
  ({ pin, open })[box.dataset.map](box).catch((error) => {
    console.warn(error);
    box.dataset.ready = "failed";
    if (words.none) box.append(Object.assign(document.createElement("p"), { className: "empty", textContent: words.none }));
  });
}
