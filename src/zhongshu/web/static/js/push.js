// Letting this browser be told by push, and not any more.
import { words } from "./words.js";

const box = document.querySelector("[data-push]");
const said = box?.querySelector("[data-said]");

function bytes(text) {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/") + "=".repeat((4 - text.length % 4) % 4));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

async function on() {
  if (await Notification.requestPermission() !== "granted") { said.textContent = words.refused; return; }
  const worker = await navigator.serviceWorker.register("/static/js/push-worker.js");
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) });
  const { endpoint, keys } = made.toJSON();
  const answer = await fetch("/api/v1/notices/browsers", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ url: endpoint, p256dh: keys.p256dh, auth: keys.auth }),
  });
  said.textContent = answer.ok ? words.on : (await answer.json()).title;
}

if (box && "serviceWorker" in navigator && "PushManager" in window) {
  box.hidden = false;
  box.querySelector("button").addEventListener("click", () => on().catch((e) => { said.textContent = e.message; }));
}
