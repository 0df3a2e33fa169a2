"""What carries messages, against real servers on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.link.outside import free_port, mail_server, web_server
from zhongshu import main
from zhongshu.core.messages import Fault, HookStyle, Parcel, host_of
from zhongshu.core.texts import Medium
from zhongshu.link import push
from zhongshu.link.hooks import Groups, SmsGateway, heard, request
from zhongshu.link.mail import Smtp
from zhongshu.link.outbox import Outbox
from zhongshu.link.posting import Answer, NotThere, post
from zhongshu.settings import Settings

INSIDE = frozenset({"127.0.0.1"})


def parcel(n: int = 1, to: str = "li@example.org", **more: Any) -> Parcel:
    said = {
        "medium": Medium.EMAIL,
        "channel": "email",
        "subject": "派单",
        "body": "案件 1\n路灯",
        **more,
    }
    return Parcel(key=str(n), ids=(n,), to=to, **said)


def smtp(port: int, **more: str) -> Smtp:
    return Smtp(host="127.0.0.1", port=port, tls="none", sender="清河市 <hub@city.example>", **more)


# ── mail ─────────────────────────────────────────────────────────────────────────────


def test_mail_arrives_as_it_was_written_and_says_what_it_is() -> None:
    with mail_server() as box:
        stop = "https://hub.example/t/CODE/stop"
        done = list(smtp(box.port).carry([parcel(1), parcel(2, stop=stop)]))
    assert [(d.ids, d.fault) for d in done] == [((1,), None), ((2,), None)]
    first, second = box.letters
    assert first["Subject"] == "派单"
    assert first.get_content().splitlines() == ["案件 1", "路灯"]
    assert first["Message-ID"] == "<zhongshu-1@city.example>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in first
    assert second["List-Unsubscribe"] == f"<{stop}>"
    assert second["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_server_that_is_not_there_fails_one_parcel_and_leaves_the_rest_untried() -> None:
    (only,) = smtp(free_port()).carry([parcel(1), parcel(2)])
    assert (only.ids, only.fault, only.permanent) == ((1,), Fault.CHANNEL, False)


@pytest.mark.parametrize(
    ("answer", "fault", "permanent"),
    [
        ("550 5.1.1 no such mailbox", Fault.ADDRESS, True),
        ("550 5.7.1 relaying denied", Fault.CHANNEL, False),
        ("450 4.2.1 mailbox busy", Fault.MESSAGE, False),
        ("552 5.2.2 mailbox full", Fault.MESSAGE, True),
    ],
)
def test_what_a_server_says_of_a_receiver(answer: str, fault: Fault, permanent: bool) -> None:
    with mail_server() as box:
        box.answer = lambda to: answer if to.startswith("bad") else "250 OK"
        done = list(smtp(box.port).carry([parcel(1, "bad@example.org"), parcel(2)]))
    assert (done[0].fault, done[0].permanent) == (fault, permanent)
    # A mailbox is one person's trouble, a server that lets us send nothing is everybody's.
    assert len(box.letters) == (0 if fault is Fault.CHANNEL else 1)


@pytest.mark.parametrize("to", ["li@x..com", ".li@example.org", "李@example.org"])
def test_an_address_that_no_header_can_hold_holds_up_no_other_mail(to: str) -> None:
    with mail_server() as box:
        bad, good = smtp(box.port).carry([parcel(1, to), parcel(2)])
    assert (bad.fault, bad.permanent, good.fault) == (Fault.ADDRESS, True, None)
    assert to.partition("@")[0] not in bad.error
    assert len(box.letters) == 1


def test_the_doctor_sees_whether_the_password_is_right() -> None:
    with mail_server(password="right") as box:
        assert "answers" in smtp(box.port, user="hub", password="right").greet()
        (only,) = smtp(box.port, user="hub", password="wrong").carry([parcel()])
    assert only.fault is Fault.CHANNEL
    assert "wrong" not in only.error
    assert "right" not in repr(smtp(box.port, user="hub", password="right"))


# ── posts ────────────────────────────────────────────────────────────────────────────


def group(url: str, n: int = 1, channel: str = "chat:1", **more: str) -> Parcel:
    to = json.dumps({"url": url, "secret": "s3cret", "style": "json", **more})
    return parcel(n, to, medium=Medium.CHAT, channel=channel, link="https://hub.example/cases/1")


def test_a_post_is_signed_so_that_its_receiver_can_check_it() -> None:
    with web_server() as wall:
        (only,) = Groups(inside=INSIDE).carry([group(wall.url)])
    assert only.fault is None
    ((_, headers, body),) = wall.posts
    key, at = headers["Zhongshu-Id"], headers["Zhongshu-Time"]
    expected = hmac.new(b"s3cret", f"{key}.{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Zhongshu-Signature"] == f"v1={expected}"
    assert json.loads(body) == {
        "id": "1",
        "text": "案件 1\n路灯",
        "link": "https://hub.example/cases/1",
    }


def test_a_broken_group_does_not_hold_up_another() -> None:
    with web_server((500, {})) as bad, web_server() as good:
        parcels = [group(bad.url, 1), group(bad.url, 2), group(good.url, 3, "chat:2")]
        done = list(Groups(inside=INSIDE).carry(parcels))
    assert [(d.ids, d.fault) for d in done] == [((1,), Fault.CHANNEL), ((3,), None)]


@pytest.mark.parametrize(
    "url",
    [
        "https://robot.example:99999/send?key=SECRET", "https://a..b/send?key=SECRET",
        "http://127.0.0.1:PORT/é?key=SECRET", "http://127.0.0.1:PORT/send?key=SECRET\x01",
        "https://[:::::]/send?key=SECRET",
    ],
)  # fmt: skip
def test_a_group_nothing_can_be_posted_to_holds_up_no_other_and_its_key_is_not_kept(
    url: str,
) -> None:
    with web_server() as good:
        there = url.replace("PORT", str(urlsplit(good.url).port))
        parcels = [group(there, 1), group(good.url, 2, "chat:2")]
        bad, fine = Groups(inside=INSIDE).carry(parcels)
    assert (bad.fault, fine.fault) == (Fault.CHANNEL, None)
    assert "SECRET" not in bad.error


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://robot.example/send?key=k", "robot.example"), ("https://h:65535/", "h"),
        ("https://[::1]/a", "::1"), ("https://h/a%20b", "h"), ("https://h:65536/", None),
        ("https://a..b/", None), ("https://-h/", None), ("https://h/é", None),
        ("https://h/a b", None), ("https://h/a\x01", None), ("https://h/#a", None), ("ftp://h/", None),
    ],
)  # fmt: skip
def test_an_address_of_a_group_is_one_that_something_can_be_posted_to(
    url: str, host: str | None
) -> None:
    assert host_of(url) == host


def test_robots_get_what_they_document() -> None:
    """Recorded: the three bodies, and for the two that sign, a signature worked out apart."""
    made = {}
    for style in (HookStyle.WECOM, HookStyle.DINGTALK, HookStyle.FEISHU):
        to = {"url": "https://robot.example/send?key=k", "secret": "SEC"}
        made[style] = request(style, to, parcel(), 1_700_000_000)
    text = "案件 1\n路灯"
    assert json.loads(made[HookStyle.WECOM][1]) == {"msgtype": "text", "text": {"content": text}}
    url, body, _ = made[HookStyle.DINGTALK]
    assert json.loads(body) == {"msgtype": "text", "text": {"content": text}}
    assert url == "https://robot.example/send?key=k&timestamp=1700000000000&sign=r%2B2we0q01lkZqz38LA5IPNbHN81U1leRf3Au4PSQb6Q%3D"  # fmt: skip
    assert json.loads(made[HookStyle.FEISHU][1]) == {
        "msg_type": "text", "content": {"text": text}, "timestamp": "1700000000",
        "sign": "yKzlnG5gJbbUvULgjP0QN/V99n1fNH31XG8Rrvl9pfk=",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("style", "body", "taken"),
    [
        (HookStyle.WECOM, b'{"errcode":0,"errmsg":"ok"}', True),
        (HookStyle.WECOM, b'{"errcode":93000,"errmsg":"invalid webhook url"}', False),
        (HookStyle.DINGTALK, b'{"errcode":310000,"errmsg":"sign not match"}', False),
        (HookStyle.FEISHU, b'{"code":0,"msg":"success","data":{}}', True),
        (HookStyle.FEISHU, b'{"code":19021,"msg":"sign match fail"}', False),
        (HookStyle.FEISHU, b"<html>", False),
    ],
)
def test_a_robot_that_says_200_and_means_no_is_understood(style: HookStyle, body: bytes, taken: bool) -> None:  # fmt: skip
    assert (heard(parcel(), style, Answer(200, body)).fault is None) is taken


def test_nothing_is_posted_to_a_machine_inside_unless_the_operator_named_it() -> None:
    with web_server() as wall:
        (only,) = Groups().carry([group(wall.url)])
        assert only.fault is Fault.CHANNEL
        for url in (wall.url, "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.0.0.1/", "file:///etc/passwd"):  # fmt: skip
            with pytest.raises((NotThere, OSError)):
                post(url, b"", {}, inside=frozenset())
    assert wall.posts == []


def test_a_redirect_is_not_followed() -> None:
    with web_server((302, {})) as wall:
        (only,) = Groups(inside=INSIDE).carry([group(wall.url)])
    assert (only.fault, len(wall.posts)) == (Fault.CHANNEL, 1)


@pytest.mark.parametrize(
    ("status", "fault", "permanent"),
    [(422, Fault.ADDRESS, True), (400, Fault.MESSAGE, True), (503, Fault.CHANNEL, False)],
)
def test_what_the_gateway_says_of_a_short_message(status: int, fault: Fault, permanent: bool) -> None:  # fmt: skip
    with web_server((200, {}), (status, {})) as wall:
        gateway = SmsGateway(url=wall.url, secret="s", inside=INSIDE)
        one, two = (parcel(n, "13800138000", medium=Medium.SMS, channel="sms") for n in (1, 2))
        done = list(gateway.carry([one, two]))
    assert [(d.fault, d.permanent) for d in done] == [(None, False), (fault, permanent)]
    assert wall.said()[0] == {"id": "1", "to": "13800138000", "text": "案件 1\n路灯"}
    assert "138" not in done[1].error


# ── push ─────────────────────────────────────────────────────────────────────────────


def test_a_push_is_sealed_as_the_standard_s_own_example() -> None:
    """RFC 8291, section 5."""
    private = int.from_bytes(push.decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    body = push.sealed_for(
        b"When I grow up, I want to be a watermelon",
        receiver=push.decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        auth=push.decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        ours=ec.derive_private_key(private, ec.SECP256R1()),
        salt=push.decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )  # fmt: skip
    assert push.encoded(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
        "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )  # fmt: skip


def test_browsers_that_are_gone_are_named_and_one_that_is_there_is_enough(tmp_path: Path) -> None:
    key = push.own_key(tmp_path / "push.key")
    assert push.own_key(tmp_path / "push.key").private_numbers() == key.private_numbers()
    receiver = push.encoded(push.public(ec.generate_private_key(ec.SECP256R1())))
    with web_server((201, {})) as there, web_server((410, {})) as gone:
        browsers = {
            n: {"url": wall.url, "p256dh": receiver, "auth": push.encoded(bytes(16))}
            for n, wall in (("7", there), ("8", gone))
        }
        carrier = push.Push(key=key, contact="mailto:hub@city.example", inside=INSIDE)
        both, none = carrier.carry(
            [parcel(n, json.dumps(to), medium=Medium.PUSH, channel="push")
             for n, to in ((1, browsers), (2, {"8": browsers["8"]}))]
        )  # fmt: skip
    assert (both.fault, both.gone) == (None, ("8",))
    assert (none.fault, none.permanent, none.gone) == (Fault.MESSAGE, True, ("8",))
    assert there.posts[0][1]["Authorization"].startswith("vapid t=")


def test_the_outbox_takes_everything_and_the_same_thing_twice_is_one_file(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox")
    for _ in range(2):
        assert [d.fault for d in box.carry([parcel(1), parcel(2)])] == [None, None]
    names = sorted(p.name for p in (tmp_path / "outbox").iterdir())
    assert names == ["email-000000001.json", "email-000000002.json"]
    assert json.loads((tmp_path / "outbox" / names[0]).read_text("utf-8"))["subject"] == "派单"


# ── what the operator sets ───────────────────────────────────────────────────────────


def test_the_operator_s_password_comes_from_a_file_and_the_doctor_tries_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\nnot this line\n")
    with mail_server(password="right") as box:
        for name, value in {
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(box.port), "SMTP_TLS": "none", "SMTP_USER": "hub",
            "SMTP_PASSWORD_FILE": str(secret), "FOLDER": str(tmp_path), "SITE": "https://hub.example/",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"ZHONGSHU_{name}", value)
        settings = Settings.read()
        assert "right" not in repr(settings)
        assert main.look_at_mail(settings).good
        assert main.sender(settings) == "zhongshu@hub.example"
        assert set(main.carriers(settings)) == {Medium.EMAIL}
        secret.write_text("wrong\n")
        found = main.look_at_mail(Settings.read())
        assert not found.good
        assert found.remedy
        assert found in main.findings(Settings.read(), None), "the set-up page says it, too"
    monkeypatch.setenv("ZHONGSHU_OUTBOX", str(tmp_path / "outbox"))
    assert set(main.carriers(Settings.read())) == set(Medium)
    assert main.look_at_mail(Settings.read()).good, (
        "the wrong password is not tried: nothing is sent"
    )
