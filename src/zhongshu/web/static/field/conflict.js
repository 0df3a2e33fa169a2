// Something of mine was not taken: what I did on one side, what happened meanwhile on the other,
// and three ways on. Neither side is lost before somebody has chosen.
import { account, clock, drain, el, say, show, words } from "./app.js";

const Box = self.Outbox, dialog = document.getElementById("dialog");
const button = (text, kind, press) => { const made = el("button", { type: "button", className: `button big ${kind}`, textContent: text }); made.addEventListener("click", press); return made; };
const read = async (url) => { try { const answer = await fetch(url, { cache: "no-store" }); return answer.ok ? await answer.json() : null; } catch { return null; } };

/** What I did, in words: title, when, what it said. */
const told = (item) => [item.title, item.words].filter(Boolean).join(": ");

export async function open(item) {
  const now = item.number ? await read(`/api/v1/cases/${item.number}`) : null;
  const facts = now ? await read(`/api/v1/cases/${item.number}/facts`) : null;
  const since = (facts ?? []).filter((fact) => fact.seq > (item.body.version ?? 0) && Date.parse(fact.at) > item.made - 86_400_000 * 7);
  dialog.replaceChildren(
    el("h2", { id: "dialog-title", textContent: item.state === "conflict" ? words.moved : words.states.refused }),
    el("p", { className: "hint", textContent: `${item.problem?.title ?? ""} ${item.number ?? ""}` }),
    el("div", { className: "sides" }, mine(item), meanwhile(item, now, since)),
    el("div", { className: "choose" }, ...ways(item, now)));
  dialog.showModal();
}

function mine(item) {
  const shots = el("div", { className: "shots" }, ...item.photos.map((photo) => el("img", { src: URL.createObjectURL(photo.blob), alt: words.mine })));
  return el("div", {}, el("h3", { textContent: words.mine }), el("p", { className: "hint", textContent: clock(item.made) }), el("p", { textContent: told(item) }), shots);
}

function meanwhile(item, now, since) {
  if (!item.number) return el("div", {}, el("p", { textContent: item.problem?.remedy ?? "" }));
  if (!now) return el("div", {}, el("h3", { textContent: words.meanwhile }), el("p", { textContent: navigator.onLine ? words.gone : words.offline }));
  const lines = since.map((fact) => el("li", { textContent: [clock(Date.parse(fact.at)), words.kinds[fact.kind] ?? fact.kind, fact.says.reason, fact.says.note].filter(Boolean).join(" · ") }));
  return el("div", {}, el("h3", { textContent: words.meanwhile }), el("p", { textContent: say(words.now_at, words.stages[now.stage]) }), lines.length ? el("ul", {}, ...lines) : el("p", { className: "hint", textContent: words.nothing }));
}

function ways(item, now) {
  const offered = now?.acts.map((each) => each.act) ?? [];
  const done = async (change) => { dialog.close(); await change; await show(); await drain(true); };
  const found = [];
  if (item.kind === "act" && now) {
    const may = offered.includes(item.act);
    const top = button(words.on_top, "main", () => done(again(item, now.version)));
    top.disabled = !may;
    found.push(top);
    if (!may) found.push(el("p", { className: "hint", textContent: say(words.cannot, item.title) }));
  } else found.push(button(words.retry, "main", () => done(Box.replace(account, item, {}))));
  if (offered.includes("note") && item.act !== "note" && item.number)
    found.push(button(words.as_note, "", () => done(Box.replace(account, item, {
      kind: "act", act: "note", title: words.acts.note, url: `/api/v1/cases/${item.number}/acts/note`,
      body: { note: say(words.undelivered, `${told(item)} (${clock(item.made)})`), done_at: item.body.done_at ?? new Date(item.made).toISOString() }, words: told(item),
    }))));
  found.push(button(words.drop, "bad", () => sure(item)), button(words.later, "", () => dialog.close()));
  return found;
}

/** Do it again on the case as it is now; what I did after it from the same page comes along. */
async function again(item, version) {
  await Box.follow(account, item, version);
  await Box.replace(account, item, { body: { ...item.body, version } });
}

function sure(item) {
  dialog.replaceChildren(el("h2", { id: "dialog-title", textContent: words.dropped_sure }), mine(item),
    el("div", { className: "choose" }, button(words.drop, "bad", async () => { dialog.close(); await Box.remove(account, item.id); await show(); await drain(); }), button(words.later, "", () => dialog.close())));
}
