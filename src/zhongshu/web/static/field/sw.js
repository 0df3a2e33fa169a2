// The worker of the field app. The hub puts VERSION, SHELL (the files of the app) and AWAY before it.
// Pages: the net first, else the last good copy. Files and photos: never changed, so kept ones first.
"use strict";
const KEPT = `field-shell-${VERSION}`, DATA = "field-data", PATIENCE_MS = 5_000;
const PAGE = /^\/m(\/|$)/, NO_PAGE = /^\/m\/(left|away|sw\.js|manifest\.webmanifest|icon-|app\/)/, PHOTO = /^\/cases\/[^/]+\/photos\/\d+$/;

addEventListener("install", (event) => event.waitUntil((async () => {
  await (await caches.open(KEPT)).addAll([...SHELL, AWAY].map((url) => new Request(url, { cache: "reload" })));
  await skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith("field-shell-") && name !== KEPT) await caches.delete(name);
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/m/app/")) event.respondWith(file(request, url));
  else if (PHOTO.test(url.pathname)) event.respondWith(photo(request));
  else if (PAGE.test(url.pathname) && !NO_PAGE.test(url.pathname)) event.respondWith(page(event));
});

async function file(request, url) {
  const kept = await caches.open(KEPT);
  // A page kept before an update asks for files of its own time: the new ones serve it.
  const name = url.pathname.split("/").pop(), now = SHELL.find((path) => path.endsWith(`/${name}`));
  return (await kept.match(request)) ?? fetch(request).catch(async () => (now && (await kept.match(now))) ?? Response.error());
}

async function photo(request) {
  const kept = await caches.open(DATA), found = await kept.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok && !answer.redirected) await kept.put(request, answer.clone());
  return answer;
}

async function page(event) {
  const kept = await caches.open(DATA), found = await kept.match(event.request.url);
  const fresh = fetch(event.request).then(async (answer) => {
    if (answer.ok && !answer.redirected) await kept.put(event.request.url, answer.clone());
    return answer;
  });
  event.waitUntil(fresh.catch(() => {}));
  const slow = new Promise((ok) => { if (found) setTimeout(ok, PATIENCE_MS); });
  try {
    const answer = await Promise.race([fresh, slow]);
    if (answer && (answer.status < 500 || !found)) return answer;
  } catch { /* no net */ }
  return found ?? (event.request.mode === "navigate" ? caches.match(AWAY) : Response.error());
}

// Where the browser wakes a worker once there is net, what waits is sent with no page open.
addEventListener("sync", (event) => {
  if (event.tag === "outbox") event.waitUntil(everyone());
});

async function everyone() {
  for (const { name } of await indexedDB.databases()) {
    const account = /^field-(\d+)$/.exec(name)?.[1];
    if (account && (await Outbox.drain(account, { force: true })) === "offline") throw new Error("still no net");
  }
}
