// The grid on the map: choose an area, move the corners it shares with its neighbours, draw a line
// or an outline into the forms. The hub works everything out; without this file the forms do it.
import * as maplibregl from "/static/vendor/maplibre-gl.mjs";
import { bounds, collection, get, named, start } from "./map.js";
import { css, is } from "./paint.js";
import { words } from "./words.js";

const METRE = 1 / 111195;
const say = (text, value = "") => { const p = document.querySelector("[data-said]"); if (p) p.textContent = text.replace("{}", value); };

async function editor(box) {
  const url = `/api/v1/grid/versions/${box.dataset.grid}`, tools = document.querySelector("[data-tools]");
  const all = await get(`${url}/areas.geojson`);
  if (!all.features.length) return;
  box.hidden = tools.hidden = false;
  const touched = all.features.filter((f) => f.properties.state !== "same");
  const map = await start(box, bounds({ features: touched.length ? touched : all.features }));
  map.addSource("areas", { type: "geojson", data: all });
  map.addSource("line", { type: "geojson", data: collection() });
  const state = ["get", "state"];
  map.addLayer({ id: "fill", type: "fill", source: "areas", paint: { "fill-color": ["match", state, "added", css("ok"), "changed", css("accent"), "ended", css("bad"), css("muted")], "fill-opacity": ["match", state, "same", 0.06, 0.25] } });
  map.addLayer({ id: "edge", type: "line", source: "areas", paint: { "line-color": ["match", state, "ended", css("bad"), css("accent")], "line-width": ["match", state, "same", 0.8, 2] } });
  map.addLayer({ id: "chosen", type: "line", source: "areas", filter: is("code", ""), paint: { "line-color": css("accent"), "line-width": 4 } });
  map.addLayer({ id: "line", type: "line", source: "line", paint: { "line-color": css("bad"), "line-width": 2.5, "line-dasharray": [2, 1] } });
  map.addLayer({ id: "dots", type: "circle", source: "line", paint: { "circle-radius": 4, "circle-color": css("bad") } });
  const of = (code) => all.features.find((f) => f.properties.code === code && f.properties.state !== "ended");
  let chosen = null, mode = "pick", marks = [], places = [];
  const undo = [], undoing = tools.querySelector("[data-undo]");

  async function send(body) {
    const seen = document.querySelector("[data-seen]").value;
    const answer = await fetch(`${url}/edits`, { method: "POST", headers: { "content-type": "application/json", accept: "application/json", "accept-language": document.documentElement.lang }, body: JSON.stringify({ ...body, seen: Number(seen) }) });
    const told = await answer.json();
    if (!answer.ok) { say(`${told.title ?? ""} ${told.remedy ?? ""}`); corners(); return null; }
    document.querySelectorAll("[data-seen]").forEach((input) => { input.value = told.version; });
    for (const feature of told.features) {
      const at = all.features.findIndex((f) => f.properties.code === feature.properties.code);
      if (at < 0) all.features.push(feature); else all.features[at] = feature;
    }
    map.getSource("areas").setData(all);
    return told;
  }

  async function move(at, to, focus, keep = true) {
    const told = await send({ act: "move", at, to });
    if (!told) return;
    if (keep) undo.push([to, at]);
    undoing.disabled = !undo.length;
    say(words.moved, told.changed.join(", "));
    corners(focus);
  }

  const rings = (f) => (f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates).flat();

  /** Draw the corners of the chosen area as buttons that can be dragged, and moved by keys. */
  function corners(focus = -1) {
    marks.forEach((m) => m.remove());
    marks = [];
    const feature = chosen && of(chosen);
    if (!feature || box.dataset.edits !== "yes") return;
    const spots = rings(feature).flatMap((ring) => ring.slice(0, -1));
    const halves = rings(feature).flatMap((ring) => ring.slice(0, -1).map((p, i) => [(p[0] + ring[i + 1][0]) / 2, (p[1] + ring[i + 1][1]) / 2]));
    if (spots.length > 400) return;
    spots.forEach((at, n) => marks.push(handle(at, n, spots.length, "corner")));
    halves.forEach((at, n) => marks.push(handle(at, n, halves.length, "corner half")));
    if (focus >= 0) marks[focus]?.getElement().focus();
  }

  function handle(at, n, count, kind) {
    const element = Object.assign(document.createElement("button"), { type: "button", className: kind });
    element.setAttribute("aria-label", words.corner.replace("{}", n + 1).replace("{}", count));
    if (kind !== "corner") element.tabIndex = -1;
    const marker = new maplibregl.Marker({ element, draggable: true }).setLngLat(at).addTo(map);
    marker.on("dragend", () => move(at, near(marker.getLngLat(), at), n));
    let timer = 0;
    element.addEventListener("keydown", (e) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (e.key === "Delete") { e.preventDefault(); send({ act: "corner", at }).then((told) => { if (told) corners(Math.max(0, n - 1)); }); return; }
      if (!way) return;
      e.preventDefault(); e.stopPropagation();
      const { lng, lat } = marker.getLngLat(), step = (e.shiftKey ? 10 : 1) * METRE;
      marker.setLngLat([lng + way[0] * step / Math.cos(lat * Math.PI / 180), lat + way[1] * step]);
      clearTimeout(timer);
      timer = setTimeout(() => { const p = marker.getLngLat(); move(at, [p.lng, p.lat], n); }, 500);
    });
    element.addEventListener("click", (e) => e.stopPropagation());
    return marker;
  }

  /** Return the nearest corner within 12 pixels, or the place itself. */
  function near(place, but) {
    const here = map.project(place);
    let best = 12, found = [place.lng, place.lat];
    for (const f of all.features) for (const ring of rings(f)) for (const p of ring) {
      if (but && p[0] === but[0] && p[1] === but[1]) continue;
      const there = map.project(p), away = Math.hypot(there.x - here.x, there.y - here.y);
      if (away < best) { best = away; found = p; }
    }
    if (best < 12) say(words.snapped);
    return found;
  }

  function choose(code) {
    chosen = code;
    map.setFilter("chosen", is("code", code));
    document.querySelectorAll("[data-code]").forEach((input) => { input.value = code; });
    const joined = document.querySelector("[data-codes]");
    if (joined) { const had = joined.value.split(/[\s,]+/).filter(Boolean); joined.value = (had.includes(code) ? had.filter((c) => c !== code) : [...had, code]).join(" "); }
    say(words.chosen, `${named(of(code))} ${code}`);
    corners();
  }

  function draw() {
    const points = places.map((p) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: p } }));
    const line = { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: mode === "outline" && places.length > 2 ? [...places, places[0]] : places } };
    map.getSource("line").setData(collection(places.length > 1 ? [...points, line] : points));
    const into = document.querySelector(`[data-line="${mode}"]`);
    if (into) into.value = places.map((p) => `${p[0].toFixed(7)},${p[1].toFixed(7)}`).join(" ");
    say(words.places, places.length);
  }

  map.on("click", (e) => {
    if (mode !== "pick") { places.push(mode === "outline" ? near(e.lngLat) : [e.lngLat.lng, e.lngLat.lat]); draw(); return; }
    const hit = map.queryRenderedFeatures(e.point, { layers: ["fill"] }).find((f) => f.properties.state !== "ended");
    if (hit) choose(hit.properties.code);
  });
  map.getCanvas().addEventListener("keydown", (e) => { if (e.key === "Backspace" && mode !== "pick") { places.pop(); draw(); } });
  for (const button of tools.querySelectorAll("[data-mode]")) button.addEventListener("click", () => {
    mode = button.dataset.mode; places = [];
    tools.querySelectorAll("[data-mode]").forEach((other) => other.setAttribute("aria-pressed", other === button));
    map.getSource("line").setData(collection());
  });
  undoing?.addEventListener("click", () => { const last = undo.pop(); if (last) move(last[0], last[1], -1, false); });
  const asked = new URLSearchParams(location.search).get("area");
  if (asked && of(asked)) { chosen = asked; map.setFilter("chosen", is("code", asked)); map.fitBounds(bounds({ features: [of(asked)] }), { padding: 80, animate: false, maxZoom: 18 }); corners(); }
  box.dataset.ready = "yes";
}

/** Draw ten places of a file as they stand there and as they were converted, with a line between. */
async function samples(box) {
  const some = JSON.parse(document.getElementById("samples").textContent);
  box.hidden = false;
  const point = (x, y, kind) => ({ type: "Feature", properties: { kind }, geometry: { type: "Point", coordinates: [x, y] } });
  const degrees = some.filter((s) => s.metres !== null);
  const features = [...degrees.map((s) => point(s.x, s.y, "before")), ...some.map((s) => point(s.lon, s.lat, "after")),
    ...degrees.map((s) => ({ type: "Feature", properties: { kind: "way" }, geometry: { type: "LineString", coordinates: [[s.x, s.y], [s.lon, s.lat]] } }))];
  const map = await start(box, bounds({ features }));
  map.addSource("samples", { type: "geojson", data: collection(features) });
  map.addLayer({ id: "way", type: "line", source: "samples", filter: is("kind", "way"), paint: { "line-color": css("bad"), "line-width": 1.5 } });
  map.addLayer({ id: "before", type: "circle", source: "samples", filter: is("kind", "before"), paint: { "circle-radius": 5, "circle-color": css("card"), "circle-stroke-color": css("bad"), "circle-stroke-width": 2 } });
  map.addLayer({ id: "after", type: "circle", source: "samples", filter: is("kind", "after"), paint: { "circle-radius": 5, "circle-color": css("ok"), "circle-stroke-color": css("card"), "circle-stroke-width": 1 } });
  const legend = document.createElement("p");
  legend.className = "legend";
  legend.textContent = `○ ${words.before}   ● ${words.after}`;
  box.append(legend);
  box.dataset.ready = "yes";
}

for (const [selector, begin] of [["[data-grid]", editor], ["[data-samples]", samples]])
  for (const box of document.querySelectorAll(selector)) begin(box).catch((error) => {
    console.warn(error);
    box.dataset.ready = "failed";
    say(words.none);
  });
