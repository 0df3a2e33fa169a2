// The numbers of the screen: kept up by the stream; what may be old is greyed and says so.
import { SIGN_MS, hear } from "./stream.js";
import { words } from "./words.js";

const wall = document.getElementById("wall"), state = document.getElementById("live"), feed = document.getElementById("feed");
const OLD_MS = 60000;

/** What the screen shows: `at` is a past moment (ISO), or empty: now. */
export const shown = { at: wall.dataset.at, preset: wall.dataset.preset };
let sign = Date.now(), connected = false, changed = false;
let asked = Date.now(), got = Date.now(), since = Date.now(), failed = false;
const zone = { timeZone: wall.dataset.zone, hour12: false };
const language = words.lang === "zh" ? "zh-CN" : "en-GB";
export const clock = (at) => at.toLocaleTimeString(language, zone);

/** Say whether the numbers are live, and grey them where they may not be. */
function judge() {
  const now = Date.now(), quiet = now - sign;
  const name = connected && quiet < SIGN_MS ? "on" : quiet > OLD_MS ? "off" : "again";
  state.dataset.state = name;
  const text = name === "off" ? `${words.off} ${clock(new Date(sign)).slice(0, 5)}` : name === "on" ? `${words.on} ${clock(new Date())}` : words.again;
  if (state.textContent !== text) state.textContent = text;
  // Live again only with numbers that were fetched since the stream came back; those of the
  // past do not grow old, but are grey where the ones of this moment could not be had.
  wall.classList.toggle("stale", shown.at ? failed : name !== "on" || got < since || now - got > OLD_MS);
}

function take(message) {
  sign = Date.now();
  if (!connected) { connected = true; since = sign; changed = true; renew(); }
  if (message.events) {
    changed = true;
    if (!shown.at) for (const event of message.events) if (words.kinds[event.kind]) line(event, words.kinds[event.kind]);
  }
  judge();
}

function line(event, kind) {
  feed.querySelector("[data-none]")?.remove();
  const item = document.createElement("li");
  item.className = "new";
  const tag = Object.assign(document.createElement("span"), { className: event.overdue ? "tag late" : "tag", textContent: kind });
  const link = Object.assign(document.createElement("a"), { href: `/cases/${event.number}`, textContent: event.category?.[words.lang] || event.category?.zh || event.number });
  item.append(tag, link, Object.assign(document.createElement("time"), { textContent: clock(new Date(event.at)) }));
  feed.prepend(item);
  while (feed.children.length > 24) feed.lastChild.remove();
}

hear((message) => {
  if (message.lost) { connected = false; judge(); }
  else if (message.reset && !shown.at) location.reload();
  else take(message);
}, true);

const kept = {};
let wanted = false, busy = false;
/** Fetch the numbers of what is shown; asked again meanwhile, once more with what is then wanted. */
export async function renew() {
  wanted = true;
  if (busy) return;
  busy = true;
  while (wanted) {
    wanted = changed = false;
    asked = Date.now();
    try { await fetched(); failed = false; } catch { failed = true; }
    judge();
  }
  busy = false;
}

async function fetched() {
  const url = new URLSearchParams(location.search), at = shown.at;
  for (const [name, value] of [["at", at], ["preset", shown.preset]]) if (value) url.set(name, value); else url.delete(name);
  const answer = await fetch(`/wall/tiles?${url}`);
  if (!answer.ok || answer.redirected) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (Boolean(at) !== Boolean(shown.at)) return; // now and then are not mixed; the numbers say their own moment
  const mode = page.getElementById("mode").dataset.mode;
  if (mode !== wall.dataset.mode && !at) return location.reload();
  for (const id of ["tiles", "plan", "preset", "feed", "histogram"]) {
    const fresh = page.getElementById(id), html = fresh.innerHTML;
    if (kept[id] === html || document.getElementById(id).contains(document.activeElement) && id === "preset") continue;
    kept[id] = html;
    document.getElementById(id).replaceChildren(...fresh.childNodes);
  }
  got = Date.now();
  judge();
  dispatchEvent(new Event("hub:changed"));
}

setInterval(() => {
  judge();
  if (!shown.at && (changed && Date.now() - asked > 3000 || Date.now() - asked > 20000)) renew();
}, 1000);
judge();
