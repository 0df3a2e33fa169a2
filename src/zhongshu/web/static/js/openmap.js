// The public map: the big library is fetched only when somebody asks to move and zoom.
// Without this the plan, the list and the export say the same.
const button = document.getElementById("move"), box = document.getElementById("open-map");

if (button && box) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/vendor/maplibre-gl.css" }));
    box.dataset.map = "open";
    box.hidden = false;
    await import("/static/js/map.js");
    button.hidden = document.getElementById("still").hidden = true;
  });
}
