// Photos made small on the device, without what the file carried along; and the picture before
// laid over the camera, so that the one after is taken from the same spot.
import { $, el, words } from "./app.js";
import { far, here, metres } from "./geo.js";

const SIDE = 1600, QUALITY = 0.8, PATIENCE_MS = 6_000;

/** A photo drawn anew: at most 1600 pixels on its longest side, JPEG, nothing hidden in it. */
export async function shrunk(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = el("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((ok) => canvas.toBlob(ok, "image/jpeg", QUALITY));
  if (!blob) throw new Error("not drawn");
  return blob;
}

/** The photos chosen in a form, ready to be kept: {blob, taken, metres}. */
export async function chosen(form, now) {
  const inputs = [...form.querySelectorAll("input[type=file]")];
  const files = inputs.flatMap((input) => [...input.files].map((file) => ({ file, measured: input.measured }))).slice(0, 3);
  // A camera writes the file as it takes the photo; a moment ahead of the hub's clock is none.
  return Promise.all(files.map(async ({ file, measured }) => ({
    blob: await shrunk(file), taken: new Date(Math.min(file.lastModified, Date.parse(now()))).toISOString(),
    metres: (await Promise.race([measured, new Promise((ok) => setTimeout(ok, PATIENCE_MS))])) ?? null,
  })));
}

/** How many metres from the case this device is, or nothing; where it is stays here. */
async function distance(field) {
  const place = document.getElementById("place"), said = $("[data-measured]", field);
  said.textContent = words.asking;
  try {
    const m = metres(await here(), { lon: Number(place.dataset.lon), lat: Number(place.dataset.lat) });
    said.textContent = far(m, words.lang);
    return Math.round(m);
  } catch {
    said.textContent = words.no_far;
    return null;
  }
}

/** Somebody who ticked the box once wants it for every photo taken on this device. */
function measuring(input) {
  const field = input.closest(".field"), box = $("[data-measure]", field);
  if (!box) return;
  const measure = () => { input.measured = box.checked && input.files.length ? distance(field) : undefined; if (!input.measured) $("[data-measured]", field).textContent = ""; };
  box.checked = localStorage["field-measure"] === "1";
  input.addEventListener("change", measure);
  box.addEventListener("change", () => { localStorage["field-measure"] = box.checked ? "1" : "0"; measure(); });
}

function previews(input) {
  const box = $("[data-shots]", input.closest(".field"));
  box.replaceChildren(...[...input.files].map((file) => {
    const image = el("img", { alt: file.name, src: URL.createObjectURL(file) });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    return image;
  }));
}

async function overlay(input) {
  const dialog = document.getElementById("dialog"), before = () => el("img", { src: input.dataset.ghost, alt: words.before });
  const close = el("button", { type: "button", className: "button", textContent: words.close });
  let stream = null;
  const end = () => { stream?.getTracks().forEach((track) => track.stop()); dialog.close(); };
  close.addEventListener("click", end);
  dialog.addEventListener("close", () => stream?.getTracks().forEach((track) => track.stop()), { once: true });
  const title = el("h2", { id: "dialog-title", textContent: words.before });
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch {
    const pick = el("button", { type: "button", className: "button main big", textContent: words.shoot });
    pick.addEventListener("click", () => { end(); input.click(); });
    dialog.replaceChildren(title, el("p", { textContent: words.beside }), el("div", { className: "ghost side" }, before()), el("div", { className: "choose" }, pick, close));
    dialog.showModal();
    return;
  }
  const video = el("video", { autoplay: true, muted: true, playsInline: true, srcObject: stream });
  const shoot = el("button", { type: "button", className: "button main big", textContent: words.shoot });
  const through = el("input", { type: "range", min: 0, max: 0.9, step: 0.05, value: 0.45, ariaLabel: words.see_through }), frame = el("div", { className: "ghost" }, video, before());
  through.addEventListener("input", () => frame.style.setProperty("--through", through.value));
  shoot.addEventListener("click", async () => {
    const canvas = el("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((ok) => canvas.toBlob(ok, "image/jpeg", 0.92));
    const files = new DataTransfer();
    files.items.add(new File([blob], "after.jpg", { type: "image/jpeg" }));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    end();
  });
  dialog.replaceChildren(title, frame, el("label", { className: "hint", textContent: words.see_through }), through, el("div", { className: "choose" }, shoot, close));
  dialog.showModal();
}

for (const input of document.querySelectorAll(".shot input[type=file]")) {
  input.addEventListener("change", () => previews(input));
  measuring(input);
  if (!input.dataset.ghost) continue;
  const button = el("button", { type: "button", className: "button", textContent: words.camera });
  button.addEventListener("click", () => overlay(input));
  input.closest(".field").append(button);
}
