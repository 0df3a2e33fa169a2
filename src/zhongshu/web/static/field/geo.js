// Distances and the order of a walk, on the device. Nothing here knows whose position it is.
const R = 6_371_008.8, rad = Math.PI / 180;

/** Metres between two places, {lon, lat} in degrees. */
export function metres(a, b) {
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad), y = (b.lat - a.lat) * rad;
  return R * Math.hypot(x, y);
}

/** The place so many metres north and east of one. */
export const moved = ({ lon, lat }, north, east) => ({ lon: lon + east / (R * rad * Math.cos(lat * rad)), lat: lat + north / (R * rad) });

export const far = (m, lang) => new Intl.NumberFormat(lang, m < 1000
  ? { style: "unit", unit: "meter", maximumFractionDigits: 0 }
  : { style: "unit", unit: "kilometer", maximumFractionDigits: m < 10_000 ? 1 : 0 }).format(m < 1000 ? Math.round(m / 10) * 10 : m / 1000);

/** Length of a walk from `start` through `places` in an order. */
export function length(start, places, order) {
  let sum = 0, here = start;
  for (const i of order) { sum += metres(here, places[i]); here = places[i]; }
  return sum;
}

/** The order to walk places in from `start`: always the nearest next, then knots undone (2-opt). */
export function route(start, places) {
  const left = new Set(places.keys()), order = [];
  for (let here = start; left.size; ) {
    let best = -1, least = Infinity;
    for (const i of left) { const m = metres(here, places[i]); if (m < least) { least = m; best = i; } }
    order.push(best); left.delete(best); here = places[best];
  }
  const at = (k) => (k < 0 ? start : places[order[k]]);
  for (let better = true; better; ) {
    better = false;
    for (let i = 0; i < order.length - 1; i++) for (let j = i + 1; j < order.length; j++) {
      const after = j + 1 < order.length ? at(j + 1) : null;
      const was = metres(at(i - 1), at(i)) + (after ? metres(at(j), after) : 0);
      const would = metres(at(i - 1), at(j)) + (after ? metres(at(i), after) : 0);
      if (would < was - 1e-6) { order.splice(i, j - i + 1, ...order.slice(i, j + 1).reverse()); better = true; }
    }
  }
  return order;
}

/** Ask this device once where it is. Called from a press, never by itself. */
export const here = () => new Promise((ok, no) => {
  if (!navigator.geolocation) { no(new Error("none")); return; }
  navigator.geolocation.getCurrentPosition(({ coords }) => ok({ lon: coords.longitude, lat: coords.latitude, accuracy: coords.accuracy }), no, { enableHighAccuracy: true, timeout: 15_000, maximumAge: 0 });
});
