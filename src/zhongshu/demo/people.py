"""Units, duty rules, posts and accounts of the demo city. Posts and offices, no persons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from zhongshu.core.access import Duty
from zhongshu.core.catalogue import Category
from zhongshu.core.dispatch import DutyRule
from zhongshu.core.grid import CHAIN, Area
from zhongshu.core.values import AccountId, Name, PostId, UnitId
from zhongshu.flow.signin import hashed_password
from zhongshu.store import accounts, notices
from zhongshu.store import city as store
from zhongshu.store.db import Tx

#: code: (Chinese, English, the words of a catalogue's unit type that mean it)
_BUREAUS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "CG": ("城市管理局", "Urban Management Bureau", ("城管", "产权单位", "运营企业", "体育", "行业主管")),
    "SZ": ("市政养护中心", "Municipal Works Centre", ("市政",)),
    "ZM": ("市政照明处", "Street Lighting Office", ("市政照明",)),
    "PS": ("排水公司", "Drainage Company", ("排水",)),
    "GS": ("供水公司", "Water Company", ("供水",)),
    "RQ": ("燃气公司", "Gas Company", ("燃气",)),
    "GR": ("供热公司", "Heating Company", ("供热",)),
    "GD": ("供电公司", "Power Company", ("供电",)),
    "TX": ("通信协调中心", "Telecom Coordination", ("通信",)),
    "HW": ("环卫中心", "Sanitation Centre", ("环卫",)),
    "YL": ("园林中心", "Greening Centre", ("园林",)),
    "JJ": ("交警支队", "Traffic Police", ("交警",)),
    "GJ": ("公交公司", "Bus Company", ("公交",)),
    "SW": ("水务局", "Water Affairs Bureau", ("水务",)),
    "ZJ": ("住房和城乡建设局", "Housing and Construction", ("住建", "建设单位", "物业", "维保单位", "维保")),
    "XF": ("消防救援支队", "Fire and Rescue", ("消防救援",)),
    "RX": ("12345热线中心", "12345 Hotline", ("热线直办", "热线")),
}  # fmt: skip
#: login: (Chinese, English, duty). All of them see the whole city but the grid lead.
SIGN_INS: Mapping[str, tuple[str, str, Duty]] = {
    "acceptor": ("演示·受理员", "Demo acceptor", Duty.ACCEPTOR),
    "dispatcher": ("演示·派遣员", "Demo dispatcher", Duty.DISPATCHER),
    "handler": ("演示·处置员", "Demo handler", Duty.HANDLER),
    "checker": ("演示·核查员", "Demo checker", Duty.CHECKER),
    "supervisor": ("演示·督办", "Demo supervisor", Duty.SUPERVISOR),
    "hotline": ("演示·话务员", "Demo hotline agent", Duty.HOTLINE),
    "gridlead": ("演示·网格长", "Demo grid lead", Duty.GRID_LEAD),
    "admin": ("演示·管理员", "Demo administrator", Duty.ADMIN),
}
#: Rechecks what others handled and checked; nobody signs in as it.
RECHECKER = "rechecker"


def add_units(tx: Tx, streets: list[Area]) -> dict[str, UnitId]:
    """Write city hall, its bureaus and an office for each subdistrict; return them by code."""
    hall, _ = store.add_unit(tx, code="SZF", name=Name("清河市人民政府", "Qinghe City Hall"))
    made = {"SZF": hall}
    for code, (zh, en, _) in _BUREAUS.items():
        made[code], _ = store.add_unit(
            tx, code=code, name=Name(zh, en), parent=hall, kind="bureau",
            phone=f"000-{1000 + len(made)}",
        )  # fmt: skip
    for street in streets:
        code = f"JD{street.code[-5:]}"
        made[code], _ = store.add_unit(
            tx, code=code, name=Name(f"{street.name.zh}办事处", f"{street.name.en} Office"),
            parent=hall, kind="subdistrict",
        )  # fmt: skip
    return made


def add_rules(
    tx: Tx, categories: tuple[Category, ...], units: Mapping[str, UnitId], streets: list[Area]
) -> None:
    """Write a duty rule for each category; matters of the street go to its own office."""
    store.add_duty_rule(tx, DutyRule(id=0, unit=units["CG"], clause="兜底：城市管理局先行处置"))
    for category in categories:
        first = category.unit_type.split("/")[0]
        if first.startswith("街道办"):
            for street in streets:
                unit = units[f"JD{street.code[-5:]}"]
                store.add_duty_rule(
                    tx,
                    DutyRule(id=0, unit=unit, category=category.code, area=street.span, clause="属地管理"),
                )  # fmt: skip
        else:
            store.add_duty_rule(
                tx,
                DutyRule(
                    id=0, unit=units[_bureau(first)], category=category.code,
                    clause=f"权责清单·{category.name.zh}", auto=category.code.startswith("E-05"),
                ),
            )  # fmt: skip


def add_people(
    tx: Tx,
    *,
    password: str,
    areas: Mapping[str, list[Area]],
    units: Mapping[str, UnitId],
    now: datetime,
) -> dict[str, AccountId]:
    """Write posts for every grid and community, and the accounts one can sign in with.

    Offices have accounts nobody signs in with, so that what climbs finds somebody above; grid
    leads and estate branches are vacant on purpose, and the ladder says so.
    """
    hashed = hashed_password(password)
    people: dict[str, AccountId] = {}
    for login, (zh, en, duty) in SIGN_INS.items():
        people[login] = accounts.add(tx, login=login, name=zh, password_hash=hashed)
        area = areas["grid"][0].id if duty is Duty.GRID_LEAD else None
        post = accounts.add_post(tx, duty=duty, name_zh=zh, name_en=en, area=area)
        accounts.appoint(tx, people[login], post, at=now)
        if duty not in (Duty.GRID_LEAD, Duty.ADMIN):
            # The desks are staffed at night; everybody else has quiet hours.
            notices.set_quiet(tx, None, post=post)
    people[RECHECKER] = accounts.add(tx, login=RECHECKER, name="演示·复查员", password_hash=None)
    post = accounts.add_post(tx, duty=Duty.CHECKER, name_zh="演示·复查员", name_en="Demo rechecker")
    accounts.appoint(tx, people[RECHECKER], post, at=now)
    for grid in areas["grid"]:
        for duty, zh, en in (
            (Duty.GRID_LEAD, "网格长", "Grid lead"),
            (Duty.GRID_WORKER, "网格员", "Grid worker"),
        ):
            accounts.add_post(
                tx, duty=duty, name_zh=zh, name_en=en, area=grid.id, phone="000-12345"
            )
        _chain(tx, "grid", grid)
    for community in areas["community"]:
        for post in _chain(tx, "community", community):
            office = accounts.add(
                tx, login=f"community-{community.code}", name=f"{community.name.zh}党组织",
                password_hash=None,
            )  # fmt: skip
            accounts.appoint(tx, office, post, at=now)
    for street in areas["subdistrict"]:
        room = accounts.add(
            tx, login=f"street-{street.code}", name=f"{street.name.zh}值班室", password_hash=None
        )
        post = accounts.add_post(
            tx, duty=Duty.GRID_LEAD, name_zh="街道值班室", name_en="Subdistrict duty room",
            area=street.id, phone="000-12345",
        )  # fmt: skip
        accounts.appoint(tx, room, post, at=now)
    for unit in units.values():
        post = accounts.add_post(
            tx, duty=Duty.HANDLER, name_zh="值班处置岗", name_en="Duty handler", unit=unit
        )
        accounts.appoint(tx, people["handler"], post, at=now)
    notices.set_quiet(tx, None, duty=Duty.HANDLER)
    return people


def _chain(tx: Tx, level: str, area: Area) -> list[PostId]:
    """Write the posts of the organisation chain that belong on an area of a level; the demo
    city has no micro-grids, so their steps stand beside the estate's.
    """
    levels = {"grid": ("grid", "micro_grid")}.get(level, (level,))
    return [
        accounts.add_post(
            tx, duty=Duty(kind.code), name_zh=kind.name.zh, name_en=kind.name.en, area=area.id
        )
        for kind in CHAIN
        if kind.level in levels
    ]


def _bureau(unit_type: str) -> str:
    best = ""
    found = "CG"
    for code, (_, _, words) in _BUREAUS.items():
        for word in words:
            if unit_type.startswith(word) and len(word) > len(best):
                best, found = word, code
    return found
