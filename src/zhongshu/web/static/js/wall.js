// The screen: the numbers, the map where it can be drawn, playback, and what a kiosk needs.
import { renew, shown } from "./live.js";
import { begin, moment } from "./timeline.js";
import { legend } from "./legend.js";
import { webgl } from "./webgl.js";

const box = document.getElementById("city-map"), wall = document.getElementById("wall");

/** Say whether a map can be drawn: WebGL, and not by the processor (unless asked for: map=gl). */
function drawable() {
  const said = new URLSearchParams(location.search).get("map"), found = webgl();
  return said !== "plan" && (said === "gl" ? found.any : found.card);
}

function plan() {
  wall.classList.remove("drawn");
  const spans = document.querySelector("#plan [data-spans]")?.dataset.spans.split(",");
  if (spans) legend(spans);
  box.querySelector(".nomap").hidden = false;
  Object.assign(box.dataset, { ready: "yes", drawn: "plan" });
}

async function draw() {
  if (!drawable()) { plan(); return null; }
  try {
    const { open, picking, play } = await import("./wall-map.js");
    const screen = await open(box);
    wall.classList.add("drawn");
    screen.map.getCanvas().addEventListener("webglcontextlost", plan);
    picking(screen, box);
    addEventListener("hub:moment", () => {
      if (!screen.lives || moment.at === null) return;
      screen.lives.moment = moment.at - screen.found.since;
      screen.lives.span = moment.span;
      screen.map.triggerRepaint();
    });
    Object.assign(box.dataset, { ready: "yes", drawn: "map" });
    const { css } = await import("./paint.js"), rgb = (name) => css(name).match(/[\d.]+/g).slice(0, 3).map((x) => x / 255);
    const colours = { open: rgb("info"), late: rgb("bad"), danger: rgb("danger"), edge: rgb("card") };
    return async (query) => (await play(screen, query, screen.map.getCenter().toArray(), colours)).n;
  } catch (error) {
    console.warn(error);
    plan();
    return null;
  }
}

const drawing = draw();
begin(async (query) => { const load = await drawing; return load ? load(query) : null; });

if (wall.dataset.kiosk) {
  const presets = wall.dataset.presets.split(",").filter(Boolean);
  let nth = 0;
  if (presets.length > 1) setInterval(() => {
    shown.preset = presets[nth = (nth + 1) % presets.length];
    if (!shown.at) renew();
  }, Math.max(5, Number(wall.dataset.kiosk) || 60) * 1000);
  const awake = () => navigator.wakeLock?.request("screen").catch(() => {});
  document.addEventListener("visibilitychange", awake);
  awake();
}
