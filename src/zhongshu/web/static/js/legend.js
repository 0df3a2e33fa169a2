// The legend says from how many cases on each colour begins.
export function legend([a, b, c, d]) {
  const spans = (from, to) => (to - 1 > from ? `${from}–${to - 1}` : `${from}`);
  const texts = ["0", spans(a, b), spans(b, c), spans(c, d), `≥ ${d}`];
  document.querySelectorAll(".legend [data-class]").forEach((item, i) => { item.lastChild.textContent = texts[i]; });
}
