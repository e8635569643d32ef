"""What those who post an entry may write on it: a few short words by name, for whoever finds it again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.errors import InvalidValue

MOST_PAIRS, LONGEST_VALUE = 16, 200
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def parse_metadata(raw: object, field: str = "metadata") -> Mapping[str, str]:
    """At most 16 pairs of text, keys in order; raises InvalidValue.

    A key is a small letter and then up to 39 small letters, digits, _ or -; a value 1 to 200 printable
    characters. No personal data: the log is for ever.
    """
    if not isinstance(raw, Mapping):
        raise InvalidValue(field, 'must be an object of text by key, such as {"ticket": "OPS-7"}')
    if len(raw) > MOST_PAIRS:
        raise InvalidValue(field, f"has {len(raw)} keys; {MOST_PAIRS} is the most")
    for key, value in raw.items():
        parse_key(key, field)
        parse_value(value, f"{field}.{key}")
    return {key: raw[key] for key in sorted(raw)}


def parse_pair(raw: str, field: str) -> tuple[str, str]:
    """Of key=value; raises InvalidValue."""
    key, equals, value = raw.partition("=")
    if not equals:
        raise InvalidValue(field, f"{raw!r} is no pair; write it as key=value, such as ticket=OPS-7")
    return parse_key(key, field), parse_value(value, field)


def parse_key(raw: object, field: str) -> str:
    """A key, used or not; raises InvalidValue."""
    if not isinstance(raw, str) or not _KEY.fullmatch(raw):
        raise InvalidValue(
            field,
            f"{raw!r} is no key; write a small letter, then up to 39 small letters, digits, '_' or '-'",
        )
    return raw


def parse_value(raw: object, field: str) -> str:
    """A value; raises InvalidValue."""
    if not isinstance(raw, str) or not 1 <= len(raw) <= LONGEST_VALUE or not raw.isprintable():
        raise InvalidValue(field, f"must be text of 1 to {LONGEST_VALUE} printable characters")
    return raw
