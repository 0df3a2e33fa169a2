// The legend says from how many cases on each colour begins.
export function legend(spans) {
  document.querySelectorAll(".legend [data-class]").forEach((item, i) => { item.lastChild.textContent = spans[i]; });
}
