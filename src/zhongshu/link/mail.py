"""Mail: parcels handed to one SMTP server, over one connection for as many as there are.

The Message-ID comes from the parcel's key: carried twice (a worker was killed between the
server's yes and our own note of it), it is the same mail to whoever looks at the header.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from zhongshu.core.messages import Delivery, Fault, Parcel, failed, taken

TIMEOUT_S = 15.0
#: The server says there is no such mailbox; other refusals may be ours.
_NO_MAILBOX = frozenset({550, 551, 553, 556})


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """One server. ``tls``: `starttls`, `tls` from the first byte, or `none`."""

    host: str
    port: int
    sender: str
    tls: str = "starttls"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port}, {self.tls})"

    def greet(self) -> str:
        """Connect, sign in and leave again; return what the server is."""
        with self._connected() as server:
            server.noop()
        return f"{self.host}:{self.port} answers ({self.tls})"

    def carry(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Hand parcels over, one after the other. Where the server is the trouble the rest is
        not tried.
        """
        todo = list(parcels)
        try:
            with self._connected() as server:
                while todo:
                    delivery = self._hand_over(server, todo[0])
                    todo.pop(0)
                    yield delivery
                    if delivery.fault is Fault.CHANNEL:
                        return
        except (OSError, smtplib.SMTPException) as error:
            # Saying goodbye may fail too, when nothing is left to be said.
            if todo:
                yield failed(todo[0], str(error), Fault.CHANNEL)

    def _connected(self) -> smtplib.SMTP:
        trusted = ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_S, context=trusted
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
            if self.tls == "starttls":
                server.starttls(context=trusted)
        if self.user:
            server.login(self.user, self.password)
        return server

    def _hand_over(self, server: smtplib.SMTP, parcel: Parcel) -> Delivery:
        try:
            server.send_message(self.letter(parcel), from_addr=parseaddr(self.sender)[1])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return _refused(parcel, code, said)
        except smtplib.SMTPDataError as error:
            return failed(parcel, str(error), Fault.MESSAGE, permanent=error.smtp_code >= 500)
        except (smtplib.SMTPNotSupportedError, MessageError, ValueError) as error:
            # An address no header can hold, or none the server's dialect can write. Their words
            # would repeat parts of it.
            said = f"{type(error).__name__}: no address a mail can be written to"
            return failed(parcel, said, Fault.ADDRESS, permanent=True)
        return taken(parcel)

    def letter(self, parcel: Parcel) -> EmailMessage:
        """Return the mail, with its way out in the header where it is no work."""
        name, address = parseaddr(self.sender)
        letter = EmailMessage()
        letter["From"] = Address(name, addr_spec=address)
        letter["To"] = Address(addr_spec=parcel.to)
        letter["Subject"] = " ".join(parcel.subject.split())
        letter["Date"] = formatdate()
        letter["Message-ID"] = f"<zhongshu-{parcel.key}@{address.partition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        if parcel.stop:
            letter["List-Unsubscribe"] = f"<{parcel.stop}>"
            letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        letter.set_content(parcel.body + "\n")
        return letter


def _refused(parcel: Parcel, code: int, said: bytes) -> Delivery:
    """Return what it means that the server would not take a receiver."""
    text = said.decode("utf-8", "replace")
    error = f"{code} {text}"
    if text.startswith("5.7."):  # not allowed to us: nobody's address is wrong
        return failed(parcel, error, Fault.CHANNEL)
    if code in _NO_MAILBOX:
        return failed(parcel, error, Fault.ADDRESS, permanent=True)
    return failed(parcel, error, Fault.MESSAGE, permanent=code >= 500)
