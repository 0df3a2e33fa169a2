// Keys of the desk: j and k move, Enter opens, / searches. They rest while somebody types.
const rows = () => [...document.querySelectorAll("[data-row]")];
let at = -1;
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
  if (e.key === "/") { document.querySelector("input[type=search]").focus(); e.preventDefault(); return; }
  const step = { j: 1, k: -1 }[e.key];
  const all = rows();
  if (!step || !all.length) return;
  at = Math.max(0, Math.min(all.length - 1, at + step));
  all[at].focus();
});
document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-row]");
  if (!link) return;
  document.querySelector(".queue .chosen")?.classList.remove("chosen");
  link.closest("tr").classList.add("chosen");
  at = rows().indexOf(link);
});
