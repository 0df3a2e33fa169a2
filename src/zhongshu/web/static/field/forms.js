// Forms go through the outbox: kept first, then sent, so that a cut connection loses nothing.
import { $, account, drain, keep, now, say, today, words } from "./app.js";
import { chosen } from "./camera.js";

const Box = self.Outbox, MOMENT_MS = 4_000, SHOWN = { outcome: "outcomes" };

function wrong(form, text) {
  const box = $("[data-wrong]", form);
  if (!box) return;
  box.hidden = !text;
  box.textContent = text;
  if (text) box.scrollIntoView({ block: "center" });
}

/** What a form says, as the interface takes it. */
function bodyOf(form) {
  const body = {};
  for (const [name, value] of new FormData(form))
    if (typeof value === "string" && value.trim() && !["back", "token", "other"].includes(name)) body[name] = value.trim();
  for (const name of ["version", "lon", "lat", "rating"]) if (body[name] !== undefined) body[name] = Number(body[name]);
  return body;
}

/** The same in words, for the list of what was done here. */
function inWords(body) {
  return Object.entries(body)
    .filter(([name]) => ["outcome", "reason", "clause", "note", "text", "result", "address"].includes(name))
    .map(([name, value]) => words[SHOWN[name]]?.[value] ?? value).join(" · ");
}

/** A photo before that was taken here and that the page does not know of yet. */
const beforeHere = async (number) => (await Box.all(account)).some((item) => item.kind === "photo" && item.number === number);

async function missing(form, body, photos) {
  const { send, act, number } = form.dataset, needs = (form.dataset.needs ?? "").split(" ");
  // As the hub does: only what is called solved needs them.
  if (act === "handle" && body.outcome === "solved") {
    if (needs.includes("before") && !(await beforeHere(number))) return words.need_before;
    if (needs.includes("after") && !photos.length) return words.need_photo;
  }
  if (send === "photo" && !photos.length) return words.no_picture;
  if (send === "report" && body.lon === undefined && !body.address) return words.need_place;
  if (send === "report" && !body.text) return words.need_kind;
  return "";
}

function ofReport(form, body) {
  const other = $("[name=other]", form);
  if (!body.category && other.value) body.category = other.value;
  const named = body.category && ($(`input[value="${body.category}"]`, form)?.closest("label").textContent.trim() ?? $(`option[value="${body.category}"]`, other).textContent);
  return { ...body, text: body.text ?? named, channel: "field", at: now(), lang: words.lang.slice(0, 2) };
}

async function submitted(form) {
  const { send, number, title, api } = form.dataset;
  let body = bodyOf(form), photos;
  try { photos = await chosen(form, now); } catch { wrong(form, words.no_picture); return; }
  if (send === "report") body = ofReport(form, body);
  if (send === "act") body.done_at = now();
  if (send === "look") body.day = today();
  const lacking = await missing(form, body, photos);
  wrong(form, lacking);
  if (lacking) return;
  let item;
  try { item = await keep({ kind: send, act: form.dataset.act, number, title, url: api, body, photos, words: inWords(body) }); } catch { wrong(form, words.no_room); return; }
  removeEventListener("beforeunload", stay);
  await after(form, send, item);
}

async function after(form, send, item) {
  if (send === "look") {
    const cell = form.closest("[data-cell]"), times = cell && $("[data-times]", cell);
    if (cell) cell.classList.add("seen");
    if (times) { times.dataset.times = Number(times.dataset.times) + 1; times.textContent = `✓ ${words.looked} ${times.dataset.times}×`; }
    $(`[data-plan="${item.body.area}"]`)?.classList.add("all");
    $("button", form).textContent = `✓ ${words.looked}`;
    drain();
    return;
  }
  dispatchEvent(new CustomEvent("field:kept", { detail: item }));
  // An answer within a moment is shown at once; else it is here, and goes when it can.
  await Promise.race([drain(), new Promise((ok) => setTimeout(ok, MOMENT_MS))]);
  const sent = await Box.get(account, item.id);
  if (sent?.state === "conflict" || sent?.state === "refused") return;
  sessionStorage.fieldSaid = JSON.stringify({ state: sent?.state ?? "waiting", title: item.title, case: sent?.kind === "report" && sent.answer?.case });
  location.assign(send === "report" ? "/m/report" : send === "photo" ? location.pathname : "/m");
}

const stay = (event) => event.preventDefault();

addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.send) return;
  event.preventDefault();
  const button = event.submitter ?? $("button.big", form) ?? $("button", form);
  if (button.disabled) return;
  button.disabled = true;
  // Until it is kept, leaving the page would lose it.
  addEventListener("beforeunload", stay);
  try { await submitted(form); } finally { removeEventListener("beforeunload", stay); setTimeout(() => { button.disabled = false; }, 400); }
});

// ── a task that was acted on here, before the hub has heard of it ────────────────────

const number = $("form[data-number]")?.dataset.number;

function unfold(items) {
  const mine = Box.unsent(items).filter((item) => item.number === number), acts = new Set(mine.map((item) => item.act));
  for (const part of document.querySelectorAll("section[data-then-of]")) part.hidden = !acts.has(part.dataset.thenOf);
  for (const form of document.querySelectorAll("form[data-send=act]"))
    if (form.dataset.act !== "note" && acts.has(form.dataset.act)) (form.closest("section.card") ?? form).hidden = true;
  const pending = document.getElementById("pending"), last = mine.at(-1);
  pending.hidden = !last;
  if (last) pending.textContent = `${say(words.here, last.title)} (${words.states[last.state]})`;
}

if (number) {
  addEventListener("field:items", (event) => unfold(event.detail));
  Box.all(account).then(unfold);
}
