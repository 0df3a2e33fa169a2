// The map and its big library, fetched only when somebody asks for them.
export async function fetchMap() {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/vendor/maplibre-gl.css" }));
  await import("./map.js");
}
