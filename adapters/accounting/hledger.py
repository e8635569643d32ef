"""A journal for hledger, which passes `hledger check --strict`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from adapters.accounting.names import value_of
from adapters.accounting.plain_text import TextJournal, details, fee
from application.queries.journal import JournalEntry
from domain.money import ZERO, add, text


class HledgerJournal(TextJournal):
    """Transactions in log order, dated by when they happened, so that dates need not grow."""

    def __init__(self, path: Path, as_of: str) -> None:
        super().__init__(path, as_of)
        self._decimals: dict[str, int] = {}

    def transaction(self, entry: JournalEntry, day: date) -> str:
        chart, balances = self.chart, self.balances
        tags = ", ".join(f"{name}:{value}" for name, value in (*details(entry), *fee(entry, chart)))
        lines = [f"{day.isoformat()} ({entry.position}) {value_of(entry.kind)}\n    ; {tags}\n"]
        for leg in entry.postings:
            account = chart.account(entry.purse, entry.book_id, leg.account)
            commodity = chart.commodity(entry.purse, leg.asset)
            key = (account.name, commodity)
            balances[key] = add(balances.get(key, ZERO), leg.amount)
            amount = text(leg.amount)
            decimals = len(amount.partition(".")[2])
            if decimals > self._decimals.get(commodity, 0):
                self._decimals[commodity] = decimals
            tag = f"  ; {account.tag}:{value_of(account.value)}" if account.tag else ""
            lines.append(f'    {account.name}  {amount} "{commodity}"{tag}\n')
        lines.append("\n")
        return "".join(lines)

    def above(self) -> Iterator[str]:
        """Amounts are shown, and balanced, with as many decimals as the commodity is declared with."""
        yield "decimal-mark ."
        for commodity in sorted(set(self.chart.commodities.values())):
            yield f'commodity 1.{"0" * self._decimals.get(commodity, 0)} "{commodity}"'
        for name in sorted({mapped.name for mapped in self.chart.accounts.values()}):
            yield f"account {name}"

    def below(self) -> Iterator[str]:
        yield f"{self.last.isoformat()} balances"
        for (account, commodity), balance in sorted(self.balances.items()):
            yield f'    {account}  0 "{commodity}" = {text(balance)} "{commodity}"'
