// While a report is being written: what is known already at that place. Without this the same
// question is asked on a page of its own, after “send”.
const form = document.getElementById("report"), box = document.getElementById("known");
const fields = ["text", "group", "lon", "lat"];
let asked = "", waiting = 0;

async function ask() {
  const said = new URLSearchParams(fields.map((name) => [name, form.elements[name]?.value ?? ""]));
  if (!said.get("lon") || String(said) === asked) return;
  asked = String(said);
  const answer = await fetch(box.dataset.from, { method: "POST", body: said, headers: { accept: "text/html" } });
  if (!answer.ok || String(said) !== asked) return;
  const chosen = form.elements.joins?.value;
  box.innerHTML = await answer.text();
  for (const choice of box.querySelectorAll("[name=joins]")) choice.checked = choice.value === chosen;
  box.dataset.ready = "yes";
}

form.addEventListener("change", (e) => {
  if (!fields.includes(e.target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => ask().catch(console.warn), 250);
});
