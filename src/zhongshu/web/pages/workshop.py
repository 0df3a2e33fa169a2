"""The workshop: where the city's own data is kept. Each section is a page of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.web.guard import Needs
from zhongshu.web.look import page
from zhongshu.web.vocabulary import N_

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]

#: The sections: path, name, and what one does there in a sentence.
SECTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "/workshop/catalogue", N_("Catalogue"),
        N_("What can be wrong in the city, under which conditions it is filed, and how long each gives."),
    ),
    (
        "/workshop/rules", N_("Rules"),
        N_("Who is responsible, how long each step may take, and when work is done: try a change on last month before it holds."),
    ),
    (
        "/workshop/ladder", N_("The ladder"),
        N_("Who is told when a clock climbs, at which hours, and who would be told now and why."),
    ),
    (
        "/workshop/messages", N_("Messages"),
        N_("What leaves the hub by mail, short message, chat and push: how each channel does, what was sent, what failed."),
    ),
    (
        "/workshop/texts", N_("Texts"),
        N_("What messages say, in each language and by each medium, tried on a real case."),
    ),
    (
        "/workshop/replies", N_("Standard replies"),
        N_("What is said often when a report is refused, returned, closed or answered, with blanks the case fills."),
    ),
    (
        "/workshop/same", N_("The same matter"),
        N_("How near in place, time and words two reports must be to be one matter, class by class."),
    ),
)  # fmt: skip


@router.get("/workshop")
def workshop(request: Request, _: Reader) -> Response:
    """Show the sections."""
    return page(request, "workshop.html", {"sections": SECTIONS})
