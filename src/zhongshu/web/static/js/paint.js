// What everything drawn on a map is drawn with: colours, letters, names in the reader's language.
export const css = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.querySelector("[data-map], [data-grid]").append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};
export const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/** A condition of a layer: a property of its features has this value. */
export const is = (property, value) => ["==", ["get", property], value];
export const chinese = document.documentElement.lang.startsWith("zh");
export const font = ["Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];
export const label = () => ["coalesce", ["get", chinese ? "zh" : "en"], ["get", "zh"]];
