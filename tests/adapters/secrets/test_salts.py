"""The secret of salts: made once, read only by its owner, refused when it is none."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from adapters.secrets.salts import FileSalts
from application.ports.salts import SaltsUnusable


def test_salts_are_derived_from_the_secret_and_the_context(tmp_path: Path) -> None:
    path = tmp_path / "log.salts"
    path.write_text(f"LIABILITY+SECRET+{'ab' * 32}\n")
    path.chmod(0o600)

    salt = FileSalts(path).salt("7\nroot\nacc-1")

    message = b"evenkeel/liabilities/salt@v1\n7\nroot\nacc-1"
    assert salt == hmac.new(bytes.fromhex("ab" * 32), message, hashlib.sha256).digest()
    assert len({FileSalts(path).salt(context) for context in ("a", "b", "a")}) == 2


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.salts"
    assert FileSalts(path).create()
    before = path.read_bytes()

    assert not FileSalts(path).create()

    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    other = FileSalts(tmp_path / "other.salts")
    other.create()
    assert other.salt("a") != FileSalts(path).salt("a") == FileSalts(path).salt("a")


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (None, 0o600, r"cannot be read \(No such file"),
        (b"", 0o600, "holds something else"),
        (b"LIABILITY+SECRET+abcd\n", 0o600, "holds something else"),
        (b"\xff\xfe", 0o600, "holds something else"),
        (b"LIABILITY+SECRET+" + b"ab" * 32, 0o640, "others may read it"),
    ],
)
def test_what_is_no_secret_is_said(tmp_path: Path, content: bytes | None, mode: int, why: str) -> None:
    path = tmp_path / "log.salts"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(SaltsUnusable, match=why) as refused:
        FileSalts(path).salt("a")
    assert "abab" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value), "an owner may be told"


def test_a_place_where_none_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaltsUnusable, match="it cannot be made"):
        FileSalts(tmp_path / "file" / "log.salts").create()
    with pytest.raises(SaltsUnusable):
        FileSalts(tmp_path).salt("a")
