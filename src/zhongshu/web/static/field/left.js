// After signing out: this device forgets the app's pages, photos and lists. What was not sent is
// shown with both ways on, for nothing may be lost and nothing may lie about unseen.
const account = localStorage.fieldAccount, Box = self.Outbox;
const cleared = () => { document.getElementById("unsent-left").hidden = true; document.getElementById("cleared").hidden = false; };

async function forget() {
  await caches?.delete("field-data");
  delete localStorage.fieldSkew;
  const left = account ? await Box.clear(account) : 0;
  if (left) {
    const box = document.getElementById("unsent-left");
    box.hidden = false;
    box.querySelector("[data-n]").textContent = left;
    document.getElementById("delete-left").addEventListener("click", async () => { await gone(); cleared(); });
  } else { await gone(); cleared(); }
}

async function gone() {
  if (account) await Box.destroy(account);
  delete localStorage.fieldAccount;
}

forget().catch((error) => console.warn(error));
