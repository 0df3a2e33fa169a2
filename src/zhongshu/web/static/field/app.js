// What every page of the field app does: keep the app here, say how things stand, send what waits.
const page = document.body.dataset;
export const account = page.account, at = page.app;
export const words = JSON.parse(document.getElementById("words").textContent);
export const say = (text, ...values) => values.reduce((said, value) => said.replace("{}", value), text);
export const $ = (selector, root = document) => root.querySelector(selector);
export const el = (tag, fields = {}, ...children) => { const made = Object.assign(document.createElement(tag), fields); made.append(...children); return made; };
/** A moment in the city's own time, whatever zone the device is set to. */
export const clock = (ms) => new Intl.DateTimeFormat(words.lang, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: page.zone }).format(ms);
/** The device can keep things: only a secure page has what that takes. */
export const able = isSecureContext && "serviceWorker" in navigator && "locks" in navigator && "indexedDB" in self;
const Box = self.Outbox, FRESH_MS = 90_000, TAKEN = 60, PHOTOS = 40;
let outcome = "", skew = Number(localStorage.fieldSkew) || 0;

/** Now by the hub's clock, as far as this device knows it. */
export const now = () => new Date(Date.now() - skew).toISOString();
/** The day it is in the city: a page kept from yesterday does not know it. */
export const today = () => new Intl.DateTimeFormat("sv-SE", { timeZone: page.zone }).format(Date.now() - skew);

for (const part of document.querySelectorAll("[data-only-script]")) part.hidden = false;
document.documentElement.toggleAttribute("data-scripts", able);
look();
export function look() {
  for (const name of ["large", "outdoor"]) document.documentElement.toggleAttribute(`data-${name}`, localStorage[`field-${name}`] === "1");
}

// ── how things stand ─────────────────────────────────────────────────────────────────

function chip(id, text, kind = "") {
  const box = document.getElementById(id);
  box.hidden = !text;
  box.textContent = text;
  box.className = `chip ${kind}`;
}

const unit = (n, name) => new Intl.NumberFormat(words.lang, { style: "unit", unit: name, unitDisplay: "short" }).format(n);
function lasting(ms) {
  const minutes = Math.max(1, Math.round(ms / 60_000)), hours = Math.floor(minutes / 60);
  if (hours >= 48) return unit(Math.round(hours / 24), "day");
  return hours ? `${unit(hours, "hour")} ${minutes % 60 ? unit(minutes % 60, "minute") : ""}`.trim() : unit(minutes, "minute");
}

function tick() {
  const time = Date.now() - skew;
  for (const box of document.querySelectorAll("[data-due]")) {
    const due = Date.parse(box.dataset.due), since = Date.parse(box.dataset.since), used = (time - since) / Math.max(1, due - since);
    const [kind, shape] = used >= 0.9 ? ["bad", "■"] : used >= 0.7 ? ["warn", "◆"] : ["ok", "●"];
    box.className = `due ${kind}`;
    $("i", box).textContent = shape;
    $("b", box).textContent = say(time > due ? words.late : words.left, lasting(Math.abs(due - time)));
  }
  const read = Date.parse(page.at);
  chip("age", time - read > FRESH_MS ? say(words.as_of, clock(read)) : "", "warn");
  chip("net", navigator.onLine && outcome !== "offline" ? "" : `⚠ ${words.offline}`, "warn");
}

function note(key, kind, ...parts) {
  const box = document.getElementById("notes"), before = $(`[data-key=${key}]`, box);
  const made = el("div", { className: `problem ${kind}` }, ...parts);
  made.dataset.key = key;
  if (before) { if (before.textContent !== made.textContent) before.replaceWith(made); } else box.append(made);
}
const unnote = (key) => $(`#notes [data-key=${key}]`)?.remove();

export async function show() {
  const items = await Box.all(account), waiting = Box.unsent(items), stuck = waiting.filter((i) => i.state === "conflict" || i.state === "refused");
  chip("unsent", waiting.length ? `${stuck.length ? "!" : "↑"} ${say(words.unsent, waiting.length)}` : "", stuck.length ? "bad" : "warn");
  if (outcome === "signed-out") note("session", "", el("strong", { textContent: say(words.signed_out, waiting.length) }), el("br"), el("a", { className: "button main", href: "/login?next=/m", textContent: words.sign_in }));
  else unnote("session");
  if (stuck.length) {
    const open = el("button", { type: "button", className: "button", textContent: words.look });
    open.addEventListener("click", async () => (await import("./conflict.js")).open(stuck[0]));
    note("stuck", "", el("strong", { textContent: say(words.needs_you, stuck.length) }), el("br"), open);
  } else unnote("stuck");
  for (const item of items) if (item.answer?.danger && !item.warned) warn(item);
  const fresh = stuck.find((item) => item.state === "conflict" && !item.asked);
  if (fresh && !document.hidden && !document.getElementById("dialog").open) {
    await Box.put(account, { ...fresh, asked: true });
    (await import("./conflict.js")).open(fresh);
  }
  mark(waiting);
  dispatchEvent(new CustomEvent("field:items", { detail: items }));
}

/** Whom to call first; it stays until somebody has read it. */
function warn(item) {
  const close = el("button", { type: "button", className: "button", textContent: words.close });
  close.addEventListener("click", async () => { await Box.put(account, { ...item, warned: true }); unnote("danger"); });
  note("danger", "", el("strong", { textContent: words.danger }), " ", item.answer.danger.call.map((c) => words.calls[c] ?? c).join(" · "), el("br"), close);
}

/** Say on the next page what became of the form sent from the last. */
function last() {
  const told = sessionStorage.fieldSaid && JSON.parse(sessionStorage.fieldSaid);
  if (!told) return;
  delete sessionStorage.fieldSaid;
  const good = told.state === "sent";
  note("last", good ? "good" : "alarm", el("strong", { textContent: good && told.case ? say(words.sent_as, told.case) : `${told.title}: ${words.states[told.state]}` }),
    ...(good ? [] : [el("br"), words.kept]));
}

/** Show on the tasks what was already done to them here. */
function mark(waiting) {
  for (const row of document.querySelectorAll("#tasks > li")) {
    const mine = waiting.filter((item) => item.number === row.dataset.number).at(-1), go = $(".go", row);
    go.dataset.was ??= go.textContent;
    row.classList.toggle("mine", !!mine);
    go.textContent = mine ? `${mine.title}: ${words.states[mine.state]}` : go.dataset.was;
  }
}

// ── sending ──────────────────────────────────────────────────────────────────────────

/** Send what waits; the pages tell each other how it stands. */
export async function drain(force = false) {
  outcome = await Box.drain(account, { force });
  tick();
  await show();
  return outcome;
}

export async function keep(item) {
  const made = await Box.add(account, item);
  navigator.storage?.persist?.();
  navigator.serviceWorker.ready.then((worker) => worker.sync?.register("outbox")).catch(() => {});
  return made;
}

// ── taking along ─────────────────────────────────────────────────────────────────────

/** Fetch the tasks and the pages that changed, so that they are here when the net is not. */
async function take() {
  const answer = await fetch("/api/v1/field/tasks", { cache: "no-store" });
  if (answer.status === 401) { outcome = "signed-out"; await show(); return; }
  if (!answer.ok) return;
  const said = await answer.json(), off = Date.now() - Date.parse(said.at);
  skew = Math.abs(off) > 60_000 ? off : 0;
  localStorage.fieldSkew = skew;
  await Box.remember(account, "tasks", said.tasks);
  const kept = (await Box.meta(account, "kept")) ?? {}, wanted = said.tasks.slice(0, TAKEN), data = await caches.open("field-data");
  for (const path of ["/m/report", "/m/patrol", "/m/me"]) if ($(`.tabs a[href="${path}"]`) && !(await data.match(path))) await fetch(path).catch(() => {});
  let photos = 0;
  for (const task of wanted) {
    if (kept[task.number] === task.version && (await data.match(`/m/${task.number}`))) continue;
    const got = await fetch(`/m/${task.number}`);
    if (!got.ok || got.redirected) continue;
    const found = new Set((await got.text()).match(/\/cases\/[\w-]+\/photos\/\d+/g) ?? []);
    for (const photo of found) if (photos++ < PHOTOS) await fetch(photo).catch(() => {});
    kept[task.number] = task.version;
    await Box.remember(account, "kept", kept);
  }
  await drop(new Set(said.tasks.map((t) => t.number)), kept, data);
}

/** What is no task any more leaves this device, unless something of it still waits here. */
async function drop(tasks, kept, data) {
  for (const item of Box.unsent(await Box.all(account))) tasks.add(item.number);
  for (const number of Object.keys(kept)) if (!tasks.has(number) && !location.pathname.endsWith(number)) {
    delete kept[number];
    for (const request of await data.keys()) if (request.url.endsWith(`/m/${number}`) || request.url.includes(`/cases/${number}/`)) await data.delete(request);
  }
  await Box.remember(account, "kept", kept);
}

// ── beginning ────────────────────────────────────────────────────────────────────────

async function begin() {
  // Another account's copies are not for these eyes; what it has not sent stays in its own store.
  if (localStorage.fieldAccount && localStorage.fieldAccount !== account) { await caches.delete("field-data"); await Box.clear(localStorage.fieldAccount); }
  localStorage.fieldAccount = account;
  Box.channel?.addEventListener("message", show);
  addEventListener("online", () => drain(true));
  addEventListener("offline", tick);
  addEventListener("pageshow", (e) => { if (e.persisted) drain(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) drain(); });
  setInterval(tick, 20_000);
  setInterval(() => drain(), 30_000);
  const worker = await navigator.serviceWorker.register("/m/sw.js", { scope: "/m" });
  if (!worker.active?.scriptURL) await navigator.serviceWorker.ready;
  await show();
  await drain();
  document.documentElement.dataset.ready = "yes";
  if (navigator.onLine && outcome !== "offline") {
    // The very first page was not seen by the worker.
    const data = await caches.open("field-data");
    if (!(await data.match(location.href))) await fetch(location.href).catch(() => {});
    await take().catch(() => {});
  }
  document.documentElement.dataset.taken = "yes";
}

tick();
last();
if (able) {
  import("./forms.js");
  begin().catch((error) => console.warn(error));
} else note("insecure", "alarm", words.insecure);
const own = { tasks: "./tasks.js", task: "./tasks.js", report: "./report.js", me: "./me.js" }[page.page];
if (own) import(own);
