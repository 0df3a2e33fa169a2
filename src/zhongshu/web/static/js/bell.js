// The bell: how many notices wait, kept up while the page is open.
import { hear } from "./stream.js";

const number = document.querySelector("[data-bell] b");
let asked = Date.now(), waiting = null;

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

document.addEventListener("visibilitychange", soon);
setInterval(soon, 300000);
hear(({ events, reset }) => { if (events || reset) soon(); });
