"""Signed notes against the example of the reference implementation, and every way to spoil one."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from domain.sealing.notes import Checkpoint, MalformedNote, SignedNote, UnsignedNote, VerifierKey, signed

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey("evenkeel.example/log", PRIVATE.public_key().public_bytes_raw())
CHECKPOINT = Checkpoint("evenkeel.example/log", 1234, bytes(range(32)))


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_the_reference_implementations_example_verifies() -> None:
    key, note = VerifierKey.parse(NEUMANN), SignedNote.parse(NOTE.encode())

    note.require_signature(key, verify)

    assert str(key) == NEUMANN
    assert str(note) == NOTE


def test_a_checkpoint_is_three_lines_that_are_read_back() -> None:
    note = signed(CHECKPOINT.text, (KEY, PRIVATE.sign))

    again = SignedNote.parse(str(note).encode())

    again.require_signature(VerifierKey.parse(str(KEY)), verify)
    assert Checkpoint.parse(again.text) == CHECKPOINT
    assert again.text.splitlines() == [
        "evenkeel.example/log",
        "1234",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ]


def test_lines_after_the_root_are_allowed() -> None:
    assert Checkpoint.parse(CHECKPOINT.text + "an extension\n") == CHECKPOINT


@given(st.data())
def test_whatever_byte_is_changed_the_note_is_not_accepted(data: st.DataObject) -> None:
    note = str(signed(CHECKPOINT.text, (KEY, PRIVATE.sign))).encode()
    at = data.draw(st.integers(0, len(note) - 1))
    spoilt = note[:at] + bytes([note[at] ^ data.draw(st.integers(1, 255))]) + note[at + 1 :]

    with pytest.raises((MalformedNote, UnsignedNote)):
        SignedNote.parse(spoilt).require_signature(KEY, verify)


def test_anothers_signature_is_none() -> None:
    other = VerifierKey(
        KEY.name, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    )
    note = signed(CHECKPOINT.text, (KEY, PRIVATE.sign))

    with pytest.raises(UnsignedNote, match="there is no signature of"):
        note.require_signature(other, verify)


def test_a_second_signature_stands_beside_the_first() -> None:
    """Of a witness, or of the key that follows."""
    witness = Ed25519PrivateKey.from_private_bytes(bytes([9] * 32))
    beside = VerifierKey("witness", witness.public_key().public_bytes_raw())

    note = SignedNote.parse(
        str(signed(CHECKPOINT.text, (KEY, PRIVATE.sign), (beside, witness.sign))).encode()
    )

    for key in (KEY, beside):
        note.require_signature(key, verify)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n- name AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 name A AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAAA",
        b"te\x07xt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedNote):
        SignedNote.parse(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n1\nAAAA\n",
        "origin\n01\n" + "A" * 43 + "=\n",
        "origin\n-1\n" + "A" * 43 + "=\n",
        "\n1\n" + "A" * 43 + "=\n",
        "origin\n1\n" + "A" * 42 + "B=\n",
        "origin\n1\n" + "A" * 43 + "=",
        "origin\n1\n" + "A" * 43 + "=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000+AAAA",
        NEUMANN.replace("c74f", "c74e"),
        NEUMANN.replace("+AR", "+BR"),
        "+" + NEUMANN,
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey.parse(key)


def test_a_text_that_cannot_be_a_notes_is_not_signed() -> None:
    for text in ("no line feed", "a\ttab\n"):
        with pytest.raises(MalformedNote):
            signed(text, (KEY, PRIVATE.sign))
