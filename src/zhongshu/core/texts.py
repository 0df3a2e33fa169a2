"""The texts of messages: what they may name, what stands there usually, and filling them in.

A text names its variables in braces. Which there are depends on who hears it and by which
medium: a list that is closed. What is said into a chat group names nobody's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from zhongshu.core.values import Lang, Refused


class Medium(StrEnum):
    """By what a message goes out."""

    EMAIL = "email"  # 邮件
    SMS = "sms"  # 短信
    CHAT = "chat"  # 群机器人
    PUSH = "push"  # 浏览器推送


class Hearer(StrEnum):
    """Who hears a message."""

    STAFF = "staff"  # 工作人员
    REPORTER = "reporter"  # 反映人
    SUBSCRIBER = "subscriber"  # 订阅人


@dataclass(frozen=True, slots=True)
class Text:
    """Subject and body. What follows a line of two dashes stands once under several."""

    subject: str
    body: str

    @property
    def parts(self) -> tuple[str, str]:
        """Return the body, and what stands under it."""
        head, _, foot = self.body.partition("\n--\n")
        return head, foot


#: The mail in which a subscriber says it was he who asked; a message to try a channel.
CONFIRM, TEST = "subscribe:confirm", "test"
MOST_SUBJECT, MOST_BODY = 200, 4000
_BLANK = re.compile(r"\{([^{}\n]*)\}")

_OF_CASE = ("what", "number", "category", "area", "unit", "due", "city")
#: What a text may name. Words that people wrote (title, reason) never go into a chat group or
#: over the air in the clear.
VARIABLES: Mapping[tuple[Hearer, Medium], tuple[str, ...]] = MappingProxyType(
    {
        (Hearer.STAFF, Medium.EMAIL): (*_OF_CASE, "title", "n", "link", "settings"),
        (Hearer.STAFF, Medium.SMS): (*_OF_CASE, "link"),
        (Hearer.STAFF, Medium.CHAT): (*_OF_CASE, "link"),
        (Hearer.STAFF, Medium.PUSH): (*_OF_CASE, "link"),
        (Hearer.REPORTER, Medium.EMAIL): (*_OF_CASE, "reason", "link", "stop"),
        (Hearer.REPORTER, Medium.SMS): (*_OF_CASE, "link"),
        (Hearer.SUBSCRIBER, Medium.EMAIL): (
            "what", "number", "category", "area", "city", "about", "n", "link", "stop",
        ),
    }
)  # fmt: skip


class NoSuchVariable(Refused):
    message = "%(field)s: there is no {%(value)s} here."
    remedy = "Use: %(choices)s."


class NoText(Refused):
    message = "%(field)s has %(length)s characters; 1 to %(most)s are taken."
    remedy = "Write something shorter, or take the usual text again."


class NoSuchMedium(Refused):
    message = "%(field)s: “%(value)s” does not reach whom this is told."
    remedy = "Choose one of: %(choices)s."


def variables(hearer: Hearer, medium: Medium) -> tuple[str, ...]:
    """Return what a text may name; refuse a medium that does not reach this hearer."""
    found = VARIABLES.get((hearer, medium))
    if found is None:
        choices = [m.value for h, m in VARIABLES if h is hearer]
        raise NoSuchMedium("medium", medium, choices=", ".join(choices))
    return found


def check(text: Text, hearer: Hearer, medium: Medium) -> Text:
    """Return a text that can be filled in, or refuse it naming what it cannot name."""
    allowed = variables(hearer, medium)
    for field, value, most in (("subject", text.subject, MOST_SUBJECT), ("body", text.body, MOST_BODY)):  # fmt: skip
        if not (0 if field == "subject" and medium is not Medium.EMAIL else 1) <= len(value.strip()) <= most:  # fmt: skip
            raise NoText(field, value, length=len(value), most=most)
        for name in _BLANK.findall(value):
            if name not in allowed:
                raise NoSuchVariable(field, name, choices=", ".join(f"{{{v}}}" for v in allowed))
    return text


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables filled in. What ``values`` do not have stays as it is;
    a line all of whose variables are empty is left out.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        names = _BLANK.findall(line)
        if names and not any(values.get(name, name) for name in names):
            continue
        lines.append(_BLANK.sub(lambda m: values.get(m[1], m[0]), line))
    return "\n".join(lines).strip("\n")


def plain(value: str) -> str:
    """Return a value that cannot be taken for a variable, nor break the line it stands in."""
    return " ".join(value.replace("{", "(").replace("}", ")").split())


_STAFF: Mapping[tuple[Medium, Lang], Text] = MappingProxyType(
    {
        (Medium.EMAIL, "zh"): Text(
            "{what} {number}",
            "{what}\n案件：{number} {category}\n内容：{title}\n地点：{area}\n责任单位：{unit}\n期限：{due}\n{link}\n--\n{city} · 接收方式可在这里修改：{settings}",
        ),
        (Medium.EMAIL, "en"): Text(
            "{what} {number}",
            "{what}\nCase: {number} {category}\nAbout: {title}\nPlace: {area}\nUnit: {unit}\nDeadline: {due}\n{link}\n--\n{city} · Choose how you are told: {settings}",
        ),
        (Medium.SMS, "zh"): Text("", "【{city}】{what}\n{number} {category} {area}\n期限 {due}\n{link}"),
        (Medium.SMS, "en"): Text("", "{city}: {what}\n{number} {category} {area}\nDeadline {due}\n{link}"),
        (Medium.CHAT, "zh"): Text("", "{what}\n{number} {category}\n{area} {unit}\n期限 {due}\n{link}"),
        (Medium.CHAT, "en"): Text("", "{what}\n{number} {category}\n{area} {unit}\nDeadline {due}\n{link}"),
        (Medium.PUSH, "zh"): Text("{what}", "{number} {category}\n{area}\n期限 {due}"),
        (Medium.PUSH, "en"): Text("{what}", "{number} {category}\n{area}\nDeadline {due}"),
    }
)  # fmt: skip
_REPORTER: Mapping[tuple[Medium, Lang], Text] = MappingProxyType(
    {
        (Medium.EMAIL, "zh"): Text(
            "{what}（{city}）",
            "您反映的事项：{what}。\n答复：{reason}\n案件：{number} {category}\n地点：{area}\n承办单位：{unit}\n办理期限：{due}\n--\n随时查看：{link}\n{city} · 不想再收到？{stop}",
        ),
        (Medium.EMAIL, "en"): Text(
            "{what} ({city})",
            "Of what you reported: {what}.\nThe city's answer: {reason}\nCase: {number} {category}\nPlace: {area}\nUnit in charge: {unit}\nTo be done by: {due}\n--\nFollow it: {link}\n{city} · No more of these? {stop}",
        ),
        (Medium.SMS, "zh"): Text("", "【{city}】{what}。{number}\n--\n查看：{link}"),
        (Medium.SMS, "en"): Text("", "{city}: {what}. {number}\n--\nSee {link}"),
    }
)  # fmt: skip
_SUBSCRIBER: Mapping[Lang, Text] = MappingProxyType(
    {
        "zh": Text("{about}：{n} 条动态", "{what}：{category}，{area}（{number}）\n--\n{city} · 退订（地址随即删除）：{stop}"),
        "en": Text("{about}: {n} news", "{what}: {category}, {area} ({number})\n--\n{city} · Unsubscribe (your address is erased): {stop}"),
    }
)  # fmt: skip
_CONFIRM: Mapping[Lang, Text] = MappingProxyType(
    {
        "zh": Text("请确认订阅：{about}", "有人用这个地址订阅了{city}的“{about}”。\n如果是您，请打开：{link}\n如果不是，请忽略：两天后地址会被删除。\n--\n{city} · 立即删除：{stop}"),
        "en": Text("Confirm your subscription: {about}", "Somebody subscribed to “{about}” of {city} with this address.\nIf it was you, open: {link}\nIf not, do nothing: the address is erased after two days.\n--\n{city} · Erase it now: {stop}"),
    }
)  # fmt: skip


def usual(hearer: Hearer, event: str, medium: Medium, lang: Lang) -> Text:
    """Return the text that stands where the city has written none."""
    variables(hearer, medium)
    if hearer is Hearer.STAFF:
        return _STAFF[medium, lang]
    if hearer is Hearer.REPORTER:
        return _REPORTER[medium, lang]
    return (_CONFIRM if event == CONFIRM else _SUBSCRIBER)[lang]
