// The order of the tasks: by deadline, by distance, or as one walk. The place of this device is
// asked for when somebody presses for it, used here, and forgotten with the page.
import { $, say, words } from "./app.js";
import { far, here, length, metres, route } from "./geo.js";

const list = document.getElementById("tasks"), said = document.getElementById("sorted"), rows = list ? [...list.children] : [];
const placed = () => rows.filter((row) => row.dataset.lon);
const spot = (row) => ({ lon: Number(row.dataset.lon), lat: Number(row.dataset.lat) });

async function asked() {
  say_(words.asking);
  try { const me = await here(); say_(say(words.accuracy, Math.round(me.accuracy))); return me; } catch { say_(words.no_place); return null; }
}
function say_(text) { if (said) { said.hidden = !text; said.textContent = text; } }

function distances(me) {
  for (const row of placed()) $("[data-far]", row).textContent = me ? far(metres(me, spot(row)), words.lang) : "";
}

function order(wanted) {
  for (const row of rows) { delete row.dataset.n; delete $(".kind", row).dataset.n; }
  list.append(...wanted);
}

const sorts = {
  due: async () => { say_(""); distances(null); order(rows); return true; },
  near: async () => {
    const me = await asked();
    if (!me) return false;
    distances(me);
    const near = placed().sort((a, b) => metres(me, spot(a)) - metres(me, spot(b)));
    order([...near, ...rows.filter((row) => !row.dataset.lon)]);
    return true;
  },
  route: async () => {
    const me = await asked(), start = me ?? (placed()[0] && spot(placed()[0]));
    if (!start) return false;
    const stops = placed(), places = stops.map(spot), way = route(start, places);
    order([...way.map((i) => stops[i]), ...rows.filter((row) => !row.dataset.lon)]);
    let at = start;
    way.forEach((i, n) => {
      stops[i].dataset.n = $(".kind", stops[i]).dataset.n = n + 1;
      $("[data-far]", stops[i]).textContent = far(metres(at, places[i]), words.lang);
      at = places[i];
    });
    say_(say(words.total, far(length(start, places, way), words.lang)));
    draw(start, way.map((i) => places[i]));
    return true;
  },
};

function draw(start, stops) {
  const box = document.getElementById("route"), svg = $("svg", box), all = [start, ...stops], squeeze = Math.cos((start.lat * Math.PI) / 180);
  const xs = all.map((p) => p.lon * squeeze), ys = all.map((p) => -p.lat), pad = 18, w = 360, h = 200;
  const [x0, y0] = [Math.min(...xs), Math.min(...ys)], scale = Math.min((w - 2 * pad) / Math.max(1e-9, Math.max(...xs) - x0), (h - 2 * pad) / Math.max(1e-9, Math.max(...ys) - y0));
  const at = all.map((_, i) => [pad + (xs[i] - x0) * scale, pad + (ys[i] - y0) * scale]);
  const part = (tag, fields, text = "") => { const made = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [k, v] of Object.entries(fields)) made.setAttribute(k, v); made.textContent = text; return made; };
  svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
  svg.replaceChildren(part("polyline", { points: at.map((p) => p.join(",")).join(" ") }),
    ...at.map(([cx, cy], i) => part("circle", { cx, cy, r: i ? 4 : 6, class: i ? "" : "me" })), ...at.flatMap(([x, y], i) => (i === 0 || (at.length > 25 && i % 10) ? [] : [part("text", { x: x + 6, y: y - 4 }, i)])));
  box.hidden = false;
}

if (list) {
  const bar = document.getElementById("sorts");
  bar.hidden = false;
  bar.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    document.getElementById("route").hidden = true;
    if (!(await sorts[button.dataset.sort]())) return;
    for (const each of bar.children) each.setAttribute("aria-pressed", each === button);
  });
}

const place = document.getElementById("place"), ask = document.getElementById("how-far");
if (ask) {
  ask.hidden = false;
  ask.addEventListener("click", async () => {
    const box = $(".place [data-far]");
    box.textContent = words.asking;
    try { box.textContent = say(words.away, far(metres(await here(), spot(place)), words.lang)); } catch { box.textContent = words.no_place; }
  });
}
