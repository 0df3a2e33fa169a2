// The public map: the big library is fetched only when somebody asks to move and zoom.
// Without this the plan, the list and the export say the same.
import { fetchMap } from "./fetch-map.js";

const button = document.getElementById("move"), box = document.getElementById("open-map");

if (button && box) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    box.dataset.map = "open";
    box.hidden = false;
    await fetchMap();
    button.hidden = document.getElementById("still").hidden = true;
  });
}
