"""Who changes something of the city's own data, and whether that is for them to change."""

from __future__ import annotations

from zhongshu.core.access import Actor, Forbidden, Permission
from zhongshu.flow.people import Hand
from zhongshu.web.hub import Hub


def hand_of(hub: Hub, actor: Actor) -> Hand:
    """Return whose hand changes something now, in the city's zone."""
    return Hand(account=actor.account, at=hub.clock(), zone=hub.city().zone)


def writes(actor: Actor) -> bool:
    """Say whether an actor may change the rules of the whole city."""
    return actor.acting(Permission.CITY_WRITE, area_code=None, unit=None) is not None


def decides(actor: Actor) -> Actor:
    """Return an actor who may change the rules of the whole city, or refuse."""
    if not writes(actor):
        raise Forbidden("permission", Permission.CITY_WRITE.value)
    return actor


def knows_access(actor: Actor) -> bool:
    """Say whether an actor may know and change who has access to the whole city."""
    return actor.acting(Permission.ACCOUNT_WRITE, area_code=None, unit=None) is not None


def governs(actor: Actor) -> Actor:
    """Return the actor, who must be able to change accounts of the whole city."""
    if not knows_access(actor):
        raise Forbidden("permission", Permission.ACCOUNT_WRITE.value)
    return actor
