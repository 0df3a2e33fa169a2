// The live stream: one connection per browser, shared by its tabs; numbers that grow old are greyed.
const words = JSON.parse(document.getElementById("words").textContent);
const wall = document.getElementById("wall"), state = document.getElementById("live"), feed = document.getElementById("feed");
const channel = new BroadcastChannel("hub-live");
let last = wall.dataset.after, heard = Date.now(), changed = false, tilesAt = Date.now();

const clock = (at) => at.toLocaleTimeString(words.lang === "zh" ? "zh-CN" : "en-GB", { hour12: false });
function show(name) {
  state.dataset.state = name === "on" ? "on" : "off";
  state.textContent = name === "off" ? `${words.off} ${clock(new Date(heard))}` : words[name];
}

function take(message) {
  heard = Date.now();
  show("on");
  if (!message.events) return;
  last = message.id || last;
  changed = true;
  for (const event of message.events) {
    const kind = words.kinds[event.kind];
    if (kind) line(event, kind);
  }
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

function lead() {
  const source = new EventSource(`/events?after=${encodeURIComponent(last)}`);
  const tell = (message) => { take(message); channel.postMessage(message); };
  source.addEventListener("open", () => tell({}));
  source.addEventListener("facts", (e) => tell({ id: e.lastEventId, events: JSON.parse(e.data) }));
  source.addEventListener("reset", () => location.reload());
  source.addEventListener("error", () => show("again"));
  return new Promise(() => {});
}
channel.onmessage = (e) => take(e.data);
// A secure context has locks; without them each tab opens a stream of its own.
if (navigator.locks) navigator.locks.request("hub-live", lead); else lead();

setInterval(async () => {
  try {
    const answer = await fetch("/wall/tiles");
    if (!answer.ok) throw new Error(answer.status);
    if (changed || Date.now() - tilesAt > 20000) {
      changed = false;
      tilesAt = Date.now();
      document.getElementById("tiles").innerHTML = await answer.text();
      dispatchEvent(new Event("hub:changed"));
    }
    heard = Date.now();
  } catch { show(Date.now() - heard > 15000 ? "off" : "again"); }
  wall.classList.toggle("stale", Date.now() - heard > 60000);
}, 3000);
