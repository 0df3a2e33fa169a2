// The words of a page for its scripts, in the language of its reader.
export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
