// Keys of the desk. They rest while somebody types, and a person can switch them off (WCAG 2.1.4).
// Which key presses what stands on the page itself (aria-keyshortcuts): what is not offered cannot
// be pressed. A key goes to a field or button; only what can be taken back (data-press) it presses.
const one = (selector) => document.querySelector(selector);
const rows = () => [...document.querySelectorAll("[data-row]")];
const sheet = one("#keys"), palette = one("#palette"), off = one("#keys-off");
let at = -1, before = "";

const kept = () => {
  off.checked = localStorage.getItem("keys") === "off";
  document.documentElement.dataset.keys = off.checked ? "off" : "on";
};
off.addEventListener("change", () => { localStorage.setItem("keys", off.checked ? "off" : "on"); kept(); });
kept();

const move = (step) => {
  const all = rows();
  if (!all.length) return;
  at = Math.max(0, Math.min(all.length - 1, at + step));
  all[at].focus();
};
// Go to a control: unfold what hides it, and for a heading that folds its first field.
const reach = (target) => {
  for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  const within = target.tagName === "SUMMARY" && target.parentElement.querySelector("select, textarea, input:not([type=hidden]), button");
  if ("press" in target.dataset) target.click(); else (within || target).focus();
};
const pressed = (key) => one(`[aria-keyshortcuts~="${CSS.escape(key)}"]`);
const KEYS = {
  j: () => move(1), k: () => move(-1), "?": () => sheet.showModal(),
  o: () => rows()[at]?.closest("tr").querySelector("input[type=checkbox]")?.click(),
};
addEventListener("keydown", (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key === "k") { open_palette(); e.preventDefault(); return; }
  if (e.ctrlKey || e.metaKey || e.altKey || off.checked || e.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
  const go = before === "g" && one(`[data-go="${CSS.escape(e.key)}"]`);
  before = e.key === "g" ? "g" : "";
  const target = pressed(e.key);
  if (go) location.href = go.href;
  else if (KEYS[e.key]) KEYS[e.key]();
  else if (target) reach(target);
  else return;
  e.preventDefault();
});

// The palette finds pages, views, rows and the acts the open case allows by their words, and a
// case by its number.
const wanted = palette.querySelector("input"), list = palette.querySelector("ul");
const targets = () => [...document.querySelectorAll("header nav a, .views a, #keys a[data-go], .acts summary, .acts form > button, .begin details > summary, .advice button, .toast button, [data-row]")];
const words = (e) => e.textContent.replace(/\s+/g, " ").trim();
let found = [];
const numbered = (text) => {
  if (!/^\d{6}-\d+$/.test(text)) return [];
  const link = Object.assign(document.createElement("a"), { href: `/cases/${text}`, textContent: palette.dataset.case.replace("{}", text) });
  return [link];
};
const fill = () => {
  const text = wanted.value.trim().toLowerCase(), asked = text.split(/\s+/);
  const seen = new Set();
  found = [...numbered(text), ...targets().filter((e) => asked.every((w) => words(e).toLowerCase().includes(w)))]
    .filter((e) => { const k = e.href ?? words(e); return !seen.has(k) && seen.add(k); }).slice(0, 12);
  list.replaceChildren(...found.map((e, n) => {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: words(e) });
    button.addEventListener("click", () => press(n));
    item.append(button);
    return item;
  }));
};
const press = (n) => {
  const target = found[n];
  palette.close();
  if (!target) return;
  if (!target.isConnected) location.href = target.href;
  else if (target.tagName === "A") target.click();
  else reach(target);
};
const open_palette = () => { wanted.value = ""; fill(); palette.showModal(); wanted.focus(); };
wanted.addEventListener("input", fill);
wanted.addEventListener("keydown", (e) => { if (e.key === "Enter") { press(0); e.preventDefault(); } });

document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-row]");
  if (!link) return;
  one(".queue .chosen")?.classList.remove("chosen");
  link.closest("tr").classList.add("chosen");
  at = rows().indexOf(link);
});

// Who else has one of these cases open: asked now and then, while somebody looks at the page.
const table = one("#rows");
const who = async () => {
  if (document.hidden) return;
  const cells = [...document.querySelectorAll("[data-here]")], open = one("[data-at]")?.dataset.at ?? "";
  const asked = new URLSearchParams([...cells.map((c) => ["case", c.dataset.here]), ["at", open]]);
  const answer = await fetch(`/desk/here?${asked}`);
  if (!answer.ok) return;
  const names = await answer.json();
  for (const cell of cells) cell.textContent = names[cell.dataset.here] ? table.dataset.busy.replace("{}", names[cell.dataset.here].join(", ")) : "";
};
if (table) setInterval(() => who().catch(() => {}), 15000);
