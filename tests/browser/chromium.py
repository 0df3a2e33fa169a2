"""The browser of the tests: Debian's Chromium, drawing without a graphics card."""

from __future__ import annotations

import shutil

CHROMIUM = shutil.which("chromium")
#: How long a browser that shares two cores with everything else may take for one step.
PATIENCE_MS = 90_000
FLAGS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera
]  # fmt: skip
