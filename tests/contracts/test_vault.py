"""What the vault promises, over every place where its rows may be."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from adapters.persistence.database import Database
from adapters.persistence.envelopes import MemoryEnvelopes, SqlEnvelopes
from adapters.persistence.tables import venue_keys
from adapters.secrets.vault import EnvelopeVault, MasterKeyFile
from application.ports.clock import ManualClock
from application.ports.vault import (
    Credentials,
    Envelope,
    Envelopes,
    EnvelopeUnreadable,
    KeyName,
    VaultUnusable,
)
from tests.builders import START
from tests.contracts.stores import STORES, database_of

ANN = KeyName(key_id="vkey-1", owner_id="ann", venue="binance", venue_account_id="binance.main.1")
KEY = Credentials("ann-api-key-PLANTED", "ann-secret-PLANTED", "ann-password-PLANTED")


class Place:
    """A vault, its rows and its file."""

    def __init__(self, rows: Envelopes, path: Path, db: Database | None) -> None:
        self.rows, self.path, self.db = rows, path, db
        self.file = MasterKeyFile(path)
        self.vault = EnvelopeVault(rows, self.file, ManualClock(START))

    def tamper(self, key_id: str, **columns: str) -> None:
        """What somebody with the database alone can do."""
        if self.db is not None:
            with self.db.transaction() as connection:
                connection.execute(update(venue_keys).where(venue_keys.c.key_id == key_id).values(**columns))
            return
        envelope = self.rows.get(key_id)
        assert envelope is not None
        self.rows.remove(key_id)
        assert self.rows.add(Envelope(**{**asdict(envelope), **columns}))


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with database_of(request) as db:
        yield Place(MemoryEnvelopes() if db is None else SqlEnvelopes(db), tmp_path / "k" / "a.vault", db)


def test_a_key_opens_under_its_name(place: Place) -> None:
    held = place.vault.keep(ANN, KEY)
    assert held is not None
    assert place.vault.open(ANN) == replace(KEY, key_id="vkey-1")
    assert place.vault.holder("binance", KEY) == held
    assert held.stored_at_utc == START


def test_the_same_again_is_answered_alike_and_another_under_its_id_is_not(place: Place) -> None:
    held = place.vault.keep(ANN, KEY)
    assert place.vault.keep(ANN, KEY) == held
    assert place.vault.keep(ANN, replace(KEY, api_key="another")) is None
    assert place.vault.keep(replace(ANN, owner_id="bob"), KEY) is None


def test_a_key_is_kept_once(place: Place) -> None:
    place.vault.keep(ANN, KEY)
    bob = replace(ANN, key_id="vkey-2", owner_id="bob")
    assert place.vault.keep(bob, KEY) is None
    assert place.vault.keep(replace(bob, venue="kraken"), KEY) is not None  # another venue, another key
    place.vault.forget("vkey-1")
    assert place.vault.open(ANN) is None
    assert place.vault.keep(replace(bob, key_id="vkey-3"), KEY) is not None


@pytest.mark.parametrize("field", ["owner_id", "venue", "venue_account_id"])
def test_under_another_name_it_does_not_open(place: Place, field: str) -> None:
    """Safety §2.56: what is authenticated with it is whose it is, where, and its id."""
    place.vault.keep(ANN, KEY)
    with pytest.raises(EnvelopeUnreadable):
        place.vault.open(replace(ANN, **{field: "another"}))


def test_an_envelope_in_anothers_place_does_not_open(place: Place) -> None:
    """Safety §2.56: whoever can write the rows cannot hand one owner another one's key."""
    place.vault.keep(ANN, KEY)
    bob = replace(ANN, key_id="vkey-2", owner_id="bob", venue_account_id="binance.main.2")
    place.vault.keep(bob, replace(KEY, api_key="bob's", secret="bob's"))
    stolen = place.rows.get("vkey-1")
    assert stolen is not None
    place.tamper("vkey-2", wrapped_key=stolen.wrapped_key, sealed=stolen.sealed)
    with pytest.raises(EnvelopeUnreadable):
        place.vault.open(bob)


@pytest.mark.parametrize("column", ["sealed", "wrapped_key"])
@pytest.mark.parametrize("byte", [0, 20, -1])
def test_a_changed_byte_is_noticed(place: Place, column: str, byte: int) -> None:
    """Safety §2.56: nonce, ciphertext and tag."""
    place.vault.keep(ANN, KEY)
    raw = bytearray(base64.b64decode(str(getattr(place.rows.get("vkey-1"), column))))
    raw[byte] ^= 1
    place.tamper("vkey-1", **{column: base64.b64encode(raw).decode()})
    with pytest.raises(EnvelopeUnreadable):
        place.vault.open(ANN)


@pytest.mark.parametrize("column", ["sealed", "wrapped_key"])
@pytest.mark.parametrize("text", ["", "no base64!", "AAAA"])
def test_what_is_no_envelope_is_noticed(place: Place, column: str, text: str) -> None:
    place.vault.keep(ANN, KEY)
    place.tamper("vkey-1", **{column: text})
    with pytest.raises(EnvelopeUnreadable):
        place.vault.open(ANN)


def test_no_two_envelopes_share_anything(place: Place) -> None:
    """Safety §2.56: a data key and nonces of its own for each, also for equal contents."""
    place.vault.keep(ANN, KEY)
    first = place.rows.get("vkey-1")
    place.vault.forget("vkey-1")
    place.vault.keep(ANN, KEY)
    second = place.rows.get("vkey-1")
    assert first is not None
    assert second is not None
    assert first.sealed[:16] != second.sealed[:16]
    assert first.wrapped_key[:16] != second.wrapped_key[:16]


def test_nothing_of_a_key_stands_in_the_rows(place: Place) -> None:
    """Safety §2.58."""
    place.vault.keep(ANN, KEY)
    row = repr(place.rows.get("vkey-1"))
    for part in (KEY.api_key, KEY.secret, KEY.password):
        assert part not in row


def test_the_master_key_is_made_once_and_only_its_owner_reads_it(place: Place) -> None:
    place.vault.keep(ANN, KEY)
    made = place.path.read_text()
    assert place.path.stat().st_mode & 0o777 == 0o600
    place.vault.keep(replace(ANN, key_id="vkey-2"), replace(KEY, api_key="another"))
    assert place.path.read_text() == made


def test_a_lost_master_key_is_said_and_no_new_one_is_made(place: Place) -> None:
    place.vault.keep(ANN, KEY)
    place.path.unlink()
    with pytest.raises(VaultUnusable, match="missing"):
        place.vault.open(ANN)
    with pytest.raises(VaultUnusable, match="missing"):
        place.vault.keep(replace(ANN, key_id="vkey-2"), replace(KEY, api_key="another"))
    with pytest.raises(VaultUnusable, match="missing"):
        place.vault.rotate_master()
    assert not place.path.exists()


def test_another_databases_master_key_is_not_taken_for_this_ones(place: Place, tmp_path: Path) -> None:
    place.vault.keep(ANN, KEY)
    other = Place(MemoryEnvelopes(), tmp_path / "other.vault", None)
    other.vault.keep(ANN, KEY)
    place.path.write_text(other.path.read_text())
    with pytest.raises(VaultUnusable, match="missing"):
        place.vault.open(ANN)


def _with_another_id(text: str) -> str:
    mark, word, master_id, key = text.split("+")
    return "+".join((mark, word, master_id[::-1] if master_id != master_id[::-1] else "0" * 8, key))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.chmod(0o640), "chmod 600"),
        (lambda path: path.write_text("hello"), "something else"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "something else"),
        (lambda path: path.write_text(path.read_text().swapcase()), "something else"),
        (lambda path: path.write_text(_with_another_id(path.read_text())), "was changed"),
    ],
)
def test_a_master_key_that_is_not_right_is_refused(
    place: Place, change: Callable[[Path], object], problem: str
) -> None:
    place.vault.keep(ANN, KEY)
    change(place.path)
    with pytest.raises(VaultUnusable, match=problem):
        place.vault.open(ANN)


def test_a_rotation_wraps_every_key_anew_and_all_open(place: Place) -> None:
    """Safety §2.56: the rotation test."""
    names = [replace(ANN, key_id=f"vkey-{n:03}") for n in range(250)]
    for name in names:
        place.vault.keep(name, replace(KEY, api_key=name.key_id))
    sealed = {name.key_id: str(getattr(place.rows.get(name.key_id), "sealed")) for name in names}  # noqa: B009
    before = place.path.read_text()

    done = place.vault.rotate_master()

    assert (done.rewrapped, done.old_master_id == done.new_master_id) == (250, False)
    assert Path(done.retired_file).read_text() == before
    assert place.path.read_text() != before
    assert not place.file.next_path.exists()
    Path(done.retired_file).unlink()  # nothing needs it any more
    for name in names:
        found = place.vault.open(name)
        assert found is not None
        assert found.api_key == name.key_id
        envelope = place.rows.get(name.key_id)
        assert envelope is not None
        assert envelope.master_id == done.new_master_id
        assert envelope.sealed == sealed[name.key_id]  # only what wraps it is new


def test_an_interrupted_rotation_goes_on_and_every_key_opens_meanwhile(place: Place) -> None:
    names = [replace(ANN, key_id=f"vkey-{n:03}") for n in range(210)]
    for name in names:
        place.vault.keep(name, replace(KEY, api_key=name.key_id))

    def die(done: int, _total: int) -> None:
        if done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.vault.rotate_master(die)

    assert place.file.next_path.stat().st_mode & 0o777 == 0o600
    assert all(place.vault.open(name) is not None for name in names)
    late = replace(ANN, key_id="vkey-late")
    place.vault.keep(late, replace(KEY, api_key="late"))
    done = place.vault.rotate_master()
    assert done.rewrapped < 210
    Path(done.retired_file).unlink()
    assert all(place.vault.open(name) is not None for name in (*names, late))


def test_a_rotation_that_died_between_its_last_two_steps_goes_on(place: Place) -> None:
    place.vault.keep(ANN, KEY)
    old, _ = place.file.begin_rotation()
    os.link(place.path, place.file.retired_path(old.id))
    done = place.vault.rotate_master()
    assert done.old_master_id == old.id
    assert place.vault.open(ANN) is not None


def test_a_key_that_was_stored_while_a_rotation_ended_still_opens(place: Place) -> None:
    """Its data key was wrapped by what has just been retired."""
    place.vault.keep(ANN, KEY)
    envelope = place.rows.get("vkey-1")
    assert envelope is not None
    place.vault.rotate_master()
    place.tamper("vkey-1", master_id=envelope.master_id, wrapped_key=envelope.wrapped_key)
    assert place.vault.open(ANN) is not None
