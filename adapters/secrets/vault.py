"""Exchanges' keys as AES-256-GCM envelopes: a data key for each, wrapped by one master key in a file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.clock import Clock
from application.ports.vault import (
    Credentials,
    Envelope,
    Envelopes,
    EnvelopeUnreadable,
    HeldKey,
    KeyName,
    MasterRotation,
    Vault,
    VaultUnusable,
)

_NONCE_BYTES, _KEY_BYTES, _PAGE = 12, 32, 200
_SEAL, _WRAP = b"evenkeel/vault/key@v1", b"evenkeel/vault/wrap@v1"
_FILE = re.compile(r"VAULT\+KEY\+([0-9a-f]{8})\+([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, repr=False)
class MasterKey:
    """Wraps data keys; its id says which one it is and nothing of it."""

    raw: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(b"evenkeel/vault/master@v1" + self.raw).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"MasterKey({self.id}, hidden)"


class MasterKeyFile:
    """The master key in a file of mode 0600, and during and after a rotation the others beside it.

    `NAME.next` is the one that a rotation is putting in place; `NAME.ID.retired` one that was replaced, which
    older backups need. Errors: VaultUnusable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def next_path(self) -> Path:
        return self._path.with_name(self._path.name + ".next")

    def retired_path(self, master_id: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{master_id}.retired")

    def sealing(self, *, may_make: bool) -> MasterKey:
        """What new envelopes are wrapped with: the next one while a rotation is under way.

        Made where there is none and `may_make`: nothing was ever sealed. Else it was lost, and that is said.
        """
        if self.next_path.exists():
            return _read(self.next_path)
        if not self._path.exists() and may_make:
            _make(self._path)
        return self.current()

    def current(self) -> MasterKey:
        if not self._path.exists():
            raise VaultUnusable(
                problem=f"{self._path.name} is missing; put it back: keys were sealed with it"
            )
        return _read(self._path)

    def of_id(self, master_id: str) -> MasterKey:
        """The one of that id, wherever a rotation has put it by now."""
        for _ in range(2):  # the end of a rotation may move it between two looks
            for path in (self._path, self.next_path, self.retired_path(master_id)):
                if path.exists():
                    key = _read(path)
                    if key.id == master_id:
                        return key
        raise VaultUnusable(problem=f"master key {master_id} is missing; put {self._path.name} back")

    def begin_rotation(self) -> tuple[MasterKey, MasterKey]:
        """The current key and the next one, made unless an interrupted rotation has made it."""
        current = self.current()
        if not self.next_path.exists():
            _make(self.next_path)
        return current, _read(self.next_path)

    def end_rotation(self, old: MasterKey) -> Path:
        """Put the next key in place and keep the old one under its id."""
        retired = self.retired_path(old.id)
        try:
            if not retired.exists():
                os.link(self._path, retired)
            self.next_path.replace(self._path)
        except OSError as e:
            raise VaultUnusable(problem=f"the new key cannot be put in place ({e.strerror or e})") from e
        return retired


class EnvelopeVault(Vault):
    """A Vault over rows. Files and rows are read at each use: a rotation elsewhere is seen at once."""

    def __init__(self, rows: Envelopes, master: MasterKeyFile, clock: Clock) -> None:
        self._rows, self._master, self._clock = rows, master, clock

    def keep(self, name: KeyName, credentials: Credentials) -> HeldKey | None:
        fingerprint = self.fingerprint(name.venue, credentials)
        known = self._rows.get(name.key_id)
        if known is not None:
            same = (_name_of(known), known.fingerprint) == (name, fingerprint)
            return _held(known) if same else None
        master = self._master.sealing(may_make=self._rows.count() == 0)
        data_key = secrets.token_bytes(_KEY_BYTES)
        text = json.dumps([credentials.api_key, credentials.secret, credentials.password])
        envelope = Envelope(
            key_id=name.key_id,
            venue_account_id=name.venue_account_id,
            owner_id=name.owner_id,
            venue=name.venue,
            fingerprint=fingerprint,
            master_id=master.id,
            wrapped_key=_sealed(master.raw, data_key, _wrap_context(name.key_id, master.id)),
            sealed=_sealed(data_key, text.encode(), _context(name)),
            stored_at_utc=self._clock.now(),
        )
        return _held(envelope) if self._rows.add(envelope) else None

    def open(self, name: KeyName) -> Credentials | None:
        envelope = self._rows.get(name.key_id)
        if envelope is None:
            return None
        master = self._master.of_id(envelope.master_id)
        try:
            data_key = _opened(master.raw, envelope.wrapped_key, _wrap_context(name.key_id, master.id))
            text = _opened(data_key, envelope.sealed, _context(name))
        except (InvalidTag, ValueError):
            raise EnvelopeUnreadable(key_id=name.key_id) from None
        api_key, secret, password = json.loads(text)
        return Credentials(api_key, secret, password, name.key_id)

    def holder(self, venue: str, credentials: Credentials) -> HeldKey | None:
        envelope = self._rows.by_fingerprint(self.fingerprint(venue, credentials))
        return None if envelope is None else _held(envelope)

    def fingerprint(self, venue: str, credentials: Credentials) -> str:
        return hashlib.sha256(
            _joined(b"evenkeel/venue-key@v1", venue.encode(), credentials.api_key.encode())
        ).hexdigest()[:32]

    def forget(self, key_id: str) -> None:
        self._rows.remove(key_id)

    def rotate_master(
        self, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> MasterRotation:
        old, new = self._master.begin_rotation()
        done, total = 0, self._rows.count()
        while left := self._rows.not_wrapped_by(new.id, limit=_PAGE):
            for envelope in left:
                done += self._rewrapped(envelope, new)
                progress(done, max(total, done))
        retired = self._master.end_rotation(old)
        return MasterRotation(
            old_master_id=old.id, new_master_id=new.id, rewrapped=done, retired_file=str(retired)
        )

    def _rewrapped(self, envelope: Envelope, new: MasterKey) -> int:
        master = self._master.of_id(envelope.master_id)
        try:
            data_key = _opened(
                master.raw, envelope.wrapped_key, _wrap_context(envelope.key_id, envelope.master_id)
            )
        except (InvalidTag, ValueError):
            raise EnvelopeUnreadable(key_id=envelope.key_id) from None
        wrapped = _sealed(new.raw, data_key, _wrap_context(envelope.key_id, new.id))
        return int(self._rows.rewrap(envelope, master_id=new.id, wrapped_key=wrapped))


def _held(envelope: Envelope) -> HeldKey:
    return HeldKey(
        name=_name_of(envelope), fingerprint=envelope.fingerprint, stored_at_utc=envelope.stored_at_utc
    )


def _name_of(envelope: Envelope) -> KeyName:
    return KeyName(
        key_id=envelope.key_id,
        owner_id=envelope.owner_id,
        venue=envelope.venue,
        venue_account_id=envelope.venue_account_id,
    )


def _context(name: KeyName) -> bytes:
    """What an envelope is bound to: under any other owner, venue, account or key id it does not open."""
    parts = (name.owner_id, name.venue, name.venue_account_id, name.key_id)
    return _joined(_SEAL, *(part.encode() for part in parts))


def _wrap_context(key_id: str, master_id: str) -> bytes:
    return _joined(_WRAP, key_id.encode(), master_id.encode())


def _joined(*parts: bytes) -> bytes:
    """Length-prefixed, so that no two lists of parts come to the same."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _sealed(key: bytes, text: bytes, context: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, context)).decode()


def _opened(key: bytes, sealed: str, context: bytes) -> bytes:
    """Raises InvalidTag, or ValueError for what is no envelope at all."""
    raw = base64.b64decode(sealed, validate=True)
    return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context)


def _make(path: Path) -> None:
    """A new key in a new file of mode 0600; one that somebody made a moment ago is left as it is."""
    key = MasterKey(secrets.token_bytes(_KEY_BYTES))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"VAULT+KEY+{key.id}+{key.raw.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # whole or not at all, and never over another one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as e:
        raise VaultUnusable(problem=f"it cannot be made ({e.strerror or e})") from e


def _read(path: Path) -> MasterKey:
    try:
        text, others = path.read_text().strip(), path.stat().st_mode & 0o077
    except OSError as e:
        raise VaultUnusable(problem=f"{path.name} cannot be read ({e.strerror or e}); put it back") from e
    except UnicodeDecodeError:
        raise VaultUnusable(problem=f"{path.name} holds something else") from None
    found = _FILE.fullmatch(text)
    if found is None:
        raise VaultUnusable(problem=f"{path.name} holds something else")
    if others:
        raise VaultUnusable(problem=f"others may read {path.name}; `chmod 600` it")
    key = MasterKey(bytes.fromhex(found[2]))
    if key.id != found[1]:
        raise VaultUnusable(problem=f"{path.name} was changed: its id is not that of its key")
    return key
