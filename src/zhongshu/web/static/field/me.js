// What waits on this device, one by one; how the app looks; and leaving.
import { $, account, able, clock, drain, el, look, say, words } from "./app.js";

const list = document.getElementById("items"), Box = self.Outbox;

function row(item) {
  const bad = item.state === "refused" || item.state === "conflict";
  const box = el("li", { className: bad ? "bad" : "" });
  box.dataset.state = item.state;
  box.append(el("p", {}, el("b", { textContent: item.title }), item.number ? ` ${item.number}` : ""),
    el("p", { className: "hint", textContent: [clock(item.made), words.states[item.state], item.photos.length ? say(words.photos, item.photos.length) : "", item.answer?.case && item.kind === "report" ? item.answer.case : ""].filter(Boolean).join(" · ") }));
  if (item.words) box.append(el("p", { textContent: item.words }));
  if (item.problem) box.append(el("p", { className: "late", textContent: `${item.problem.title} ${item.problem.remedy ?? ""}` }));
  if (bad) {
    const open = el("button", { type: "button", className: "button", textContent: words.look });
    open.addEventListener("click", async () => (await import("./conflict.js")).open(item));
    box.append(open);
  }
  return box;
}

function show(items) {
  const waiting = Box.unsent(items), sent = items.filter((i) => i.state === "sent").reverse().slice(0, 20);
  list.replaceChildren(...(waiting.length ? waiting.map(row) : [el("li", { className: "hint", textContent: `${words.none_unsent} ✓` })]),
    ...(sent.length ? [el("li", { className: "hint", textContent: words.sent_lately }), ...sent.map(row)] : []));
}

for (const name of ["large", "outdoor"]) {
  const box = document.getElementById(name);
  box.checked = localStorage[`field-${name}`] === "1";
  box.addEventListener("change", () => { localStorage[`field-${name}`] = box.checked ? "1" : ""; look(); });
}

if (able) {
  addEventListener("field:items", (event) => show(event.detail));
  Box.all(account).then(show);
  document.getElementById("send-now").addEventListener("click", () => drain(true));
  navigator.storage?.estimate?.().then(({ quota, usage }) => { document.getElementById("room").textContent = say(words.free, new Intl.NumberFormat(words.lang).format(Math.round((quota - usage) / 1e6))); });
  document.getElementById("sign-out").addEventListener("submit", (event) => {
    event.preventDefault();
    leave(event.target);
  });
}

async function leave(form) {
  const waiting = Box.unsent(await Box.all(account)).length, dialog = document.getElementById("dialog");
  const ask = (text, sure) => {
    const close = el("button", { type: "button", className: "button big", textContent: words.close });
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(el("h2", { id: "dialog-title", textContent: text }), el("div", { className: "choose" }, ...(sure ? [sure] : []), close));
    dialog.showModal();
  };
  if (!navigator.onLine) { ask(words.sign_out_offline); return; }
  if (!waiting) { form.submit(); return; }
  const sure = el("button", { type: "button", className: "button big bad", textContent: words.sign_out });
  sure.addEventListener("click", () => form.submit());
  ask(say(words.sign_out_unsent, waiting), sure);
}
