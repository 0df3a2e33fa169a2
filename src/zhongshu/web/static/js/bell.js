// The bell: how many notices wait, kept up while the page is open. What happens in the city is
// heard over the one live stream of the browser, whichever of its tabs holds it.
const number = document.querySelector("[data-bell] b");
const channel = new BroadcastChannel("hub-live");
let asked = Date.now(), waiting = null, answers = () => {};

async function count() {
  waiting = null;
  asked = Date.now();
  try {
    const answer = await fetch("/api/v1/notices/count");
    if (!answer.ok) return;
    const { unread } = await answer.json();
    number.textContent = unread < 1000 ? unread : "999+";
    number.hidden = !unread;
  } catch { /* away: the next event asks again */ }
}

// What happened is told some seconds later; a busy city is asked four times a minute.
function soon() {
  if (waiting === null && !document.hidden) waiting = setTimeout(count, Math.max(4000, 15000 - (Date.now() - asked)));
}

function lead() {
  const source = new EventSource("/events");
  source.addEventListener("facts", (e) => {
    channel.postMessage({ id: e.lastEventId, events: JSON.parse(e.data) });
    soon();
  });
  // Another tab may show the screen: it must know that the stream lives, also when it asks.
  const sign = () => channel.postMessage({});
  source.addEventListener("open", sign);
  source.addEventListener("alive", sign);
  source.addEventListener("error", () => channel.postMessage({ lost: true }));
  answers = () => { if (source.readyState === EventSource.OPEN) sign(); };
  return new Promise(() => {});
}

channel.onmessage = (e) => { if (e.data.events) soon(); if (e.data.asks) answers(); };
document.addEventListener("visibilitychange", soon);
setInterval(soon, 300000);
// The screen leads by itself; without locks nobody does, and the number is that of the page.
if (navigator.locks && !document.getElementById("wall")) navigator.locks.request("hub-live", lead);
