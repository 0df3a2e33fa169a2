// Keys of the desk. They rest while somebody types, and a person can switch them off (WCAG 2.1.4).
// Every key presses a link or button that is on the page: what is not offered cannot be pressed.
const rows = () => [...document.querySelectorAll("[data-row]")];
const sheet = document.getElementById("keys");
const palette = document.getElementById("palette");
const off = document.getElementById("keys-off");
let at = -1;
let before = "";

off.checked = localStorage.getItem("keys") === "off";
off.addEventListener("change", () => localStorage.setItem("keys", off.checked ? "off" : "on"));

const move = (step) => {
  const all = rows();
  if (!all.length) return;
  at = Math.max(0, Math.min(all.length - 1, at + step));
  all[at].focus();
};
// An act is a form of the case that is open: unfold it and go to its first field or its button.
const act = (name) => {
  const form = document.querySelector(`#pane form[action$="/acts/${name}"]`);
  if (!form) return;
  for (let e = form; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  (form.querySelector("select, textarea, input:not([type=hidden])") ?? form.querySelector("button")).focus();
};
const go = (path) => { location.href = path; };
const KEYS = {
  j: () => move(1), k: () => move(-1), "/": () => document.querySelector("input[type=search]").focus(),
  d: () => act("dispatch"), a: () => act("accept"), b: () => act("return"), h: () => act("handle"),
  p: () => act("pass"), c: () => act("close"), m: () => act("merge"), x: () => act("reject"), n: () => act("note"),
  "?": () => sheet.showModal(),
  gq: () => go("/desk"), gw: () => go("/wall"), gp: () => go("/process"), gr: () => go("/report"),
};
addEventListener("keydown", (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key === "k") { open_palette(); e.preventDefault(); return; }
  if (e.ctrlKey || e.metaKey || e.altKey || off.checked || e.target.closest("input, textarea, select, dialog[open]")) return;
  const key = before === "g" ? `g${e.key}` : e.key;
  before = e.key === "g" ? "g" : "";
  if (!KEYS[key]) return;
  KEYS[key]();
  e.preventDefault();
});

// The palette lists every link and button one can see, by its words.
const wanted = palette.querySelector("input");
const list = palette.querySelector("ul");
const targets = () => [...document.querySelectorAll("header nav a, .views a, [data-row], #pane .acts summary, #pane .acts form > button")]
  .filter((e) => e.offsetParent !== null || e.closest("details:not([open])"));
let found = [];
const fill = () => {
  const words = wanted.value.trim().toLowerCase().split(/\s+/);
  found = targets().filter((e) => words.every((w) => e.textContent.toLowerCase().includes(w))).slice(0, 12);
  list.replaceChildren(...found.map((e, n) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = e.textContent.replace(/\s+/g, " ").trim();
    button.addEventListener("click", () => press(n));
    item.append(button);
    return item;
  }));
};
const press = (n) => {
  const target = found[n];
  palette.close();
  if (!target) return;
  for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  if (target.tagName === "SUMMARY" || target.tagName === "BUTTON") target.focus(); else target.click();
};
const open_palette = () => { wanted.value = ""; fill(); palette.showModal(); wanted.focus(); };
wanted.addEventListener("input", fill);
wanted.addEventListener("keydown", (e) => { if (e.key === "Enter") { press(0); e.preventDefault(); } });

document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-row]");
  if (!link) return;
  document.querySelector(".queue .chosen")?.classList.remove("chosen");
  link.closest("tr").classList.add("chosen");
  at = rows().indexOf(link);
});
