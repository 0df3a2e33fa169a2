"""People with access: accounts, the posts they hold from a day on, and looking through a post.

Every change leaves a fact that names account and post by their numbers; what a person is
called stands in one place only, so that renaming somebody leaves no copy behind. What a post
was called before it was changed is kept with the change, so that it can be undone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from zhongshu.core.access import ALLOWS, Duty, NotFound, Permission
from zhongshu.core.values import AccountId, PostId, Refused, UnitId
from zhongshu.flow import signin
from zhongshu.flow.city import City
from zhongshu.store import accounts as store
from zhongshu.store import city_facts
from zhongshu.store.accounts import Account, Post, Tenure
from zhongshu.store.db import Tx

#: So long a one-time link works.
LINK = timedelta(days=3)
#: So long one looks through a post before one is oneself again.
VIEWING = timedelta(hours=1)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}")


class AccessFact(StrEnum):
    """Changes of who has access."""

    MADE = "access:made"
    RENAMED = "access:renamed"
    REKEYED = "access:rekeyed"
    CHOSEN = "access:chosen"
    BLOCKED = "access:blocked"
    UNBLOCKED = "access:unblocked"
    POST_MADE = "access:post_made"
    POST_CHANGED = "access:post_changed"
    POST_ENDED = "access:post_ended"
    POST_AGAIN = "access:post_again"
    APPOINTED = "access:appointed"
    RELIEVED = "access:relieved"
    VIEWED = "access:viewed"
    VIEW_ENDED = "access:view_ended"


class BadLogin(Refused):
    message = "“%(value)s” cannot be a sign-in name."
    remedy = "Use 2 to 39 of a–z, 0–9, dot, dash and underscore, beginning with a letter or digit."


class LoginTaken(Refused):
    message = "The sign-in name “%(value)s” is taken."
    remedy = "Choose another, or change the account that has it."


class NoName(Refused):
    message = "%(field)s is empty or longer than 100 characters."
    remedy = "Give the name that colleagues know."


class LastAdministrator(Refused):
    status: ClassVar[int] = 409
    message = "Nobody could change accounts any more without “%(value)s”."
    remedy = "Appoint another administrator for the whole city first."


class HeldAlready(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” holds this post in that time already."
    remedy = "Relieve first, or choose days that do not overlap."


class NotHeld(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” does not hold this post on that day."
    remedy = "Look at the days of the tenure, and choose one of them."


class StillHeld(Refused):
    status: ClassVar[int] = 409
    message = "The post “%(value)s” is still held, or will be."
    remedy = "Relieve everybody from it first."


class PostGone(Refused):
    status: ClassVar[int] = 409
    message = "The post “%(value)s” is no more."
    remedy = "Let it be again first, or make a new one."


class WrongDays(Refused):
    message = "%(field)s: “%(value)s” does not fit."
    remedy = "Choose a day that is not past, and an end after the beginning."


class BadPlace(Refused):
    message = "A post is on an area or in a unit, not both: %(value)s."
    remedy = "Leave one of them empty; both empty means the whole city."


class MadeAlready(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s is for a new account, and “%(value)s” is there already."
    remedy = "Leave it out to make a one-time link; change name and posts in the workshop."


class NoPasswords(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” is another system: it has keys, and never a password."
    remedy = "Replace its key under “Connectors” instead."


class OldLink(Refused):
    status: ClassVar[int] = 410
    message = "This link was used, has been replaced, or is too old."
    remedy = "Ask an administrator for a new one: each works once, for three days."


class CannotUndo(Refused):
    status: ClassVar[int] = 409
    message = "This change cannot be undone: things stand differently by now."
    remedy = "Look at how it stands now, and change that."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who changes something of the workshop, when, and which zone days are read in."""

    account: AccountId | None
    at: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.at.astimezone(self.zone).date()

    def begins(self, day: date) -> datetime:
        """Return when a day begins for the hub: today begins now."""
        if day < self.today:
            raise WrongDays("day", day.isoformat())
        if day == self.today:
            return self.at
        return datetime.combine(day, time(), self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who has access: accounts, posts and tenures as they stand, each by identity."""

    accounts: Mapping[AccountId, Account]
    posts: Mapping[PostId, Post]
    tenures: Sequence[Tenure]
    now: datetime

    def account(self, id_: int) -> Account:
        found = self.accounts.get(AccountId(id_))
        if found is None:
            raise NotFound("account", id_)
        return found

    def post(self, id_: int) -> Post:
        found = self.posts.get(PostId(id_))
        if found is None:
            raise NotFound("post", id_)
        return found

    def of_account(self, account: AccountId) -> list[Tenure]:
        return [t for t in self.tenures if t.account == account]

    def of_post(self, post: PostId) -> list[Tenure]:
        return [t for t in self.tenures if t.post == post]

    def held(self, post: PostId) -> list[Tenure]:
        """Return who holds a post at this moment, blocked accounts left out."""
        return [
            t
            for t in self.of_post(post)
            if t.holds(self.now) and self.accounts[t.account].disabled_at is None
        ]

    def vacant(self, post: Post) -> bool:
        return post.ended_at is None and not self.held(post.id)

    def masters(self) -> set[AccountId]:
        """Return the accounts that may change accounts of the whole city, now and with no end set."""
        return {
            t.account
            for t in self.tenures
            if t.holds(self.now)
            and t.held_until is None
            and self.accounts[t.account].disabled_at is None
            and _governs(self.posts[t.post])
        }


def _governs(post: Post) -> bool:
    return (
        post.ended_at is None
        and post.area is None
        and post.unit is None
        and Permission.ACCOUNT_WRITE in ALLOWS[Duty(post.duty)]
    )


def access(tx: Tx, *, now: datetime) -> Access:
    """Return who has access."""
    return Access(
        accounts={a.id: a for a in store.everybody(tx, now=now)},
        posts={p.id: p for p in store.posts(tx)},
        tenures=store.tenures(tx), now=now,
    )  # fmt: skip


def _begin(tx: Tx, hand: Hand) -> Access:
    store.lock_access(tx)
    return access(tx, now=hand.at)


def _told(tx: Tx, kind: AccessFact, hand: Hand, **says: Any) -> int:
    return city_facts.add(tx, kind, says, account=hand.account, at=hand.at)


def _governed(tx: Tx, before: Access, hand: Hand, value: str) -> None:
    """Refuse what would leave nobody who can change accounts, if there was somebody before."""
    if before.masters() and not access(tx, now=hand.at).masters():
        raise LastAdministrator("account", value)


def _name(field: str, text: str) -> str:
    name = text.strip()
    if not name or len(name) > 100:
        raise NoName(field, text)
    return name


# ── accounts ─────────────────────────────────────────────────────────────────────────


def make(tx: Tx, hand: Hand, *, login: str, name: str, lang: str, token: bytes) -> AccountId:
    """Make an account that holds nothing yet, with a link to choose its password."""
    wanted = login.strip().lower()
    if not _LOGIN.fullmatch(wanted):
        raise BadLogin("login", login)
    account = store.new(tx, login=wanted, name=_name("name", name), lang="en" if lang == "en" else "zh")  # fmt: skip
    if account is None:
        raise LoginTaken("login", wanted)
    _linked(tx, hand, account, token)
    _told(tx, AccessFact.MADE, hand, subject=account)
    return account


def machine(tx: Tx, *, login: str, name: str) -> AccountId:
    """Make an account for another system: it has keys, and never a password."""
    wanted = login.strip().lower()
    if not _LOGIN.fullmatch(wanted):
        raise BadLogin("login", login)
    account = store.new(tx, login=wanted, name=_name("name", name or wanted), lang="zh")
    if account is None:
        raise LoginTaken("login", wanted)
    return account


def rekey(tx: Tx, hand: Hand, account: int, *, token: bytes) -> None:
    """Take an account's password and sessions away, and give a link to choose a new password."""
    found = access(tx, now=hand.at).account(account)
    if found.machine:
        raise NoPasswords("account", found.login)
    store.set_password(tx, found.id, None)
    store.close_sessions(tx, found.id)
    _linked(tx, hand, found.id, token)
    _told(tx, AccessFact.REKEYED, hand, subject=found.id)


def _linked(tx: Tx, hand: Hand, account: AccountId, token: bytes) -> None:
    store.invite(tx, account, signin.token_hash(token), at=hand.at, until=hand.at + LINK)


def choosing(tx: Tx, token: bytes, *, now: datetime) -> tuple[AccountId, str, str]:
    """Return account, sign-in name and name of a one-time link, or refuse an old one."""
    found = store.invited(tx, signin.token_hash(token), now=now)
    if found is None:
        raise OldLink("link")
    return found


def choose(tx: Tx, token: bytes, password: str, *, now: datetime) -> str:
    """Set the password through a one-time link, which then works no more; return the sign-in name."""
    account, login, _ = choosing(tx, token, now=now)
    store.set_password(tx, account, signin.hashed_password(password))
    store.use_invitation(tx, signin.token_hash(token), at=now)
    city_facts.add(tx, AccessFact.CHOSEN, {"subject": account}, account=account, at=now)
    return login


def rename(tx: Tx, hand: Hand, account: int, name: str) -> None:
    """Give an account another name. The fact does not repeat the name."""
    found = access(tx, now=hand.at).account(account)
    store.rename(tx, found.id, _name("name", name))
    _told(tx, AccessFact.RENAMED, hand, subject=found.id)


def block(tx: Tx, hand: Hand, account: int) -> None:
    """Let an account in no more from now on; its sessions end."""
    before = _begin(tx, hand)
    found = before.account(account)
    if found.disabled_at is not None:
        return
    store.disable(tx, found.id, at=hand.at)
    store.close_sessions(tx, found.id)
    _governed(tx, before, hand, found.login)
    _told(tx, AccessFact.BLOCKED, hand, subject=found.id)


def unblock(tx: Tx, hand: Hand, account: int) -> None:
    """Let a blocked account in again."""
    found = _begin(tx, hand).account(account)
    if found.disabled_at is not None:
        store.disable(tx, found.id, at=None)
        _told(tx, AccessFact.UNBLOCKED, hand, subject=found.id)


def placed(city: City, area: str, unit: str) -> dict[str, Any]:
    """Return the area and the unit of a post by their codes."""
    on, inside = city.tree.named(area) if area else None, city.unit_codes.get(unit)
    if area and on is None:
        raise NotFound("area", area)
    if unit and inside is None:
        raise NotFound("unit", unit)
    return {"area": on.id if on else None, "unit": inside.id if inside else None}


# ── posts and tenures ────────────────────────────────────────────────────────────────


def make_post(
    tx: Tx, hand: Hand, *, duty: str, name_zh: str, name_en: str = "", phone: str = "",
    area: int | None = None, unit: UnitId | None = None,
) -> PostId:  # fmt: skip
    """Make a post on an area, in a unit, or for the whole city."""
    if duty not in set(Duty):
        raise NotFound("duty", duty)
    if area is not None and unit is not None:
        raise BadPlace("area", f"{area} / {unit}")
    zh, en = name_zh.strip(), name_en.strip()
    post = store.add_post(
        tx, duty=duty, name_zh=_name("name_zh", zh or en), name_en=en[:100], area=area, unit=unit,
        phone=phone.strip()[:40],
    )  # fmt: skip
    _told(tx, AccessFact.POST_MADE, hand, post=post)
    return post


def change_post(tx: Tx, hand: Hand, post: int, *, name_zh: str, name_en: str, phone: str) -> None:
    """Change what a post is called and its duty phone; where it is stays."""
    found = access(tx, now=hand.at).post(post)
    now = {"name_zh": _name("name_zh", name_zh), "name_en": name_en.strip()[:100], "phone": phone.strip()[:40]}  # fmt: skip
    was = {"name_zh": found.name_zh, "name_en": found.name_en, "phone": found.phone}
    if now != was:
        store.change_post(tx, found.id, **now)
        _told(tx, AccessFact.POST_CHANGED, hand, post=found.id, was=was, now=now)


def end_post(tx: Tx, hand: Hand, post: int) -> None:
    """Let a post be no more. Somebody who holds it is relieved first."""
    before = _begin(tx, hand)
    found = before.post(post)
    if any(not t.over(hand.at) for t in before.of_post(found.id)):
        raise StillHeld("post", found.name_zh)
    if found.ended_at is None:
        store.end_post(tx, found.id, at=hand.at)
        _told(tx, AccessFact.POST_ENDED, hand, post=found.id)


def post_again(tx: Tx, hand: Hand, post: int) -> None:
    """Let a post be again."""
    found = _begin(tx, hand).post(post)
    if found.ended_at is not None:
        store.end_post(tx, found.id, at=None)
        _told(tx, AccessFact.POST_AGAIN, hand, post=found.id)


def appoint(
    tx: Tx, hand: Hand, post: int, account: int, *, since: date, until: date | None = None
) -> Tenure:
    """Let an account hold a post from a day on, until before another where one is named."""
    before = _begin(tx, hand)
    found, who = before.post(post), before.account(account)
    if found.ended_at is not None:
        raise PostGone("post", found.name_zh)
    if until is not None and until <= since:
        raise WrongDays("until", until.isoformat())
    tenure = Tenure(
        post=found.id, account=who.id, held_from=hand.begins(since),
        held_until=None if until is None else hand.begins(until),
    )  # fmt: skip
    others = [t for t in before.of_post(found.id) if t.account == who.id]
    if any(_overlap(tenure, t) for t in others):
        raise HeldAlready("account", who.login)
    store.add_tenure(tx, tenure)
    _told(tx, AccessFact.APPOINTED, hand, subject=who.id, post=found.id, **_days(tenure))
    return tenure


def relieve(
    tx: Tx, hand: Hand, post: int, account: int, *, on: date, held_from: datetime | None = None
) -> None:
    """Let an account hold a post no more from a day on; what has not begun is taken back.

    Where it holds the post more than once, ``held_from`` says which time is meant: otherwise the
    first that is not over.
    """
    before = _begin(tx, hand)
    found, who = before.post(post), before.account(account)
    at = hand.begins(on)
    held = [
        t
        for t in before.of_post(found.id)
        if t.account == who.id and not t.over(hand.at) and (t.held_until is None or t.held_until > at)
        and held_from in (None, t.held_from)
    ]  # fmt: skip
    if not held:
        raise NotHeld("account", who.login)
    _end(tx, hand, before, min(held, key=lambda t: t.held_from), at)


def _end(tx: Tx, hand: Hand, before: Access, tenure: Tenure, at: datetime) -> None:
    """Let one tenure end at a moment, or take it back where it has not begun."""
    if tenure.held_from >= at or tenure.held_from > hand.at:
        store.drop_tenure(tx, tenure)
    else:
        store.end_tenure(tx, tenure, until=at)
    _governed(tx, before, hand, before.account(tenure.account).login)
    _told(
        tx, AccessFact.RELIEVED, hand, subject=tenure.account, post=tenure.post, **_days(tenure),
        on=at.isoformat(),
    )  # fmt: skip


def _overlap(one: Tenure, other: Tenure) -> bool:
    return (one.held_until is None or other.held_from < one.held_until) and (
        other.held_until is None or one.held_from < other.held_until
    )


def _days(tenure: Tenure) -> dict[str, str | None]:
    return {
        "held_from": tenure.held_from.isoformat(),
        "held_until": tenure.held_until.isoformat() if tenure.held_until else None,
    }


# ── undoing ──────────────────────────────────────────────────────────────────────────

#: What can be undone, and by which change: to undo is to change once more.
UNDO: Mapping[str, AccessFact] = {
    AccessFact.MADE: AccessFact.BLOCKED, AccessFact.BLOCKED: AccessFact.UNBLOCKED,
    AccessFact.UNBLOCKED: AccessFact.BLOCKED, AccessFact.POST_MADE: AccessFact.POST_ENDED,
    AccessFact.POST_ENDED: AccessFact.POST_AGAIN, AccessFact.POST_AGAIN: AccessFact.POST_ENDED,
    AccessFact.POST_CHANGED: AccessFact.POST_CHANGED, AccessFact.APPOINTED: AccessFact.RELIEVED,
    AccessFact.RELIEVED: AccessFact.APPOINTED,
}  # fmt: skip


def undo(tx: Tx, hand: Hand, fact: int) -> None:
    """Put back what a change of access changed; what was put back already is let be."""
    found = city_facts.one(tx, fact)
    if found is None:
        raise NotFound("change", fact)
    says = found.says
    match UNDO.get(found.kind):
        case AccessFact.BLOCKED:
            block(tx, hand, says["subject"])
        case AccessFact.UNBLOCKED:
            unblock(tx, hand, says["subject"])
        case AccessFact.POST_ENDED:
            end_post(tx, hand, says["post"])
        case AccessFact.POST_AGAIN:
            post_again(tx, hand, says["post"])
        case AccessFact.POST_CHANGED:
            _post_back(tx, hand, says)
        case AccessFact.RELIEVED:
            _appointed_back(tx, hand, says)
        case AccessFact.APPOINTED:
            _relieved_back(tx, hand, says)
        case _:
            raise CannotUndo("change", fact)


def _post_back(tx: Tx, hand: Hand, says: Mapping[str, Any]) -> None:
    post = access(tx, now=hand.at).post(says["post"])
    if {name: getattr(post, name) for name in says["now"]} != says["now"]:
        raise CannotUndo("post", post.name_zh)
    change_post(tx, hand, post.id, **says["was"])


def _appointed_back(tx: Tx, hand: Hand, says: Mapping[str, Any]) -> None:
    """End the tenure that an appointment began, and no other of that account."""
    tenure, before = _tenure(says), _begin(tx, hand)
    kept = [t for t in before.of_post(tenure.post) if t.held_from == tenure.held_from and t.account == tenure.account]  # fmt: skip
    if not kept or kept[0].over(hand.at):
        raise CannotUndo("account", tenure.account)
    _end(tx, hand, before, kept[0], hand.at)


def _relieved_back(tx: Tx, hand: Hand, says: Mapping[str, Any]) -> None:
    """Let a tenure go on as it was; where it was relieved already, from now on."""
    was = _tenure(says)
    before = _begin(tx, hand)
    if before.post(was.post).ended_at is not None:
        raise PostGone("post", before.post(was.post).name_zh)
    if was.over(hand.at):
        raise CannotUndo("account", was.account)
    others = [t for t in before.of_post(was.post) if t.account == was.account]
    same = [t for t in others if t.held_from == was.held_from]
    ended = same[0].held_until if same else None
    goes_on = ended is not None and ended > hand.at
    stands = was if goes_on else replace(was, held_from=max(was.held_from, hand.at))
    if any(_overlap(stands, t) for t in others if not goes_on or t not in same):
        raise CannotUndo("account", was.account)
    if goes_on:
        store.end_tenure(tx, was, until=was.held_until)
    else:
        store.add_tenure(tx, stands)
    _told(tx, AccessFact.APPOINTED, hand, subject=was.account, post=was.post, **_days(stands))


def _tenure(says: Mapping[str, Any]) -> Tenure:
    until: str | None = says["held_until"]
    return Tenure(
        post=cast("PostId", says["post"]), account=cast("AccountId", says["subject"]),
        held_from=datetime.fromisoformat(says["held_from"]),
        held_until=datetime.fromisoformat(until) if until else None,
    )  # fmt: skip


# ── looking through a post ───────────────────────────────────────────────────────────


def view(tx: Tx, hand: Hand, token: bytes, post: int) -> None:
    """Let a session see the hub as a post would, for an hour at most; nothing can be done in it."""
    found = access(tx, now=hand.at).post(post)
    if found.ended_at is not None:
        raise PostGone("post", found.name_zh)
    until = hand.at + VIEWING
    store.look_through(tx, signin.token_hash(token), found.id, until=until)
    _told(tx, AccessFact.VIEWED, hand, post=found.id, until=until.isoformat())


def end_view(tx: Tx, hand: Hand, token: bytes, post: PostId | None) -> None:
    """Let a session be itself again."""
    store.look_through(tx, signin.token_hash(token), None, until=None)
    if post is not None:
        _told(tx, AccessFact.VIEW_ENDED, hand, post=post)
