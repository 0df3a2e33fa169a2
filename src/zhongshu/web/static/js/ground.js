// The ground of every map: the base map that was chosen, all of it from the hub itself.
import { chinese, css, dark, font, is, label } from "./paint.js";

const CHOICE = "base-map"; // which one this browser was last given by its reader
/** Where each kind of tile keeps what we draw, and how it tells the rank of a road and a name. */
const SCHEMAS = {
  zhongshu: { park: "park", water: "water", stream: "stream", building: "building", rail: "rail", road: "road", names: "road", place: "place", rank: ["get", "class"], name: label(), rails: true },
  openmaptiles: {
    park: "landcover", water: "water", stream: "waterway", building: "building", rail: "transportation", road: "transportation", names: "transportation_name", place: "place",
    rank: ["match", ["get", "class"], ["motorway", "trunk", "primary"], 1, ["secondary", "tertiary"], 2, ["minor", "street", "residential"], 3, 4],
    rails: is("class", "rail"), name: ["coalesce", ["get", chinese ? "name:zh" : "name:en"], ["get", "name"]],
  },
};

/** Draw the ground, and return where fills go below, which layers are its roads, and its names. */
export async function ground(map) {
  const { bases, drawn } = await (await fetch("/api/v1/map/bases")).json();
  const base = bases.find((one) => one.id === remembered()) ?? bases[0];
  if (bases.length > 1) map.addControl(picker(bases, base), "top-right");
  if (!base && drawn) return onlyDrawn(map, await (await fetch(drawn)).json());
  if (!base) return { under: undefined, roads: [], names() {} };
  return base.kind === "vector" ? vector(map, base) : raster(map, base);
}

function remembered() { try { return localStorage.getItem(CHOICE); } catch { return null; } }

const tiles = (base, url, more) => ({ tiles: [location.origin + url], bounds: base.bounds, minzoom: base.min_zoom, maxzoom: base.max_zoom, attribution: escaped(base.attribution), ...more });
const escaped = (text) => Object.assign(document.createElement("i"), { textContent: text }).innerHTML;

function raster(map, base) {
  map.addSource("base", tiles(base, base.tiles, { type: "raster", tileSize: 256 }));
  const night = dark() ? { "raster-brightness-max": 0.45, "raster-saturation": -0.5 } : { "raster-saturation": -0.25 };
  map.addLayer({ id: "pictures", type: "raster", source: "base", paint: night });
  const names = () => {
    if (!base.labels) return;
    map.addSource("base-labels", tiles(base, base.labels, { type: "raster", tileSize: 256 }));
    map.addLayer({ id: "road-names", type: "raster", source: "base-labels" });
  };
  return { under: undefined, roads: base.labels ? ["pictures", "road-names"] : ["pictures"], names };
}

function vector(map, base) {
  const schema = SCHEMAS[base.schema];
  map.addSource("base", tiles(base, base.tiles, { type: "vector" }));
  return draw(map, schema, (layer) => ({ source: "base", "source-layer": schema[layer] }));
}

/** A city without tiles has its streets, water and parks in one piece. */
function onlyDrawn(map, data) {
  map.addSource("base", { type: "geojson", data });
  return draw(map, SCHEMAS.zhongshu, (layer) => ({ source: "base", filter: is("layer", SCHEMAS.zhongshu[layer]) }));
}

function draw(map, schema, from) {
  const add = (id, type, layer, paint, { filter, ...more } = {}) => {
    const where = from(layer), both = [where.filter, filter].filter((f) => f && f !== true);
    map.addLayer({ id, type, ...where, ...(both.length ? { filter: ["all", ...both] } : {}), paint, ...more });
  };
  add("parks", "fill", "park", { "fill-color": css("park") });
  add("water", "fill", "water", { "fill-color": css("water") });
  add("streams", "line", "stream", { "line-color": css("water"), "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, 0.6, 16, 6] });
  add("houses", "fill", "building", { "fill-color": css("house"), "fill-opacity": ["interpolate", ["linear"], ["zoom"], 13.5, 0, 14.5, 1] }, { minzoom: 13.5 });
  add("rails", "line", "rail", { "line-color": css("rail"), "line-width": 1.4, "line-dasharray": [4, 2] }, { filter: schema.rails });
  const wide = (a, b, c, d) => ["match", schema.rank, 1, a, 2, b, 3, c, d];
  add("roads", "line", "road", { "line-color": css("road"), "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, wide(1.6, 0.8, 0.3, 0.1), 16, wide(14, 9, 5, 1.5)] }, { layout: { "line-cap": "round" } });
  const names = () => {
    add("road-names", "symbol", "names", { "text-color": css("muted"), "text-halo-color": css("surface"), "text-halo-width": 1.4 },
      { minzoom: 12.5, layout: { "symbol-placement": "line", "text-field": schema.name, "text-font": font, "text-size": 12, "symbol-spacing": 380 } });
  };
  return { under: "roads", roads: ["roads", "road-names"], names };
}

/** A control by which one of several base maps is chosen; the page begins anew with it. */
function picker(bases, chosen) {
  const select = Object.assign(document.createElement("select"), { className: "basepick", ariaLabel: chinese ? "底图" : "Base map" });
  for (const { id, name } of bases) select.append(new Option((!chinese && name.en) || name.zh, id, false, id === chosen.id));
  select.addEventListener("change", () => { try { localStorage.setItem(CHOICE, select.value); } finally { location.reload(); } });
  const box = Object.assign(document.createElement("div"), { className: "maplibregl-ctrl maplibregl-ctrl-group" });
  box.append(select);
  return { onAdd: () => box, onRemove: () => box.remove() };
}
