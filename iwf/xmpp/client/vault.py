"""Passwords as they are kept: sealed with a key that is not where they are.  Pure.

AES-256-GCM (NIST SP 800-38D).  Each text is bound to what it is for, so that one who can write to the
database cannot give one subscriber the account of another.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iwf.errors import IwfError
from iwf.ids import Ids

KEY_OCTETS = 32
_NONCE_OCTETS = 12
_VERSION = "1"


class VaultFault(IwfError):
    """A text that cannot be opened: another key, or not what was sealed."""


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys in a file: one a line, 32 octets in base64, such as ``openssl rand -base64 32`` makes.

    :raises ValueError: when there is none, or a line is no key; the text quotes none of it.
    """
    keys = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            key = b64decode(line.strip(), validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_OCTETS:
            raise ValueError(f"line {number} is no key: 32 octets in base64 are expected")
        keys.append(key)
    if not keys:
        raise ValueError("there is no key")
    return tuple(keys)


class Vault:
    """Seals with the first key, opens with any: a new key goes before the old ones.

    :param keys: as :func:`keys_of` gives them.
    """

    def __init__(self, keys: tuple[bytes, ...], ids: Ids) -> None:
        self._ids = ids
        self._newest = _name_of(keys[0])
        self._ciphers = {_name_of(key): AESGCM(key) for key in keys}

    def __repr__(self) -> str:
        return f"<Vault {self._newest}>"

    def seal(self, secret: str, about: str) -> str:
        """A text that only this key opens.

        :param about: what it is for; has to be the same to open it.
        """
        nonce = bytes.fromhex(self._ids.token() + self._ids.token())[:_NONCE_OCTETS]
        sealed = self._ciphers[self._newest].encrypt(nonce, secret.encode(), about.encode())
        return ":".join((_VERSION, self._newest, b64encode(nonce + sealed).decode()))

    def open(self, text: str, about: str) -> str:
        """What was sealed.

        :raises VaultFault: for any text that was not sealed for this by one of the keys.
        """
        version, _, rest = text.partition(":")
        name, _, coded = rest.partition(":")
        cipher = self._ciphers.get(name)
        if version != _VERSION or cipher is None:
            raise VaultFault("sealed with a key that is not there")
        try:
            octets = b64decode(coded, validate=True)
            return cipher.decrypt(octets[:_NONCE_OCTETS], octets[_NONCE_OCTETS:], about.encode()).decode()
        except (InvalidTag, ValueError):
            raise VaultFault("not what was sealed") from None


def _name_of(key: bytes) -> str:
    """Names a key without giving it away."""
    return sha256(b"iwf vault key " + key).hexdigest()[:8]
