// What draws the map here: a graphics card, the processor in its place (too slow), or nothing.
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

export function webgl() {
  const make = (strict) => document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: strict });
  const strict = make(true), gl = strict ?? make(false), told = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? String(gl.getParameter(told.UNMASKED_RENDERER_WEBGL)) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return { any: Boolean(gl), card: Boolean(strict) && !SOFTWARE.test(name), name };
}
