"""Names that accountants' programs accept, for ours: no two of ours become one, and each leads back.

A part of an account name is a capital letter or digit, then letters, digits and hyphens. A commodity is
capital letters, digits and a few marks, begins with a letter, ends with a letter or digit, and is no
reserved word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from application.queries.asset_codes import shown_asset
from domain.ledger.postings import AVAILABLE, BOT_PREFIX, DUE, HELD_PREFIX, OWNER_PREFIX

_PLAIN_PART = re.compile(r"[a-z1-9][A-Za-z0-9]*")
_TOKEN = re.compile(r"-u([0-9a-f]+)-|(--)|(.)", re.DOTALL)
_AS_IT_IS = "0-"  # what follows begins with its own first letter
_PLAIN_COMMODITY = re.compile(r"[A-Z][A-Z0-9]*(\.PAPER)?")
_RESERVED = frozenset({"TRUE", "FALSE", "NULL"})
_ESCAPED, _NOTHING = "X-", "X-_0"
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.:/@+=~|#-]*")
_SAFE = "_.:/@+=~|#-"

IN_TRANSIT_PREFIX = "in_transit:"
SHARED = {"custody": "Assets:Custody", "revenue": "Income", "expense": "Expenses", "equity": "Equity"}
"""What is the platform's, by the first word of its account: the second names it."""
SINGLE = {"suspense": "Assets:Suspense", "rounding": "Assets:Rounding"}


def part_of(name: str) -> str:
    """A name as one part of an account's: "bot-1" is "Bot-1", "trading_fee" "Trading--fee"."""
    if _PLAIN_PART.fullmatch(name):
        return name[0].upper() + name[1:]
    marked = "".join(_marked(letter, name[at + 1 : at + 2]) for at, letter in enumerate(name))
    if "a" <= marked[:1] <= "z":
        return marked[0].upper() + marked[1:]
    if marked[:1].isdigit() and not marked.startswith(_AS_IT_IS):
        return marked
    return _AS_IT_IS + marked


def name_of(part: str) -> str:
    """The name that part_of was given."""
    if part.startswith(_AS_IT_IS):
        part = part.removeprefix(_AS_IT_IS)
    elif "A" <= part[:1] <= "Z":
        part = part[0].lower() + part[1:]
    return "".join(
        chr(int(code, 16)) if code else "_" if underscore else letter
        for code, underscore, letter in _TOKEN.findall(part)
    )


def _marked(letter: str, following: str) -> str:
    """One letter as the programs take it. A hyphen stands for itself where it can begin nothing else."""
    if letter.isascii() and letter.isalnum():
        return letter
    if letter == "_":
        return "--"
    if letter == "-" and (
        not following or (following.isascii() and following.isalnum() and following != "u")
    ):
        return letter
    return f"-u{ord(letter):x}-"


def commodity_of(asset: str) -> str:
    """An asset's code, as it is shown, as a commodity: "USDT.PAPER" as it is, "1INCH" as "X-1INCH"."""
    if _PLAIN_COMMODITY.fullmatch(asset) and asset not in _RESERVED:
        return asset
    last = len(asset) - 1
    marked = "".join(
        letter
        if (letter.isascii() and (letter.isdigit() or letter.isupper())) or (letter == "." and at < last)
        else f"_{ord(letter):06X}"
        for at, letter in enumerate(asset)
    )
    return _ESCAPED + marked if marked else _NOTHING


def asset_of(commodity: str) -> str:
    """The asset that commodity_of was given."""
    if not commodity.startswith(_ESCAPED):
        return commodity
    if commodity == _NOTHING:
        return ""
    return re.sub("_([0-9A-F]{6})", lambda hit: chr(int(hit.group(1), 16)), commodity.removeprefix(_ESCAPED))


def value_of(text: str) -> str:
    """Any text as a tag's value: percent-encoded where a program would take a letter for its own."""
    return text if _PLAIN_VALUE.fullmatch(text) else quote(text, safe=_SAFE, errors="surrogatepass")


def text_of(value: str) -> str:
    """The text that value_of was given."""
    return unquote(value, errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where a ledger account went. One of many (a hold, a transfer) is told apart by a tag on the posting."""

    name: str
    tag: str = ""  # "hold" or "transfer", or none
    value: str = ""


@dataclass(slots=True)
class Chart:
    """The chart of accounts and commodities that an export has come to. As many names as there are accounts
    but holds and transfers, however many entries.
    """

    accounts: dict[tuple[str, str, str], Mapped] = field(default_factory=dict)
    commodities: dict[tuple[str, str], str] = field(default_factory=dict)

    def account(self, purse: str, book_id: str, account: str) -> Mapped:
        for prefix, tag in ((HELD_PREFIX, "hold"), (IN_TRANSIT_PREFIX, "transfer")):
            if account.startswith(prefix):
                name = self._named(purse, book_id, prefix + "*").name
                return Mapped(name, tag, account.removeprefix(prefix))
        return self._named(purse, book_id, account)

    def commodity(self, purse: str, asset: str) -> str:
        known = self.commodities.get((purse, asset))
        if known is None:
            known = self.commodities[purse, asset] = commodity_of(shown_asset(asset, purse))
        return known

    def mapping(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every account's name with what it stands for; a `*` for the tag's value."""
        for (purse, book_id, account), mapped in sorted(self.accounts.items()):
            whose = {"purse": purse, "book": book_id} if account.startswith(OWNER_PREFIX) else {}
            yield mapped.name, {**whose, "account": account}

    def assets(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every commodity with what it stands for."""
        for (purse, asset), commodity in sorted(self.commodities.items()):
            yield commodity, {"purse": purse, "asset": asset}

    def _named(self, purse: str, book_id: str, account: str) -> Mapped:
        key = (purse, book_id, account) if account.startswith(OWNER_PREFIX) else ("", "", account)
        known = self.accounts.get(key)
        if known is None:
            known = self.accounts[key] = Mapped(_name(purse, book_id, account))
        return known


def _name(purse: str, book_id: str, account: str) -> str:
    if account.startswith(OWNER_PREFIX):
        whose = f"{part_of(purse.lower())}:{part_of(book_id)}"
        if account == DUE:
            return f"Assets:Due:{whose}"
        if account == AVAILABLE:
            return f"Liabilities:{whose}:Available"
        if account == HELD_PREFIX + "*":
            return f"Liabilities:{whose}:Held"
        if account.startswith(BOT_PREFIX):
            return f"Liabilities:{whose}:Bot:{part_of(account.removeprefix(BOT_PREFIX))}"
        return f"Liabilities:{whose}:Other:{part_of(account.removeprefix(OWNER_PREFIX))}"
    if account in SINGLE:
        return SINGLE[account]
    if account.startswith(IN_TRANSIT_PREFIX):
        return "Assets:InTransit"
    word, colon, rest = account.partition(":")
    if colon and word in SHARED:
        return f"{SHARED[word]}:{part_of(rest)}"
    return f"Equity:Other:{part_of(account)}"
