"""Web push: a message sealed for one browser (RFC 8291), handed to its maker's server under our
own key (VAPID, RFC 8292). The server in between reads nothing but the size.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zhongshu.core.messages import Delivery, Fault, Parcel, failed, taken
from zhongshu.link.posting import NotThere, post

#: How long the maker's server keeps what a sleeping browser has not fetched, in seconds.
TTL_S = 86_400
_RECORD = 4096


def decoded(text: str) -> bytes:
    """Read base64 as the web writes it, without its padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key by which browsers know this hub, made at the first start."""
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(
                made.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )  # fmt: skip
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} must hold a P-256 key; remove it, and browsers subscribe anew")
    return key


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half as 65 bytes, the way browsers take it."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def sealed_for(
    text: bytes, *, receiver: bytes, auth: bytes, ours: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """Return a body only one browser can open (aes128gcm, one record). ``ours`` is used once."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), receiver)
    shared, sender = ours.exchange(ec.ECDH(), theirs), public(ours)
    secret = _derived(shared, auth, b"WebPush: info\0" + receiver + sender, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD.to_bytes(4, "big") + bytes([len(sender)]) + sender
    return head + AESGCM(key).encrypt(nonce, text + b"\x02", None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def vouched(key: ec.EllipticCurvePrivateKey, url: str, *, contact: str, at: int) -> str:
    """Return the header that says who sends: a token for that server, signed, for twelve hours."""
    parts = urlsplit(url)
    said = (
        {"typ": "JWT", "alg": "ES256"},
        {"aud": f"{parts.scheme}://{parts.netloc}", "exp": at + 43_200, "sub": contact},
    )
    text = ".".join(encoded(json.dumps(one, separators=(",", ":")).encode()) for one in said)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{text}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={encoded(public(key))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Push to the browsers of accounts."""

    key: ec.EllipticCurvePrivateKey
    contact: str
    inside: frozenset[str] = frozenset()

    def carry(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Send each parcel to all the browsers of its account."""
        for parcel in parcels:
            yield self._to_all(parcel)

    def _to_all(self, parcel: Parcel) -> Delivery:
        """Return taken where one browser has it; those that are gone are named."""
        gone: list[str] = []
        error, arrived = "", False
        for address, browser in json.loads(parcel.to).items():
            try:
                status = self._send(parcel, browser)
            except NotThere as failure:
                error = str(failure)
                continue
            except ValueError:
                error = "this is no key of a browser"
                continue
            arrived = arrived or 200 <= status < 300
            if status in (404, 410):
                gone.append(address)
            elif not 200 <= status < 300:
                error = f"HTTP {status}"
        if arrived:
            return taken(parcel, gone=tuple(gone))
        return failed(
            parcel, error or "no browser is there any more", Fault.MESSAGE, permanent=not error,
            gone=tuple(gone),
        )  # fmt: skip

    def _send(self, parcel: Parcel, browser: Mapping[str, str]) -> int:
        said = {
            "title": parcel.subject,
            "body": parcel.body,
            "link": parcel.link,
            "tag": parcel.key,
        }
        body = sealed_for(
            json.dumps(said, ensure_ascii=False).encode()[:3800], receiver=decoded(browser["p256dh"]),
            auth=decoded(browser["auth"]), ours=ec.generate_private_key(ec.SECP256R1()),
            salt=os.urandom(16),
        )  # fmt: skip
        headers = {
            "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
            "TTL": str(TTL_S), "Topic": f"z{parcel.key}"[:32],
            "Authorization": vouched(self.key, browser["url"], contact=self.contact, at=int(time.time())),
        }  # fmt: skip
        return post(browser["url"], body, headers, inside=self.inside).status
