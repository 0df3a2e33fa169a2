"""Chat groups and the gateway for short messages: signed JSON, posted.

    Zhongshu-Id         the parcel's key: the same when it is sent again
    Zhongshu-Time       seconds since 1970; whoever checks refuses what is older than 5 minutes
    Zhongshu-Signature  v1=HMAC-SHA256(secret, "<id>.<time>." + body) in hex

Robots of WeCom, DingTalk and Feishu get what they document instead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from zhongshu.core.messages import Delivery, Fault, HookStyle, Parcel, failed, taken
from zhongshu.link.posting import Answer, NotThere, post

#: A robot takes 2,048 bytes of text.
MOST_ROBOT = 1_900
_OUR_FAULT = frozenset({400, 413, 415, 422})


def signed(secret: str, key: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that it is from us, and whole."""
    digest = hmac.new(secret.encode(), f"{key}.{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8", "Zhongshu-Id": key,
        "Zhongshu-Time": str(at), "Zhongshu-Signature": f"v1={digest}",
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Chat groups: each parcel says where. A group that is broken does not hold up others."""

    inside: frozenset[str] = frozenset()

    def carry(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Post parcels; of a group that fails the rest is not tried."""
        broken: set[str] = set()
        for parcel in parcels:
            if parcel.channel not in broken:
                delivery = self._post(parcel)
                if delivery.fault is Fault.CHANNEL:
                    broken.add(parcel.channel)
                yield delivery

    def _post(self, parcel: Parcel) -> Delivery:
        to: dict[str, str] = json.loads(parcel.to)
        style, at = HookStyle(to["style"]), int(time.time())
        url, body, headers = request(style, to, parcel, at)
        try:
            answer = post(url, body, headers, inside=self.inside)
        except NotThere as error:
            return failed(parcel, str(error), Fault.CHANNEL)
        return heard(parcel, style, answer)


def request(
    style: HookStyle, to: Mapping[str, str], parcel: Parcel, at: int
) -> tuple[str, bytes, Mapping[str, str]]:
    """Return where a parcel is posted, what, and with which headers."""
    url, secret = to["url"], to.get("secret", "")
    text = _cut(parcel.body)
    if style is HookStyle.JSON:
        said = {"id": parcel.key, "text": parcel.body, "link": parcel.link}
        body = json.dumps(said, ensure_ascii=False).encode()
        return url, body, signed(secret, parcel.key, at, body)
    if style is HookStyle.FEISHU:
        content: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if secret:
            sign = hmac.new(f"{at}\n{secret}".encode(), b"", hashlib.sha256).digest()
            content |= {"timestamp": str(at), "sign": base64.b64encode(sign).decode()}
    else:
        content = {"msgtype": "text", "text": {"content": text}}
        if style is HookStyle.DINGTALK and secret:
            sign = hmac.new(secret.encode(), f"{at * 1000}\n{secret}".encode(), hashlib.sha256)
            word = quote_plus(base64.b64encode(sign.digest()))
            url = f"{url}{'&' if '?' in url else '?'}timestamp={at * 1000}&sign={word}"
    body = json.dumps(content, ensure_ascii=False).encode()
    return url, body, {"Content-Type": "application/json; charset=utf-8"}


def heard(parcel: Parcel, style: HookStyle, answer: Answer) -> Delivery:
    """Return what an answer means. Robots say 200 and mean no: the code in the body counts."""
    if not 200 <= answer.status < 300:
        ours = answer.status in _OUR_FAULT and style is HookStyle.JSON
        return failed(
            parcel,
            f"HTTP {answer.status}",
            Fault.MESSAGE if ours else Fault.CHANNEL,
            permanent=ours,
        )
    if style is not HookStyle.JSON:
        code, said = _robot(answer.body)
        if code != 0:
            return failed(parcel, f"{code} {said}", Fault.CHANNEL)
    return taken(parcel)


def _robot(body: bytes) -> tuple[int, str]:
    try:
        said: dict[str, Any] = json.loads(body)
        code = next((said[n] for n in ("errcode", "code", "StatusCode") if n in said), -1)
        return int(code), str(said.get("errmsg") or said.get("msg") or "")
    except (ValueError, TypeError, AttributeError):
        return -1, "the answer is no JSON"


def _cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= MOST_ROBOT else raw[:MOST_ROBOT].decode(errors="ignore") + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsGateway:
    """The city's own gateway for short messages: `{"id", "to", "text"}`, signed. It answers 2xx
    when it took one, 422 for a number that is none.
    """

    url: str
    secret: str
    inside: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "SmsGateway(…)"

    def carry(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Post parcels until the gateway itself is the trouble."""
        for parcel in parcels:
            delivery = self._post(parcel)
            yield delivery
            if delivery.fault is Fault.CHANNEL:
                return

    def _post(self, parcel: Parcel) -> Delivery:
        said = {"id": parcel.key, "to": parcel.to, "text": parcel.body}
        body = json.dumps(said, ensure_ascii=False).encode()
        headers = signed(self.secret, parcel.key, int(time.time()), body)
        try:
            answer = post(self.url, body, headers, inside=self.inside)
        except NotThere as error:
            return failed(parcel, str(error), Fault.CHANNEL)
        if 200 <= answer.status < 300:
            return taken(parcel)
        if answer.status == 422:
            return failed(parcel, "HTTP 422", Fault.ADDRESS, permanent=True)
        ours = answer.status in _OUR_FAULT
        return failed(
            parcel,
            f"HTTP {answer.status}",
            Fault.MESSAGE if ours else Fault.CHANNEL,
            permanent=ours,
        )
