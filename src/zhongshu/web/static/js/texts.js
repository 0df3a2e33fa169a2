// The preview of a text, kept up while it is written.
const form = document.querySelector("form[data-preview]");
const shown = document.getElementById("shown");
let waiting = null, asked = 0;

async function look() {
  waiting = null;
  const turn = ++asked;
  const said = Object.fromEntries(new FormData(form));
  delete said.look;
  if (!said.case) return;
  const answer = await fetch(form.dataset.preview, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said),
  });
  const read = await answer.json();
  if (turn !== asked) return;
  shown.querySelector("[data-why]").textContent = answer.ok ? "" : `${read.title} ${read.remedy}`;
  if (!answer.ok) return;
  shown.querySelector("[data-subject]").textContent = read.subject;
  shown.querySelector("[data-body]").textContent = read.body;
}

form?.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 300); });
