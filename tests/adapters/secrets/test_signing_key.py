"""The key file: made once, read only by its owner, refused when it was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.secrets.signing_key import FileSigner, UnusableKey, create_key, verify
from domain.sealing.notes import VerifierKey


def test_what_it_signs_is_verified_with_the_public_half(tmp_path: Path) -> None:
    key = create_key(tmp_path / "log.key", "evenkeel.example/log")
    signer = FileSigner(tmp_path / "log.key")

    assert signer.key == key == VerifierKey.parse((tmp_path / "log.pub").read_text())
    assert verify(key.public, signer.sign(b"message"), b"message")
    assert not verify(key.public, signer.sign(b"message"), b"another")
    assert not verify(b"short", signer.sign(b"message"), b"message")
    assert (tmp_path / "log.key").stat().st_mode & 0o777 == 0o600


def test_the_example_of_the_reference_implementation_is_read(tmp_path: Path) -> None:
    path = tmp_path / "neumann.key"
    path.write_text("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n")
    path.chmod(0o600)

    assert str(FileSigner(path).key) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    create_key(tmp_path / "log.key", "log")
    before = (tmp_path / "log.key").read_bytes()
    with pytest.raises(UnusableKey, match="exists"):
        create_key(tmp_path / "log.key", "log")
    assert (tmp_path / "log.key").read_bytes() == before


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    create_key(tmp_path / "log.key", "log")
    (tmp_path / "log.key").chmod(0o640)
    with pytest.raises(UnusableKey, match="chmod 600"):
        FileSigner(tmp_path / "log.key")


@pytest.mark.parametrize("content", ["", "nonsense", "PRIVATE+KEY+log+00000000+AAAA", "\udcff"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    """Safety §4 row 26."""
    path = tmp_path / "log.key"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(UnusableKey):
        FileSigner(path)
    with pytest.raises(UnusableKey, match="No such file"):
        FileSigner(tmp_path / "none.key")


def test_a_key_that_was_changed_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "log.key", "log")
    path = tmp_path / "log.key"
    path.write_text(path.read_text().replace("+log+", "+other+"))
    path.chmod(0o600)
    with pytest.raises(UnusableKey, match="changed"):
        FileSigner(path)
