// What happens in the city, over one connection for the whole browser: one of its tabs holds it
// and tells the others, and when that one is closed the next takes its place.
const channel = new BroadcastChannel("hub-live");
/** A stream gives a sign every 15 s; after so long without one it may be dead. */
export const SIGN_MS = 40000;
const RETRY_MS = 5000;
let last = document.querySelector("[data-after]")?.dataset.after ?? "", signed = 0, leads = false;
const hearers = [];

/** Hear what is told: `{events}`; `{}`, a sign that the stream lives; `{lost}`, it broke off;
 * `{reset}`, more was missed than is kept. A page has locks in a secure context; without them
 * only one that `needs` the stream opens one, and has it for itself. */
export function hear(hearer, needs = false) {
  if (!hearers.length && navigator.locks) navigator.locks.request("hub-live", lead);
  hearers.push(hearer);
  if (needs && !navigator.locks && !leads) lead();
  channel.postMessage({ asks: true }); // another tab may hold the stream
}

function take(message) {
  if (!message.lost) signed = Date.now();
  last = message.reset ? "" : message.id || last;
  for (const hearer of hearers) hearer(message);
}

function tell(message) {
  channel.postMessage(message);
  take(message);
}

function lead() {
  leads = true;
  const open = () => {
    const source = new EventSource(last ? `/events?after=${encodeURIComponent(last)}` : "/events");
    for (const sign of ["open", "alive"]) source.addEventListener(sign, () => tell({}));
    source.addEventListener("facts", (e) => tell({ id: e.lastEventId, events: JSON.parse(e.data) }));
    source.addEventListener("reset", () => tell({ reset: true }));
    // Refused (signed out, restarting) it does not try again by itself.
    source.addEventListener("error", () => { tell({ lost: true }); if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS); });
  };
  open();
  return new Promise(() => {});
}

channel.onmessage = ({ data }) => {
  if (!data.asks) take(data);
  else if (leads && Date.now() - signed < SIGN_MS) channel.postMessage({});
};
