// Reporting with one hand: photo, place, kind, send.
import { $, account, able, at, el, say, words } from "./app.js";
import { here, metres, moved } from "./geo.js";

const form = document.getElementById("report"), placed = document.getElementById("placed"), NEAR_M = 300, ROUGH_M = 50, STEP_M = 10;
const fields = form.elements, tell = (text, bad = false) => { placed.textContent = text; placed.classList.toggle("late", bad); };
const spot = () => (fields.lon.value ? { lon: Number(fields.lon.value), lat: Number(fields.lat.value) } : null);
tell(spot() ? words.pin_set : placed.dataset.none);

function set({ lon, lat }) {
  fields.lon.value = lon.toFixed(6);
  fields.lat.value = lat.toFixed(6);
  document.getElementById("nudges").hidden = !document.getElementById("pin-map").hidden;
  near();
}

document.getElementById("here").addEventListener("click", async () => {
  // Where the map is open, its own pin moves.
  if (!document.getElementById("pin-map").hidden) { $("[data-locate]", form).click(); return; }
  tell(words.asking);
  try {
    const me = await here(), m = Math.round(me.accuracy);
    set(me);
    tell(`✓ ${say(m > ROUGH_M ? words.rough : words.accuracy, m)}`, m > ROUGH_M);
  } catch { tell(words.no_place, true); }
});
document.getElementById("nudges").addEventListener("click", (event) => {
  const way = event.target.closest("[data-step]")?.dataset.step, from = spot();
  if (!way || !from) return;
  set(moved(from, way === "n" ? STEP_M : way === "s" ? -STEP_M : 0, way === "e" ? STEP_M : way === "w" ? -STEP_M : 0));
  tell(`✓ ${words.pin_set} ${fields.lat.value}, ${fields.lon.value}`);
});
document.getElementById("set-pin").addEventListener("click", async (event) => {
  // The map is fetched when it is wanted: the app itself stays small.
  event.currentTarget.disabled = true;
  document.head.append(el("link", { rel: "stylesheet", href: "/static/vendor/maplibre-gl.css" }));
  document.getElementById("nudges").hidden = true;
  try { await import("/static/js/map.js"); } catch { tell(words.offline, true); event.target.disabled = false; }
});
// The map writes into the fields; what it set is what is sent.
new MutationObserver(() => { if ($("[data-said]", form).textContent) { tell(`✓ ${words.pin_set}`); near(); } }).observe($("[data-said]", form), { childList: true, characterData: true, subtree: true });

// ── kinds: those used here lately and those of tasks close by come first ─────────────

const often = $("[data-often]", form);
const label = (code) => $(`input[name=category][value="${CSS.escape(code)}"]`, form)?.closest("label");
function first(codes, title) {
  const found = codes.map(label).filter(Boolean);
  if (!found.length) return;
  often.prepend(...found);
  if (title) document.getElementById("often-title").textContent = title;
}

async function near() {
  const me = spot(), tasks = (able && (await self.Outbox.meta(account, "tasks"))) || [];
  if (!me) return;
  const close = tasks.filter((t) => t.category && t.lon !== null && metres(me, t) < NEAR_M).map((t) => t.category.code);
  first([...new Set(close)].slice(0, 3));
}

async function recent() {
  const used = (able && (await self.Outbox.meta(account, "kinds"))) || {};
  first(Object.keys(used).sort((a, b) => used[b] - used[a]).slice(0, 4));
}
recent();
addEventListener("field:kept", async ({ detail }) => {
  if (detail.kind !== "report" || !detail.body.category) return;
  const used = (await self.Outbox.meta(account, "kinds")) ?? {};
  await self.Outbox.remember(account, "kinds", { ...used, [detail.body.category]: Date.now() });
});

const other = document.getElementById("every-kind");
other.addEventListener("change", () => { for (const radio of form.querySelectorAll("input[name=category]")) radio.checked = false; });
form.addEventListener("change", (event) => { if (event.target.name === "category") other.value = ""; });
