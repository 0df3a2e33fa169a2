"""The workshop: where the city's own data is kept. Each section is a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.assets import AssetFilter
from zhongshu.flow import outbox, people
from zhongshu.flow.city import City
from zhongshu.flow.start import steps
from zhongshu.store import assets, connectors, proposals
from zhongshu.store import grid as grid_store
from zhongshu.store.db import Tx
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import page
from zhongshu.web.vocabulary import N_

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]

#: The sections: path, name, what one does there in a sentence, and what one needs to enter.
SECTIONS: tuple[tuple[str, str, str, Permission], ...] = (
    (
        "/workshop/start", N_("Setting the city up"),
        N_("Step by step: what is there, and what is still missing."), Permission.CITY_WRITE,
    ),
    (
        "/workshop/accounts", N_("People with access"),
        N_("Accounts, the posts they hold from a day on, vacancies, and looking at the hub as a post does."), Permission.ACCOUNT_WRITE,
    ),
    (
        "/workshop/grid", N_("Grid"),
        N_("Draw areas, bring them in, try a version on the open cases, and let it be in force from a day."), Permission.CITY_READ,
    ),
    (
        "/workshop/catalogue", N_("Catalogue"),
        N_("What can be wrong in the city, under which conditions it is filed, and how long each gives."), Permission.CITY_READ,
    ),
    (
        "/workshop/rules", N_("Duty catalogue and rules"),
        N_("Who is responsible, how long each step may take, and when work is done: try a change on last month before it holds."), Permission.CITY_READ,
    ),
    (
        "/workshop/rules/calendar", N_("Calendar"),
        N_("Work hours of the city and its units, holidays, and the weekends worked to make up for them."), Permission.CITY_READ,
    ),
    (
        "/workshop/ladder", N_("The ladder"),
        N_("Who is told when a clock climbs, at which hours, and who would be told now and why."), Permission.CITY_READ,
    ),
    (
        "/workshop/messages", N_("Messages"),
        N_("What leaves the hub by mail, short message, chat and push: how each channel does, what was sent, what failed."), Permission.CITY_WRITE,
    ),
    (
        "/workshop/texts", N_("Texts"),
        N_("What messages say, in each language and by each medium, tried on a real case."), Permission.CITY_WRITE,
    ),
    (
        "/workshop/replies", N_("Standard replies"),
        N_("What is said often when a report is refused, returned, closed or answered, with blanks the case fills."), Permission.CITY_READ,
    ),
    (
        "/workshop/same", N_("The same matter"),
        N_("How near in place, time and words two reports must be to be one matter, class by class."), Permission.CITY_READ,
    ),
    (
        "/assets", N_("Assets"),
        N_("The things of the city: lamps, covers, trees, with their owners."), Permission.CASE_READ,
    ),
    (
        "/workshop/words", N_("Words of the city"),
        N_("What your city calls its levels and duties, in both languages."), Permission.CITY_READ,
    ),
    (
        "/workshop/maps", N_("Base maps"),
        N_("What maps are drawn on: files of the city’s own, and services asked through the hub."), Permission.CITY_READ,
    ),
    (
        "/workshop/connectors", N_("Connectors"),
        N_("Keys of other systems, how they were used in the last day, and what was imported."), Permission.ACCOUNT_WRITE,
    ),
    (
        "/workshop/history", N_("Who changed what, and when"),
        N_("Who changed what of the city’s own data, and when; as a file; undone where it can be."), Permission.CITY_READ,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What of a section deserves a look: a text with a number, and whether it is pressing."""

    text: str
    n: int | str
    pressing: bool = False


@router.get("/workshop")
def workshop(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the sections, each with how it stands and what of it deserves a look."""
    shown = [section for section in SECTIONS if actor.may(section[3])]
    with hub.db.transaction() as tx:
        notes = {
            path: [note for note in _NOTES[path](tx, hub, hub.city()) if note.n]
            for path, *_ in shown
            if path in _NOTES
        }
    return page(request, "workshop.html", {"sections": shown, "notes": notes})


def _start(tx: Tx, hub: Hub, city: City) -> Sequence[Note]:
    missing = [s for s in steps(tx, city, now=hub.clock()) if not s.done and not s.optional]
    return [Note(N_("%(n)s steps missing"), len(missing), pressing=True)]


def _accounts(tx: Tx, hub: Hub, _: City) -> Sequence[Note]:
    found = people.access(tx, now=hub.clock())
    return [
        Note(N_("%(n)s accounts"), sum(not a.machine for a in found.accounts.values())),
        Note(N_("%(n)s posts vacant"), sum(map(found.vacant, found.posts.values())), pressing=True),
    ]


def _grid(tx: Tx, _: Hub, city: City) -> Sequence[Note]:
    found = grid_store.listing(tx)
    waiting = [v for v in found if v.state == "set" and v.starts_on and v.starts_on > city.day]
    return [
        Note(N_("%(n)s areas"), len(city.tree)),
        Note(N_("%(n)s drafts"), sum(v.state == "draft" for v in found)),
        Note(N_("%(n)s wait for their day"), len(waiting), pressing=True),
    ]


def _catalogue(_: Tx, __: Hub, city: City) -> Sequence[Note]:
    return [Note(N_("%(n)s categories in force"), len(city.catalogue.categories))]


def _rules(tx: Tx, _: Hub, city: City) -> Sequence[Note]:
    found = proposals.listing(tx)
    return [
        Note(N_("%(n)s rules"), len(city.written_rules)),
        Note(N_("%(n)s proposals open"), sum(p.state in ("draft", "scheduled") for p in found)),
        Note(N_("%(n)s rules name a unit that is no longer at work"), len(city.idle_rules), pressing=True),
    ]  # fmt: skip


def _calendar(_: Tx, __: Hub, city: City) -> Sequence[Note]:
    known = any(day.year == city.day.year + 1 for day in city.days)
    late = not known and city.day.month >= 11
    return [Note(N_("The holidays of %(n)s are not known yet"), str(city.day.year + 1), pressing=True)] if late else []  # fmt: skip


def _assets(tx: Tx, _: Hub, __: City) -> Sequence[Note]:
    return [Note(N_("%(n)s things"), assets.count(tx, AssetFilter()))]


def _connectors(tx: Tx, hub: Hub, _: City) -> Sequence[Note]:
    found = connectors.keys(tx, since=hub.clock() - timedelta(days=1))
    return [
        Note(N_("%(n)s keys"), sum(k.works(hub.clock()) for k in found)),
        Note(N_("%(n)s requests refused in a day"), sum(k.refused for k in found), pressing=True),
    ]


def _messages(tx: Tx, hub: Hub, _: City) -> Sequence[Note]:
    every = outbox.health(tx, hub.outlet, now=hub.clock())
    return [
        Note(N_("%(n)s given up"), sum(one.dead for one in every), pressing=True),
        Note(N_("%(n)s sent in a day"), sum(one.sent for one in every)),
    ]


_NOTES: dict[str, Callable[[Tx, Hub, City], Sequence[Note]]] = {
    "/workshop/start": _start, "/workshop/accounts": _accounts, "/workshop/grid": _grid,
    "/workshop/catalogue": _catalogue, "/workshop/rules": _rules,
    "/workshop/rules/calendar": _calendar, "/assets": _assets, "/workshop/connectors": _connectors,
    "/workshop/messages": _messages,
}  # fmt: skip
