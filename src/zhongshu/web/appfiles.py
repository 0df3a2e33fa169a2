"""The files a device keeps of the field app: one version for all of them, and its icons."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO

from PIL import Image, ImageDraw

from zhongshu.web.look import TOKENS

#: What the app is made of, by the name it is asked for, and where it stands in `static/`.
FILES: Mapping[str, str] = {
    "app.css": "css/app.css",
    "field.css": "field/field.css",
    "outbox.js": "field/outbox.js",
    "app.js": "field/app.js",
    "geo.js": "field/geo.js",
    "tasks.js": "field/tasks.js",
    "forms.js": "field/forms.js",
    "camera.js": "field/camera.js",
    "report.js": "field/report.js",
    "me.js": "field/me.js",
    "conflict.js": "field/conflict.js",
    "left.js": "field/left.js",
}
#: The cookie that says at sign-out that this browser keeps something of the app.
KEEPS = "field"
WORKER = "field/sw.js"
SIZES = (180, 192, 512)


def read(path: str) -> bytes:
    return files("zhongshu.web").joinpath("static").joinpath(path).read_bytes()


@cache
def version() -> str:
    """Return the version of the app: another as soon as one of its files is another."""
    digest = hashlib.sha256()
    for path in (*FILES.values(), WORKER):
        digest.update(read(path))
    return digest.hexdigest()[:12]


def worker() -> str:
    """Return the service worker with the version and the files it keeps."""
    at = f"/m/app/{version()}"
    kept = [f"{at}/{name}" for name in FILES]
    head = f'const VERSION = "{version()}", SHELL = {kept}, AWAY = "/m/away";\n'
    return f'{head}importScripts("{at}/outbox.js");\n{read(WORKER).decode()}'


@cache
def icon(size: int, *, maskable: bool = False) -> bytes:
    """Return the icon as PNG: the drawing of `static/icon.svg`, in its units of 32. A maskable
    one fills its square, for the system cuts it to its own shape.
    """
    unit = size * 4 / 32
    image = Image.new("RGBA", (size * 4, size * 4))
    draw = ImageDraw.Draw(image)
    blue, whole = TOKENS["accent"][0], (0, 0, size * 4 - 1, size * 4 - 1)
    draw.rounded_rectangle(whole, 0 if maskable else 7 * unit, fill=blue)
    shrink = 0.8 if maskable else 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return ((x - 16) * shrink + 16) * unit, ((y - 16) * shrink + 16) * unit

    line = round(3 * unit * shrink)
    half = 1.5
    draw.rectangle(
        (*at(7 - half, 11 - half), *at(25 + half, 20 + half)), outline="white", width=line
    )
    draw.line((*at(16, 5), *at(16, 27)), fill="white", width=line)
    out = BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
