"""Every command of `evenkeel`.

What takes long to import (the database, the web server, vendors) is imported by the functions that need it:
help is there at once, and a command that looks at the log does not wait for the web server.
"""

from __future__ import annotations

from entrypoints.cli import (
    demo,
    doctor,
    ledger_import,
    ledger_posting,
    ledger_transfers,
    log_proofs,
    processes,
    simulator,
)
from entrypoints.cli.app import app
from entrypoints.cli.backup import backup
from entrypoints.cli.bots import bots
from entrypoints.cli.data import data
from entrypoints.cli.db import db
from entrypoints.cli.kill_switch import kill_switch
from entrypoints.cli.ledger import ledger
from entrypoints.cli.liabilities import liabilities
from entrypoints.cli.log import log
from entrypoints.cli.orders import orders
from entrypoints.cli.paper import paper
from entrypoints.cli.projections import projections
from entrypoints.cli.risk import risk
from entrypoints.cli.users import users
from entrypoints.cli.venue_accounts import vault, venue_accounts

app.add_typer(db, name="db")
app.add_typer(data, name="data")
app.add_typer(log, name="log")
app.add_typer(backup, name="backup")
app.add_typer(projections, name="projections")
app.add_typer(ledger, name="ledger")
app.add_typer(liabilities, name="liabilities")
app.add_typer(users, name="users")
app.add_typer(paper, name="paper")
app.add_typer(bots, name="bots")
app.add_typer(orders, name="orders")
app.add_typer(venue_accounts, name="venue-accounts")
app.add_typer(vault, name="vault")
app.add_typer(risk, name="risk")
app.add_typer(kill_switch, name="kill-switch")

__all__ = [
    "app",
    "demo",
    "doctor",
    "ledger_import",
    "ledger_posting",
    "ledger_transfers",
    "log_proofs",
    "processes",
    "simulator",
]
