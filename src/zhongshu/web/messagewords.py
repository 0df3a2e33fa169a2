"""The words pages say for messages that leave the hub, marked for translation."""

from __future__ import annotations

from collections.abc import Mapping

from zhongshu.web.vocabulary import N_

MEDIA: Mapping[str, str] = {
    "email": N_("Mail"), "sms": N_("Short message"), "chat": N_("Chat group"), "push": N_("Push"),
}  # fmt: skip
MESSAGE_STATES: Mapping[str, str] = {
    "waiting": N_("Waiting to go"), "sending": N_("On its way"), "sent": N_("Sent"),
    "dead": N_("Given up"), "dropped": N_("Not sent"),
}  # fmt: skip
HEARERS: Mapping[str, str] = {
    "staff": N_("Staff"), "reporter": N_("Whoever reported"), "subscriber": N_("Subscribers"),
}  # fmt: skip
HOOK_STYLES: Mapping[str, str] = {
    "json": N_("Signed JSON"), "wecom": N_("WeCom robot"), "dingtalk": N_("DingTalk robot"),
    "feishu": N_("Feishu robot"),
}  # fmt: skip
NOT_SENT: Mapping[str, str] = {
    "no_address": N_("there is no address any more"), "stopped": N_("it is not wanted any more"),
    "undone": N_("what it told of was undone"), "too_old": N_("it was no news any more"),
}  # fmt: skip
MESSAGES: Mapping[str, str] = {
    "test": N_("A message to try this channel"), "several": N_("{n} notices ({city})"),
    "subscribe:confirm": N_("A subscription to be confirmed"), "example": N_("An example"),
}  # fmt: skip
#: What subscribers and feeds say of a case.
NEWS: Mapping[str, str] = {
    "case:filed": N_("Accepted as a case"), "case:closed": N_("Closed"),
    "case:reopened": N_("Being worked on again"),
}  # fmt: skip
