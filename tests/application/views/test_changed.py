"""Rows are records: compared by value, hashable, and changed only into new ones."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from application.views.changed import changed
from application.views.rows import ROWS


def a_row(kind: Any) -> Any:
    return kind(**{field.name: f"a {field.name}" for field in fields(kind)})


@pytest.mark.parametrize("kind", ROWS)
def test_changed_is_replace(kind: Any) -> None:
    row = a_row(kind)
    for field in fields(kind):
        after = changed(row, **{field.name: "another"})
        assert after == replace(row, **{field.name: "another"})
        assert after != row
        assert hash(after) != hash(row)
    assert row == a_row(kind)
    assert changed(row) == row


def test_a_column_that_does_not_exist_cannot_be_changed() -> None:
    with pytest.raises(KeyError):
        changed(a_row(ROWS[0]), colour="red")
