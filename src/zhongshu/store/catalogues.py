"""Versions of the catalogue, their categories and conditions, and when each is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from psycopg.rows import tuple_row

from zhongshu.core.calendar import Limit, parse_limit
from zhongshu.core.catalogue import Catalogue, Category, Condition, Layer, PhotoRule
from zhongshu.core.catalogue_versions import Version
from zhongshu.core.values import CategoryId, Name
from zhongshu.store.db import Tx


def terms(tx: Tx) -> list[tuple[date, int]]:
    """Return ``(first day, version)`` of every term not withdrawn, in the order of deciding."""
    return (
        tx.cursor(row_factory=tuple_row)
        .execute(
            "select valid_from, version from catalogue_terms where withdrawn_at is null order by id"
        )
        .fetchall()
    )


def versions(tx: Tx) -> list[Version]:
    """Return all versions, the newest first, with how much stands in each."""
    rows = tx.execute(
        "select c.version, c.name, c.based_on, c.set_aside is not null,"
        " array(select t.valid_from from catalogue_terms t where t.version = c.version"
        "   and t.withdrawn_at is null order by t.valid_from, t.id),"
        " (select count(*) from categories k where k.version = c.version),"
        " (select count(*) from conditions n join categories k on k.id = n.category"
        "   where k.version = c.version)"
        " from catalogues c order by c.version desc"
    ).fetchall()
    return [
        Version(
            number=number, name=name, based_on=based_on, set_aside=set_aside, days=tuple(days),
            categories=categories, conditions=conditions,
        )
        for number, name, based_on, set_aside, days, categories, conditions in rows
    ]  # fmt: skip


def whole(tx: Tx, numbers: Sequence[int]) -> dict[int, Catalogue]:
    """Return these versions with all their categories, which stand in order of code."""
    heads = tx.execute(
        "select c.version, c.name, (select max(t.valid_from) from catalogue_terms t"
        "   where t.version = c.version and t.withdrawn_at is null)"
        " from catalogues c where c.version = any(%s) order by c.version",
        (list(numbers),),
    ).fetchall()
    found = _categories(tx, numbers)
    return {
        number: Catalogue(number, name, valid_from, tuple(found.get(number, ())))
        for number, name, valid_from in heads
    }


def _categories(tx: Tx, numbers: Sequence[int]) -> Mapping[int, list[Category]]:
    conditions: dict[int, list[Condition]] = {}
    for category, zh, en, limit, hazard, closing_zh, closing_en, photos in tx.execute(
        "select category, text_zh, text_en, limit_, hazard, closing_zh, closing_en, photo_rule"
        " from conditions where category in (select id from categories where version = any(%s))"
        " order by category, n",
        (list(numbers),),
    ):
        conditions.setdefault(category, []).append(
            Condition(
                text=Name(zh, en), limit=parse_limit(limit), hazard=hazard,
                closing=Name(closing_zh, closing_en) if closing_zh or closing_en else None,
                photos=PhotoRule(photos),
            )
        )  # fmt: skip
    found: dict[int, list[Category]] = {}
    for (
        number,
        id_,
        code,
        layer,
        major_zh,
        major_en,
        zh,
        en,
        unit_type,
        words,
        active,
    ) in tx.execute(
        "select version, id, code, layer, major_zh, major_en, name_zh, name_en, unit_type,"
        " keywords, active from categories where version = any(%s) order by version, code, id",
        (list(numbers),),
    ):
        found.setdefault(number, []).append(
            Category(
                id=CategoryId(id_), code=code, layer=Layer(layer), major=Name(major_zh, major_en),
                name=Name(zh, en), unit_type=unit_type, keywords=tuple(words), active=active,
                conditions=tuple(conditions.get(id_, ())),
            )
        )  # fmt: skip
    return found


def limits(tx: Tx) -> dict[tuple[CategoryId, int], Limit]:
    """Return the limits that stand in place of a condition's own: (category, its number)."""
    rows = tx.execute(
        "select category, n, limit_ from condition_limits where until_at is null"
    ).fetchall()
    return {(CategoryId(id_), n): parse_limit(limit) for id_, n, limit in rows}


def end_limit(tx: Tx, category: CategoryId, n: int, *, at: datetime) -> None:
    """Let a condition have the limit of its catalogue again."""
    tx.execute(
        "update condition_limits set until_at = %s"
        " where category = %s and n = %s and until_at is null",
        (at, category, n),
    )


def add_limit(tx: Tx, category: CategoryId, n: int, *, limit: str, at: datetime) -> None:
    """Let a condition have another limit than its catalogue says, from a moment on."""
    tx.execute(
        "insert into condition_limits (category, n, limit_, from_at)"
        " select %(category)s, %(n)s, %(limit)s, %(at)s where %(limit)s is distinct from"
        " (select limit_ from conditions where category = %(category)s and n = %(n)s)",
        {"category": category, "n": n, "limit": limit, "at": at},
    )


def pairs(tx: Tx) -> dict[tuple[int, int], list[tuple[str, str]]]:
    """Return ``(old version, new version)`` → what was said of codes between them."""
    found: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for old, old_code, new, new_code in tx.execute(
        "select old_version, old_code, new_version, new_code from category_map"
        " order by old_version, new_version, new_code, old_code"
    ):
        found.setdefault((old, new), []).append((old_code, new_code))
    return found


# ── writing ──────────────────────────────────────────────────────────────────────────


def add(tx: Tx, added: Catalogue) -> None:
    """Write a version that is in force from the day it names."""
    tx.execute(
        "insert into catalogues (version, name, valid_from) values (%s, %s, %s)",
        (added.version, added.name, added.valid_from),
    )
    add_categories(tx, added.version, added.categories)
    if added.valid_from is not None:
        enact(tx, added.version, added.valid_from)


def draft(tx: Tx, name: str, *, based_on: int | None) -> int:
    """Begin an empty version with the next number; others who would wait until the end."""
    tx.execute("lock table catalogues in share row exclusive mode")
    row = tx.execute(
        "insert into catalogues (version, name, based_on)"
        " select coalesce(max(version), 0) + 1, %s, %s from catalogues returning version",
        (name, based_on),
    ).fetchone()
    assert row is not None
    return int(row[0])


def lock(tx: Tx, number: int) -> bool:
    """Keep others from changing a version until the transaction ends; say whether it is there."""
    row = tx.execute(
        "select version from catalogues where version = %s for update", (number,)
    ).fetchone()
    return row is not None


def enact(tx: Tx, number: int, day: date) -> None:
    """Let a version be in force from a day."""
    tx.execute(
        "insert into catalogue_terms (version, valid_from) values (%s, %s)", (number, day)
    )  # fmt: skip


def withdraw(tx: Tx, number: int, *, after: date, at: datetime) -> int:
    """Withdraw the terms of a version that begin after a day; return how many."""
    return tx.execute(
        "update catalogue_terms set withdrawn_at = %s"
        " where version = %s and valid_from > %s and withdrawn_at is null",
        (at, number, after),
    ).rowcount


def set_aside(tx: Tx, number: int, *, at: datetime) -> None:
    tx.execute("update catalogues set set_aside = %s where version = %s", (at, number))


def add_categories(tx: Tx, number: int, added: Iterable[Category]) -> None:
    """Write categories of a version; the database gives them their identities."""
    for category in added:
        row = tx.execute(
            "insert into categories (version, code, layer, major_zh, major_en, name_zh, name_en,"
            " unit_type, keywords, active) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
            (
                number, category.code, category.layer, category.major.zh, category.major.en,
                category.name.zh, category.name.en, category.unit_type, list(category.keywords),
                category.active,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        for n, condition in enumerate(category.conditions, start=1):
            _add_condition(tx, row[0], n, condition)


def _add_condition(tx: Tx, category: int, n: int, condition: Condition) -> None:
    closing = condition.closing
    tx.execute(
        "insert into conditions (category, n, text_zh, text_en, limit_, hazard, closing_zh,"
        " closing_en, photo_rule) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            category, n, condition.text.zh, condition.text.en, str(condition.limit),
            condition.hazard, closing.zh if closing else "", closing.en if closing else "",
            condition.photos,
        ),
    )  # fmt: skip


def set_active(tx: Tx, number: int, code: str, *, active: bool) -> None:
    tx.execute(
        "update categories set active = %s where version = %s and code = %s", (active, number, code)
    )


def remove(tx: Tx, number: int, code: str) -> None:
    """Remove a category of a draft with its conditions and what was said of its code."""
    tx.execute(
        "with k as (select id from categories where version = %(v)s and code = %(c)s),"
        " n as (delete from conditions where category in (select id from k)),"
        " m as (delete from category_map where new_version = %(v)s and new_code = %(c)s)"
        " delete from categories where id in (select id from k)",
        {"v": number, "c": code},
    )


def add_pairs(tx: Tx, old: int, new: int, said: Iterable[tuple[str, str]]) -> None:
    """Write which codes of an old version a new one's take the place of."""
    for old_code, new_code in said:
        tx.execute(
            "insert into category_map (old_version, old_code, new_version, new_code)"
            " values (%s, %s, %s, %s) on conflict do nothing",
            (old, old_code, new, new_code),
        )


def open_cases(tx: Tx, categories: Sequence[CategoryId]) -> dict[int, int]:
    """Return how many open cases each of these categories has."""
    return dict(
        tx.execute(
            "select category, count(*) from cases where category = any(%s) and stage in ("
            " 'waiting_place', 'not_ours', 'received', 'filed', 'dispatched', 'in_hand',"
            " 'handled', 'checked') group by category",
            (list(categories),),
        ).fetchall()
    )
