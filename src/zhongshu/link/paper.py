"""A page as PDF: WeasyPrint, which needs the system's Pango to set text."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from zhongshu.core.values import Refused


class NoPaper(Refused):
    status: ClassVar[int] = 503
    message = "This machine cannot write PDF: %(value)s is not installed."
    remedy = (
        "On Debian or Ubuntu: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
        " fonts-noto-cjk. Until then open the print view and print it from the browser."
    )


def pdf(html: str, css: str) -> bytes:
    """Return a page that stands alone, with its style, as PDF. Nothing is fetched."""
    weasyprint = _weasyprint()
    nothing = weasyprint.urls.URLFetcher(allowed_protocols=())
    sheet = weasyprint.CSS(string=css, url_fetcher=nothing)
    made = weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf(stylesheets=[sheet])
    assert made is not None
    return bytes(made)


def _weasyprint() -> Any:
    try:
        import weasyprint  # noqa: PLC0415 — loads Pango, which the system may not have
    except OSError as error:
        named = re.search(r"'(lib[\w.+-]+)'", str(error))
        raise NoPaper("pdf", named[1] if named else "Pango") from None
    return weasyprint
