// The outbox: what was done on this device and has not been answered yet. One database for each
// account, so that nobody else's session shows or sends it. Shared by the pages and the worker.
"use strict";
self.Outbox = (() => {
  const FIRST_MS = 5_000, MOST_MS = 300_000, PATIENCE_MS = 60_000, KEPT_MS = 86_400_000;
  const name = (account) => `field-${account}`;
  const opened = new Map();
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("field");

  const answered = (request) => new Promise((ok, no) => {
    request.onsuccess = () => ok(request.result);
    request.onerror = () => no(request.error);
  });

  function open(account) {
    if (!opened.has(account)) {
      const request = indexedDB.open(name(account), 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("items", { keyPath: "id" });
        request.result.createObjectStore("meta");
      };
      opened.set(account, answered(request).then((db) => {
        db.onversionchange = () => { db.close(); opened.delete(account); };
        return db;
      }));
    }
    return opened.get(account);
  }

  /** Run one transaction; it is on the disk when this returns. */
  async function at(account, store, mode, work) {
    const tx = (await open(account)).transaction(store, mode, mode === "readwrite" ? { durability: "strict" } : {});
    const done = new Promise((ok, no) => { tx.oncomplete = ok; tx.onabort = tx.onerror = () => no(tx.error); });
    const request = work(tx.objectStore(store));
    await done;
    return request?.result;
  }

  const all = async (account) => (await at(account, "items", "readonly", (s) => s.getAll())).sort((a, b) => a.made - b.made || (a.id < b.id ? -1 : 1));
  const put = (account, item) => at(account, "items", "readwrite", (s) => s.put(item));
  const get = (account, id) => at(account, "items", "readonly", (s) => s.get(id));
  const meta = (account, key) => at(account, "meta", "readonly", (s) => s.get(key));
  const remember = (account, key, value) => at(account, "meta", "readwrite", (s) => s.put(value, key));
  const tell = () => channel?.postMessage("changed");

  async function remove(account, id) {
    await at(account, "items", "readwrite", (s) => s.delete(id));
    tell();
  }

  /** Put one thing into the outbox; it is sent under its own identity, however often. */
  async function add(account, item) {
    const made = { id: crypto.randomUUID(), account, made: Date.now(), state: "waiting", tries: 0, next: 0, photos: [], ...item };
    await put(account, made);
    tell();
    return made;
  }

  /** Put `fresh` in the place of an item, in one transaction: neither is ever lost alone. */
  async function replace(account, old, fresh) {
    const made = { ...old, tries: 0, next: 0, state: "waiting", problem: null, ...fresh, id: crypto.randomUUID() };
    await at(account, "items", "readwrite", (s) => { s.delete(old.id); return s.put(made); });
    tell();
    return made;
  }

  const unsent = (items) => items.filter((item) => item.state !== "sent");

  /** The next item to be tried: those of one case go in their order, each waits for the one before. */
  function due(items, tried, force) {
    const blocked = new Set();
    for (const item of unsent(items)) {
      const free = !item.number || !blocked.has(item.number);
      if (item.number) blocked.add(item.number);
      const ready = item.state === "waiting" || item.state === "sending";
      if (free && ready && !tried.has(item.id) && (force || item.next <= Date.now())) return item;
    }
    return null;
  }

  async function base64(blob) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 32_768) text += String.fromCharCode(...bytes.subarray(i, i + 32_768));
    return btoa(text);
  }

  async function bodyOf(item) {
    const photos = await Promise.all(item.photos.map(async (p) => ({ data: await base64(p.blob), taken_at: p.taken, ...(p.metres == null ? {} : { metres: p.metres }) })));
    return JSON.stringify({ ...item.body, ...(photos.length ? { photos } : {}) });
  }

  /** Wait longer after each failure: the hub is away, and coming back needs no crowd at its door. */
  const later = (item) => ({ ...item, state: "waiting", tries: item.tries + 1, next: Date.now() + Math.min(MOST_MS, FIRST_MS * 2 ** item.tries) });

  async function deliver(account, item) {
    await put(account, { ...item, state: "sending" });
    tell();
    let answer, said = null;
    try {
      answer = await fetch(item.url, {
        method: "POST", body: await bodyOf(item), cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
        headers: { "content-type": "application/json", accept: "application/json", "idempotency-key": item.id, "hub-account": account },
      });
      // What is not JSON was not said by the hub: a sign-in page of some network, a proxy's error.
      if (/json/.test(answer.headers.get("content-type") ?? "")) said = await answer.json();
    } catch {
      await put(account, later(item));
      return "offline";
    }
    return settle(account, item, answer, said);
  }

  async function settle(account, item, answer, said) {
    const problem = said && !answer.ok ? { status: answer.status, type: said.type, title: said.title, remedy: said.remedy } : null;
    if (!said || answer.status === 429 || answer.status >= 500 || said.type === "/problems/KeyTwice") {
      await put(account, later(item));
      return "later";
    }
    if (answer.ok) {
      await follow(account, item, said.version);
      await put(account, { ...item, state: "sent", sentAt: Date.now(), problem: null, answer: { case: said.case ?? said.number ?? null, code: said.code ?? null, danger: said.danger ?? null, version: said.version ?? null }, photos: [] });
      return "sent";
    }
    if (answer.status === 401) {
      await put(account, { ...item, state: "waiting" });
      return "signed-out";
    }
    await put(account, { ...item, state: answer.status === 409 ? "conflict" : "refused", problem });
    return "needs-you";
  }

  /** My own act moved the case on: what I did after it, from the same page, knows that. */
  async function follow(account, item, version) {
    if (!version || item.body.version === undefined) return;
    for (const next of unsent(await all(account)))
      if (next.id !== item.id && next.number === item.number && next.tries === 0 && next.body.version === item.body.version && next.made >= item.made)
        await put(account, { ...next, body: { ...next.body, version } });
  }

  async function deliverAll(account, force) {
    const tried = new Set();
    for (let item; (item = due(await all(account), tried, force)); ) {
      tried.add(item.id);
      const outcome = await deliver(account, item);
      tell();
      if (outcome === "offline" || outcome === "signed-out") return outcome;
    }
    for (const item of await all(account))
      if (item.state === "sent" && item.sentAt < Date.now() - KEPT_MS) await remove(account, item.id);
    return "done";
  }

  /** Send what can be sent; one page or worker at a time. Says how it ended. */
  const drain = (account, { force = false } = {}) => navigator.locks.request("field-outbox", () => deliverAll(account, force));

  /** Forget all but what is not sent; return how much that is. */
  async function clear(account) {
    await at(account, "meta", "readwrite", (s) => s.clear());
    const items = await all(account);
    for (const item of items) if (item.state === "sent") await remove(account, item.id);
    return unsent(items).length;
  }

  async function destroy(account) {
    (await open(account)).close();
    opened.delete(account);
    await answered(indexedDB.deleteDatabase(name(account)));
  }

  return { add, all, get, put, remove, replace, follow, unsent, drain, meta, remember, clear, destroy, channel, name };
})();
