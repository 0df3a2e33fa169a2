// Measures what this machine can do for the screen; nothing is sent.
import { webgl } from "./webgl.js";
import { words } from "./words.js";

const said = (text, n) => text.replace("%s", n);
let poor = 0;

function tell(check, good, found) {
  const row = document.querySelector(`[data-check=${check}]`);
  row.dataset.result = good ? "good" : "poor";
  row.querySelector("[data-found]").textContent = `${good ? "✓" : "✕"} ${found}`;
  row.querySelector("[data-means]").textContent = good ? row.dataset.good : row.dataset.poor;
  if (!good) poor += 1;
}

/** Seconds this clock is ahead of the hub's: the best of three, half the way there taken off. */
async function skew() {
  let best = { way: Infinity, off: 0 };
  for (let n = 0; n < 3; n++) {
    const before = Date.now(), { now } = await (await fetch("/diag/clock")).json(), after = Date.now();
    if (after - before < best.way) best = { way: after - before, off: (before + after) / 2000 - now };
  }
  return best.off;
}

/** Say whether a character is drawn as itself: not as the box that stands for a missing one. */
function drawn(character) {
  const ink = (text) => {
    const g = Object.assign(document.createElement("canvas"), { width: 40, height: 40 }).getContext("2d", { willReadFrequently: true });
    g.font = `32px ${getComputedStyle(document.body).fontFamily}`;
    g.fillText(text, 2, 34);
    return g.getImageData(0, 0, 40, 40).data.join();
  };
  return ![ink("\u{10FFFD}"), ink("\uFFFF"), ink(" "), ink("□")].includes(ink(character)) && ink("网") !== ink("络");
}

/** Move a real map for two seconds and count its pictures. */
async function frames() {
  const { bounds, outline, start } = await import("./map.js"), shapes = await outline();
  if (!shapes.features.length) return null;
  const map = await start(document.getElementById("diag-map"), bounds(shapes));
  await map.once("idle");
  let n = 0;
  map.on("render", () => { n += 1; });
  const before = performance.now();
  map.easeTo({ zoom: map.getZoom() + 2, bearing: 40, duration: 2000, essential: true });
  await map.once("moveend");
  const rate = n / ((performance.now() - before) / 1000);
  map.remove();
  return rate;
}

async function storage() {
  try {
    localStorage.setItem("diag", "1");
    localStorage.removeItem("diag");
    const { quota = 0, usage = 0 } = (await navigator.storage?.estimate()) ?? {};
    return { good: "indexedDB" in window && quota - usage > 50e6, free: Math.round((quota - usage) / 1e6) };
  } catch { return { good: false, free: 0 }; }
}

tell("script", true, words.works);
const off = await skew().catch(() => NaN);
tell("clock", Math.abs(off) <= 5, Number.isNaN(off) ? words.none : said(words.seconds, off.toFixed(1)));
tell("font", drawn("网"), "网");
const gl = webgl();
tell("webgl", gl.card, gl.any ? `${gl.card ? words.card : words.processor} ${gl.name.slice(0, 80)}` : words.none);
tell("size", innerWidth >= 1100, `${innerWidth} × ${innerHeight} @ ${devicePixelRatio}`);
const kept = await storage();
tell("storage", kept.good, said(words.free, kept.free.toLocaleString()));
tell("worker", "serviceWorker" in navigator && isSecureContext, "serviceWorker" in navigator ? words.works : words.none);
tell("notice", "Notification" in window && Notification.permission === "granted", "Notification" in window ? words[Notification.permission] ?? words.denied : words.none);
const rate = gl.any ? await frames().catch(() => null) : null;
tell("frames", rate !== null && rate >= 20, rate === null ? words.none : said(words.persecond, rate.toFixed(0)));
document.getElementById("diag-map").hidden = true;
document.getElementById("verdict").textContent = poor ? words.some : words.all;
document.body.dataset.measured = "yes";
