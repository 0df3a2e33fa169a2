// The map: what every map here is made of, and the one with a pin to set.
// Only this file and grid.js import MapLibre. No glyph server, nothing from elsewhere.
import * as maplibregl from "/static/vendor/maplibre-gl.mjs";
import { ground } from "./ground.js";
import { chinese, css, font, is } from "./paint.js";
import { words } from "./words.js";

export const get = async (url) => (await fetch(url, { headers: { accept: "application/json" } })).json();

/** The outline of the whole city. */
export async function outline() {
  const roots = await get("/api/v1/areas");
  return get(`/api/v1/map/areas.geojson?level=${roots[0]?.kind ?? "city"}`);
}

export const collection = (features = []) => ({ type: "FeatureCollection", features });

export function bounds({ features }) {
  let [w, s, e, n] = [180, 90, -180, -90];
  const walk = (c) => {
    if (typeof c[0] === "number") { w = Math.min(w, c[0]); e = Math.max(e, c[0]); s = Math.min(s, c[1]); n = Math.max(n, c[1]); }
    else c.forEach(walk);
  };
  features.forEach((f) => walk(f.geometry.coordinates));
  return [[w, s], [e, n]];
}

/** The name of a feature in the language of the page. */
export const named = ({ properties }) => (!chinese && properties.en) || properties.zh;

/** Open a map of a frame on the base map, and return it with its `ground`. */
export async function start(container, frame) {
  const map = new maplibregl.Map({
    container, bounds: frame, fitBoundsOptions: { padding: 24 }, attributionControl: false,
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": css("surface") } }] },
    localIdeographFontFamily: font.join(","), maxZoom: 19,
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.AttributionControl({ compact: false, customAttribution: [] }), "bottom-right");
  map.keyboard.enable();
  await map.once("load");
  map.ground = await ground(map);
  return map;
}

async function pin(box) {
  const form = box.closest("form"), tools = document.getElementById("pin-tools"), said = tools.querySelector("[data-said]");
  const shapes = await outline();
  if (!shapes.features.length) return;
  box.hidden = tools.hidden = false;
  const map = await start(box, bounds(shapes));
  map.addSource("city", { type: "geojson", data: shapes });
  map.addLayer({ id: "city", type: "line", source: "city", paint: { "line-color": css("muted"), "line-width": 2 } });
  map.ground.names();
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
  map.addLayer({ id: "squares", type: "fill", source: "told", filter: is("kind", "square"), paint: { "fill-opacity": 0.8, "fill-color": ["step", ["get", "count"], heat[0], ...box.dataset.steps.split(",").flatMap((n, i) => [Number(n), heat[i + 1]])] } });
  map.ground.names();
  map.addLayer({ id: "counts", type: "symbol", source: "told", layout: { "text-field": ["to-string", ["get", "count"]], "text-font": font, "text-size": 12 }, paint: { "text-color": css("text"), "text-halo-color": css("card"), "text-halo-width": 2 } });
  map.on("click", "counts", (e) => {
    const code = e.features[0].properties.area;
    if (code) location.search = new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), area: code });
  });
  box.dataset.ready = "yes";
}

/** A base map to look at, under the outline of the city. */
async function look(box) {
  const shapes = await outline();
  if (!shapes.features.length) return;
  box.hidden = false;
  const map = await start(box, bounds(shapes));
  map.addSource("city", { type: "geojson", data: shapes });
  map.addLayer({ id: "city", type: "line", source: "city", paint: { "line-color": css("muted"), "line-width": 2 } });
  map.ground.names();
  box.dataset.ready = "yes";
}

for (const box of document.querySelectorAll("[data-map=pin], [data-map=open], [data-map=look]")) {
  ({ pin, open, look })[box.dataset.map](box).catch((error) => {
    console.warn(error);
    box.dataset.ready = "failed";
    if (words.none) box.append(Object.assign(document.createElement("p"), { className: "empty", textContent: words.none }));
  });
}
