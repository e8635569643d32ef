"""A journal for beancount 3, which passes `bean-check` with no tolerance at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact

from adapters.accounting.names import value_of
from adapters.accounting.plain_text import TextJournal, details, fee
from application.ports.event_log import Position
from application.queries.journal import JournalEntry
from domain.money import ZERO, text

DIGITS = 28
_AS_IT_COUNTS = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=[Inexact])


class TooExactForBeancount(Exception):
    """Beancount counts with 28 digits and would round what it is given."""

    def __init__(self, position: Position) -> None:
        super().__init__(f"at {position} an amount or a balance has more than {DIGITS} digits")
        self.position = position


class BeancountJournal(TextJournal):
    """Raises TooExactForBeancount where its arithmetic would not be ours."""

    def transaction(self, entry: JournalEntry, day: date) -> str:
        chart, balances = self.chart, self.balances
        lines = [f'{day.isoformat()} * "{value_of(entry.kind)}"\n']
        lines += [f'  {name}: "{value}"\n' for name, value in details(entry)]
        lines += [f'  {name}: "{value}"\n' for name, value in fee(entry, chart)]
        left: dict[str, Decimal] = {}
        try:
            for leg in entry.postings:
                account = chart.account(entry.purse, entry.book_id, leg.account)
                commodity = chart.commodity(entry.purse, leg.asset)
                amount = _AS_IT_COUNTS.plus(leg.amount)
                left[commodity] = _AS_IT_COUNTS.add(left.get(commodity, ZERO), amount)
                key = (account.name, commodity)
                balances[key] = _AS_IT_COUNTS.add(balances.get(key, ZERO), amount)
                lines.append(f"  {account.name}  {text(amount)} {commodity}\n")
                if account.tag:
                    lines.append(f'    {account.tag}: "{value_of(account.value)}"\n')
        except Inexact:
            raise TooExactForBeancount(entry.position) from None
        lines.append("\n")
        return "".join(lines)

    def above(self) -> Iterator[str]:
        yield 'option "title" "Evenkeel"'
        yield 'option "tolerance_multiplier" "0"'
        if self.chart.accounts:
            opened = self.first.isoformat()
            for commodity in sorted(set(self.chart.commodities.values())):
                yield f"{opened} commodity {commodity}"
            for name in sorted({mapped.name for mapped in self.chart.accounts.values()}):
                yield f"{opened} open {name}"

    def below(self) -> Iterator[str]:
        """A balance directive speaks of the morning of its day: of the day after the last."""
        if self.last < date.max:
            morning = (self.last + timedelta(days=1)).isoformat()
            for (account, commodity), balance in sorted(self.balances.items()):
                yield f"{morning} balance {account}  {text(balance)} ~ 0 {commodity}"
