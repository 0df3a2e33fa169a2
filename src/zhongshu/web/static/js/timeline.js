// Playback: a moment moves through a period, the map follows each frame and the numbers each second.
import { renew, shown } from "./live.js";
import { words } from "./words.js";

const wall = document.getElementById("wall"), slider = document.getElementById("slider"), button = document.getElementById("play");
const said = document.getElementById("moment"), speeds = document.getElementById("speeds"), span = document.getElementById("window"), held = document.getElementById("held");
const format = new Intl.DateTimeFormat(words.lang === "zh" ? "zh-CN" : "en-CA", { timeZone: wall.dataset.zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false });
const url = new URLSearchParams(location.search);
const MINUTE = 60, NUMBERS_MS = 1000;
let speed = Number(url.get("speed")) || 16, at = wall.dataset.at ? Number(slider.value) : null, playing = false, numbers = 0, frame = 0;
/** The moment a bar of the histogram leads to, in seconds. */
const momentOf = (link) => Date.parse(new URLSearchParams(link.href.baseVal.split("?")[1]).get("at")) / 1000;
/** What the map is told: the moment in seconds and how far back it shows; null: now. */
export const moment = { at: null, span: Number(url.get("window")) || 0 };

export function begin(loadLives) {
  document.querySelectorAll("#timeline .islanded").forEach((e) => { e.hidden = false; });
  document.querySelector("#timeline .steps0").hidden = true;
  span.value = String(moment.span);
  if (!span.value) span.value = "0";
  pressed();
  button.addEventListener("click", () => (playing ? pause() : play()));
  speeds.addEventListener("click", (e) => { if (e.target.value) { speed = Number(e.target.value); pressed(); remember(); } });
  span.addEventListener("change", () => { moment.span = Number(span.value); remember(); tell(); });
  slider.addEventListener("input", () => { if (playing) pause(); go(Number(slider.value), true); });
  slider.addEventListener("change", remember);
  slider.addEventListener("keydown", (e) => { if (e.key === " ") { e.preventDefault(); button.click(); } });
  document.getElementById("histogram").addEventListener("click", (e) => {
    const link = e.target.closest("a");
    if (!link || e.metaKey || e.ctrlKey) return;
    e.preventDefault();
    go(momentOf(link), true);
    remember();
  });
  document.getElementById("now").addEventListener("click", (e) => { e.preventDefault(); back(); });
  addEventListener("hub:changed", follow);
  load = loadLives;
  if (at !== null) go(at, false);
  else said.textContent = format.format(new Date(Number(slider.max) * 1000));
}

let load = async () => null, loading = null;
/** Load the lives of the period once; without them (no WebGL, no answer) the numbers go on. */
function loaded() {
  loading ??= (async () => {
    held.textContent = words.loading;
    try {
      const n = await load(period());
      held.textContent = n === null ? "" : words.held.replace("%s", n.toLocaleString());
    } catch (error) { console.warn(error); held.textContent = words.unloaded; loading = null; }
    tell();
  })();
  return loading;
}

const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "+00:00");
function period() {
  return new URLSearchParams({ since: iso(Number(slider.min)), until: iso(Number(slider.max)) });
}

/** Go to a moment of the past; the numbers follow when the moment before is answered. */
function go(seconds, renewed) {
  at = Math.max(Number(slider.min), Math.min(Number(slider.max), seconds));
  const first = moment.at === null;
  moment.at = at;
  slider.value = at;
  shown.at = iso(Math.round(at));
  slider.setAttribute("aria-valuetext", said.textContent = format.format(new Date(at * 1000)));
  if (first) enter();
  if (renewed && (first || performance.now() - numbers > NUMBERS_MS)) { numbers = performance.now(); renew(); }
  else if (renewed && !playing) { clearTimeout(frame); frame = setTimeout(() => { numbers = performance.now(); renew(); }, NUMBERS_MS / 3); }
  tell();
}

function enter() {
  wall.classList.add("past");
  document.getElementById("now").hidden = false;
  wall.querySelector("#feed").previousElementSibling.textContent = words.then;
  marks();
  loaded();
}

function marks() {
  for (const bar of document.querySelectorAll(".histogram a")) {
    bar.lastElementChild.classList.toggle("done", at === null || momentOf(bar) <= at);
  }
}

function play() {
  if (at === null || at >= Number(slider.max)) go(Number(slider.min), true);
  playing = true;
  label();
  let before = performance.now();
  const step = (now) => {
    if (!playing) return;
    go(at + Math.min(1, (now - before) / 1000) * speed * MINUTE, true);
    before = now;
    if (at >= Number(slider.max)) return pause();
    requestAnimationFrame(step);
  };
  loaded().then(() => { before = performance.now(); requestAnimationFrame(step); });
}

function pause() {
  playing = false;
  label();
  remember();
  renew();
}

/** Back to now: the stream's numbers, the cases of now. */
function back() {
  playing = false;
  label();
  at = moment.at = null;
  shown.at = "";
  wall.classList.remove("past");
  document.getElementById("now").hidden = true;
  document.getElementById("feed").previousElementSibling.textContent = words.now;
  slider.value = slider.max;
  remember();
  renew();
  tell();
}

function label() {
  button.textContent = playing ? `❚❚ ${words.pause}` : `▶ ${words.play}`;
  button.setAttribute("aria-pressed", playing);
}

function pressed() {
  for (const each of speeds.children) each.setAttribute("aria-pressed", Number(each.value) === speed);
}

/** Keep what is shown in the address: a link shows another person the same. */
function remember() {
  const kept = new URLSearchParams(location.search);
  const words_ = at === null ? {} : { since: iso(Number(slider.min)), until: iso(Number(slider.max)), at: iso(Math.round(at)), speed, window: moment.span };
  for (const name of ["since", "until", "at", "speed", "window"]) kept.delete(name);
  for (const [name, value] of Object.entries(words_)) kept.set(name, value);
  history.replaceState(null, "", `/wall${kept.size ? `?${kept}` : ""}`);
  wall.dataset.follows = at === null ? "1" : "";
}

/** While the screen is live its period moves on. */
function follow() {
  marks();
  if (at !== null || !wall.dataset.follows) return;
  const { since, until } = document.querySelector("#histogram [data-since]").dataset;
  if (slider.max === until) return;
  slider.min = since; slider.max = until; slider.value = until;
  said.textContent = format.format(new Date(Number(until) * 1000));
  loading = null;
}

function tell() { dispatchEvent(new Event("hub:moment")); }
