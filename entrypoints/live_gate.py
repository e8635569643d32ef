"""What the LIVE gate asks of this installation: its settings, its secrets, the limits that are set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.persistence.database_url import sqlite_path
from application.live.preflight import PreflightTerms
from application.live.validation import Criteria
from application.ports.event_log import EventLog
from application.ports.identities import Identities
from application.streams import PLATFORM, risk_stream
from domain.bots.bot import Bot
from domain.platform.platform import Platform
from domain.risk.risk import Risk
from entrypoints.checkpoints import key_file, vault_key_file
from entrypoints.settings import Settings
from entrypoints.venues import NoRealMoney

DEMO_EMAIL = "demo@example.org"
LEAST_PASSWORD = 12
_DEFAULTS = frozenset(
    {"admin", "changeme", "default", "evenkeel", "password", "postgres", "root", "secret", "test", "trader"}
)


def preflight_terms(settings: Settings) -> PreflightTerms:
    return PreflightTerms(
        least_balance_usd=settings.live_least_balance_usd,
        criteria=Criteria(
            least_days=settings.live_paper_days,
            least_trades=settings.live_paper_trades,
            most_drawdown_bps=settings.live_paper_most_drawdown_bps,
            least_profit_factor=settings.live_paper_least_profit_factor,
        ),
        test_venues=NoRealMoney(settings.simulator_urls),
        live_sources=settings.venues_followed_live,
    )


def secret_problems(settings: Settings, identities: Identities) -> Sequence[str]:
    """In words, what of this installation's secrets is a default, weak, or open to others; never the secret.

    A file that is not here is no problem: a process that does not need it has not got it.
    """
    problems = [
        f"others may read {what} ({path.name}); `chmod 600` it"
        for what, path in (
            ("the log's signing key", key_file(settings)),
            ("the vault's key", vault_key_file(settings)),
        )
        if _is_open(path)
    ]
    if sqlite_path(settings.database) is None:
        password = unquote(urlsplit(settings.database).password or "")
        if password and (password.lower() in _DEFAULTS or len(password) < LEAST_PASSWORD):
            problems.append(
                f"the database's password is a default or short; give it one of {LEAST_PASSWORD} characters"
            )
    if settings.is_production and identities.by_email(DEMO_EMAIL) is not None:
        problems.append(f"the demo account {DEMO_EMAIL} exists; an installation with real money has none")
    return problems


def daily_loss_limit(log: EventLog, bot: Bot) -> int | None:
    """What the account or the platform is set to; the hard bound alone was set by nobody."""
    risk: Risk = log.load(risk_stream(bot.owner_id)).state
    platform: Platform = log.load(PLATFORM).state
    given = (risk.limits.max_daily_loss_bps, platform.limits.max_daily_loss_bps)
    return min((limit for limit in given if limit is not None), default=None)


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False
