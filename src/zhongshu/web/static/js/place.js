// The step “where”: the device's own place, and the map, fetched only when somebody opens it.
// Without this the place is looked up, picked on the plan, or described.
import { fetchMap } from "./fetch-map.js";
import { words } from "./words.js";

const form = document.getElementById("place-form");
const said = document.getElementById("here-said"), way = document.getElementById("map-way");
//: How exactly a device must know where it is (metres) for its place to be taken as it is.
const EXACT = 100;

function here() {
  said.textContent = words.seeking;
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    if (coords.accuracy > EXACT) {
      said.textContent = words.rough.replace("#", Math.round(coords.accuracy));
      return;
    }
    form.elements.lon.value = coords.longitude.toFixed(6);
    form.elements.lat.value = coords.latitude.toFixed(6);
    form.requestSubmit();
  }, () => { said.textContent = words.refused; }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
}

if ("geolocation" in navigator) {
  document.getElementById("place-tools").hidden = false;
  document.getElementById("here").addEventListener("click", here);
}

way.hidden = false;
way.addEventListener("toggle", async () => {
  const box = document.getElementById("pin-map");
  if (!way.open || box.dataset.map) return;
  box.dataset.map = "pin";
  await fetchMap();
});
