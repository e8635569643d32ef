"""Rows of a statement as journal entries: which are new, what they post, whose they could not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from application.ports.commands import fingerprint
from application.ports.venue_statements import (
    CUSTODY,
    FEE,
    OPENING_BALANCE,
    TRADE,
    TRADED,
    TRANSIT,
    Move,
    RowProblem,
    StatedRow,
)
from application.records import record
from domain.errors import DomainError
from domain.ledger.book import Book
from domain.ledger.errors import InsufficientFunds
from domain.ledger.events import BookEvent
from domain.ledger.postings import OWNER_PREFIX, Posting, custody_account
from domain.money import ZERO, Money, add, negate, subtract

LONGEST_REFERENCE = 200
_ATTEMPTS = 32
_OPENING_NEEDED = (
    "give what stood there before as opening balances (--opening FILE); `opening_needed` says how much"
)


@record
class StatedEntry:
    """One entry, the rows it is made of, and the facts that nobody may book again."""

    entry_id: str
    kind: str
    postings: tuple[Posting, ...]
    at: datetime
    reference: str
    venue_fee: Money | None
    facts: tuple[str, ...]
    rows: tuple[int, ...]

    def post(self, book: Book) -> Sequence[BookEvent]:
        return book.post(
            entry_id=self.entry_id,
            kind=self.kind,
            postings=self.postings,
            at=self.at,
            reference=self.reference,
            venue_fee=self.venue_fee,
        )


@record
class Keyed:
    """A row with its natural key: the venue's id, or its content and its place among equal rows."""

    said: StatedRow
    fact: str
    content: str  # of a row with an id: what else must be the same

    @property
    def facts(self) -> tuple[str, ...]:
        return (self.fact, self.content) if self.content else (self.fact,)


@dataclass(slots=True)
class Ids:
    """The ids met in one file, with their rows' content: a second row of an id is the same, or a problem."""

    met: dict[str, str] = field(default_factory=dict)


def keyed(book_id: str, file_format: str, moment: Iterable[StatedRow]) -> list[Keyed]:
    """The rows of one moment with their keys. Equal rows are of one moment: that counts them."""
    equal: Counter[str] = Counter()
    found = []
    for said in moment:
        if said.venue_id:
            fact = _fact(book_id, file_format, "id", said.venue_id)
            content = _fact(book_id, file_format, "is", said.venue_id, said.content)
            found.append(Keyed(said=said, fact=fact, content=content))
            continue
        equal[said.content] += 1
        ordinal = str(equal[said.content])
        fact = _fact(book_id, file_format, "row", said.content, ordinal)
        found.append(Keyed(said=said, fact=fact, content=""))
    return found


@dataclass(slots=True)
class Judged:
    """What one moment's rows come to."""

    entries: list[StatedEntry] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    already: int = 0  # rows
    nothing: int = 0  # rows that cancel each other out
    short: list[StatedRow] = field(default_factory=list)  # understood, but for more than there is


@dataclass(frozen=True, slots=True)
class _Waiting:
    """New rows of one group, for their turn in a moment."""

    rows: list[Keyed]
    entries: list[StatedEntry]


def judged(
    rows: Sequence[Keyed], book: Book, known: AbstractSet[str], ids: Ids, now: datetime
) -> tuple[Judged, Book]:
    """The entries of one moment's rows that are not `known` yet, and the book after them.

    Within one moment a file's order means nothing: what the balance does not cover is tried again after the
    others, from the other end: enough for a file of either order. A long chain that somebody shuffled ends as
    a problem, not as hours of work.
    """
    result, waiting = Judged(), list[_Waiting]()
    for group in _groups(rows):
        problem, fresh, already = _fresh(group, known, ids, now)
        result.already += already
        result.problems += problem
        try:
            waiting += [_Waiting(fresh, _entries(fresh, book.venue_account))] if fresh else []
        except DomainError as e:
            result.problems += [_refused(one.said, e) for one in fresh]
    left: list[tuple[_Waiting, DomainError]] = []
    for _ in range(_ATTEMPTS):
        left = []
        for one in waiting:
            try:
                book = _posted(book, one.entries)
            except DomainError as e:
                left.append((one, e))
                continue
            result.entries += one.entries
            result.nothing += len(one.rows) - sum(len(entry.rows) for entry in one.entries)
        if len(left) == len(waiting):
            break
        waiting = [one for one, _ in reversed(left)]
    for one, refusal in sorted(left, key=lambda pair: pair[0].rows[0].said.row):
        result.problems += [_refused(row.said, refusal) for row in one.rows]
        if isinstance(refusal, InsufficientFunds):
            result.short += [row.said for row in one.rows]
    return result, book


def owner_change(entry: StatedEntry) -> dict[str, Decimal]:
    """What an entry changes of what the owner has, by asset."""
    changes: dict[str, Decimal] = {}
    for leg in entry.postings:
        if leg.account.startswith(OWNER_PREFIX):
            changes[leg.asset] = subtract(changes.get(leg.asset, ZERO), leg.amount)
    return changes


def stated_change(said: StatedRow) -> dict[str, Decimal]:
    """The same of a row, whether or not it can be posted."""
    changes: dict[str, Decimal] = {}
    for move in said.moves:
        if move.out_of.startswith(OWNER_PREFIX):
            asset = move.money.asset
            changes[asset] = add(changes.get(asset, ZERO), move.money.amount)
    return changes


def _groups(rows: Sequence[Keyed]) -> Iterator[list[Keyed]]:
    """Rows that are one entry, in the order of their first."""
    groups: dict[str, list[Keyed]] = {}
    for number, one in enumerate(rows):
        groups.setdefault(one.said.group or f"\0{number}", []).append(one)
    yield from groups.values()


def _fresh(
    group: Sequence[Keyed], known: AbstractSet[str], ids: Ids, now: datetime
) -> tuple[list[RowProblem], list[Keyed], int]:
    """Of one group: what is wrong with it, or else the rows that are new; and how many are there already."""
    fresh, problems, already = [], list[RowProblem](), 0
    for one in group:
        if wrong := _wrong(one, known, ids, now):
            problems.append(wrong)
        elif one.fact in known or one.fact in ids.met:
            already += 1
        else:
            fresh.append(one)
            if one.content:
                ids.met[one.fact] = one.content
    if fresh and not problems and (said := _one_sided(group)) is not None:
        problem = "is one side of a trade whose other side is not in the file"
        problems = [_problem(said, "kind", said.kind, problem, "export the whole of that moment again")]
    if problems:
        bad, also = {found.row for found in problems}, "belongs to a row that was not understood"
        way_out = f"see row {problems[0].row}"
        left = (one.said for one in fresh if one.said.row not in bad)
        problems += [_problem(said, problems[0].field, "", also, way_out) for said in left]
        return problems, [], already
    return [], fresh, already


def _wrong(one: Keyed, known: AbstractSet[str], ids: Ids, now: datetime) -> RowProblem | None:
    said = one.said
    for name, told in (("reference", said.reference), ("id", said.venue_id)):
        if len(told) > LONGEST_REFERENCE or not told.isprintable():
            problem = f"is no text of at most {LONGEST_REFERENCE} printable characters"
            return _problem(said, name, told[:LONGEST_REFERENCE], problem, "mend it in the file")
    same = ids.met.get(one.fact, one.content) == one.content and (
        one.fact not in known or one.content in known or not one.content
    )
    if not same:
        problem, way_out = "is the id of another row with other content, too", "ask the venue which is right"
        if said.kind == OPENING_BALANCE:
            problem = "is an opening balance that was given before, with another amount"
            way_out = "give the rest, or all of it once that one is reversed, a time of its own"
        return _problem(said, "id", said.venue_id, problem, way_out)
    if said.at > now:
        problem = f"is in the future, it is {now:%Y-%m-%dT%H:%M:%SZ}"
        return _problem(
            said, "time", f"{said.at:%Y-%m-%dT%H:%M:%SZ}", problem, "correct the zone of the times"
        )
    return None


def _one_sided(group: Sequence[Keyed]) -> StatedRow | None:
    """The first row of trades that only give or only take."""
    trades = [one.said for one in group if one.said.kind == TRADE]
    moves = (move for said in trades for move in said.moves if move.money.amount)
    ways = {(move.money.amount > 0) == (move.into != TRADED) for move in moves}
    return trades[0] if trades and len(ways) < 2 else None


def _entries(fresh: Sequence[Keyed], venue_account: str) -> list[StatedEntry]:
    """One entry; fees in a second asset have one of their own, since an entry names one fee."""
    main = [one for one in fresh if one.said.kind != FEE]
    first = min((_fee_asset(one) for one in fresh if one.said.fee is not None), default="")
    apart, together = list[Keyed](), list[Keyed]()
    for one in fresh:
        alone = one.said.kind == FEE and _fee_asset(one) not in ("", first)
        (apart if alone else together).append(one)
    made = [_entry(together, main[0].said.kind if main else FEE, venue_account)]
    ordered = sorted(apart, key=_fee_asset)
    made += [_entry(list(rows), FEE, venue_account) for _, rows in groupby(ordered, key=_fee_asset)]
    return [entry for entry in made if entry.postings]


def _fee_asset(one: Keyed) -> str:
    return one.said.fee.asset if one.said.fee is not None else ""


def _entry(rows: Sequence[Keyed], kind: str, venue_account: str) -> StatedEntry:
    said = rows[0].said
    fees = [one.said.fee for one in rows if one.said.fee is not None]
    fee = fees[0] if fees else None
    for more in fees[1:]:
        fee = more if fee is None else fee + more
    moves = [move for one in rows for move in one.said.moves]
    facts = tuple(fact for one in rows for fact in one.facts)
    return StatedEntry(
        entry_id=f"statement:{fingerprint(*sorted(one.fact for one in rows))[:32]}",
        kind=kind,
        postings=_postings(moves, venue_account, netted=kind != OPENING_BALANCE),
        at=said.at,
        reference=said.reference,
        venue_fee=fee if fee is not None and fee.amount else None,
        facts=facts,
        rows=tuple(one.said.row for one in rows),
    )


def _postings(moves: Iterable[Move], venue_account: str, *, netted: bool) -> tuple[Posting, ...]:
    """The legs; netted by account, and none where nothing is left. Opening balances show both their sides."""
    legs = []
    for move in moves:
        money = move.money
        legs.append(Posting(_account(move.into, venue_account), money.asset, money.amount))
        legs.append(Posting(_account(move.out_of, venue_account), money.asset, negate(money.amount)))
    if not netted:
        return tuple(leg for leg in legs if leg.amount)
    sums: dict[tuple[str, str], Decimal] = {}
    for leg in legs:
        key = (leg.asset, leg.account)
        sums[key] = add(sums.get(key, ZERO), leg.amount)
    ordered = sorted(sums.items())
    return tuple(Posting(account, asset, amount) for (asset, account), amount in ordered if amount)


def _account(name: str, venue_account: str) -> str:
    if name == CUSTODY or name.startswith(f"{CUSTODY}:"):
        return custody_account(venue_account) + name.removeprefix(CUSTODY)
    return f"{TRANSIT}:{venue_account}" if name == TRANSIT else name


def _posted(book: Book, entries: Sequence[StatedEntry]) -> Book:
    for entry in entries:
        for event in entry.post(book):
            book = book.evolve(event)
    return book


def _refused(said: StatedRow, refusal: DomainError) -> RowProblem:
    if isinstance(refusal, InsufficientFunds):
        problem = f"takes {refusal.required} where the book has {refusal.available}"
        return _problem(said, "amount", str(refusal.required), problem, _OPENING_NEEDED)
    return _problem(said, "amount", "", str(refusal), "leave it out with --partial and book it by hand")


def _problem(said: StatedRow, name: str, value: str, problem: str, way_out: str) -> RowProblem:
    return RowProblem(row=said.row, field=name, value=value, problem=problem, way_out=way_out)


def _fact(book_id: str, *parts: str) -> str:
    return f"statement:{book_id}:{fingerprint(*parts)[:32]}"
