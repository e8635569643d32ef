"""The demo account of `serve --demo`: a person, paper money and a bot that trades it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from adapters.secrets.passwords import generated_password
from application.bots.manage_bots import CreateBot, StartBot
from application.paper.accounts import OpenPaperBook
from application.ports.candle_store import Series
from application.ports.commands import Caller, derived_id
from application.ports.paper_accounts import PaperTerms
from application.queries.starting_points import after_candle
from domain.accounts.account import AUDITOR, OPERATOR, TRADER
from domain.bots.events import BotTerms
from domain.errors import InvalidValue
from domain.money import Money
from entrypoints.composition import Container, cells
from entrypoints.private_files import data_folder, read_private, write_private
from entrypoints.settings import Settings
from entrypoints.synthetic_feed import SyntheticFeed

EMAIL = "demo@example.org"
SIGN_IN_FILE = "demo-sign-in.json"
SYNTHETIC_SERIES = Series("synthetic", "BTC/USDT", "1m")
FUNDING, ALLOCATION = Decimal(10_000), Decimal(5_000)  # in the quote asset of the series
_SCOPE = "system:demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """What the banner prints."""

    email: str
    password: str
    sign_in_file: Path
    series: Series
    bot_id: str


def ensure_demo(container: Container, settings: Settings, *, candles: Path | None) -> DemoAccount:
    """Make what is missing of the demo; what is there is left as it stands, so a second start resumes.

    Every step has a fixed command id: a start that was killed in the middle is completed by the next one.
    """
    if settings.is_production:
        raise InvalidValue("demo", "refused in production: its password is printed at every start")
    path = data_folder(settings) / SIGN_IN_FILE
    password = _password(container, path)
    account_id = _account(container, password)
    services = container.services()
    series = _series(container, settings, candles)
    quote = _quote(series)
    # what trades in another asset than the first demo's has a paper account of its own, funded in that asset
    own = () if quote == _quote(SYNTHETIC_SERIES) else (quote,)
    book_id = derived_id("paper", _SCOPE, account_id, *own)
    opening = OpenPaperBook(book_id, account_id, (Money(FUNDING, quote),), PaperTerms())
    services.paper_accounts.open(opening, _caller(":".join(("paper", *own)))).unwrap()
    bot_id = derived_id("bot", _SCOPE, series.source, series.symbol, series.interval, *own)
    parameters = {"fast": "5", "slow": "13"} if series == SYNTHETIC_SERIES else {"fast": "12", "slow": "26"}
    terms = BotTerms(
        name=f"EMA {parameters['fast']}/{parameters['slow']} on {series.source} {series.symbol}",
        strategy="ema_crossover",
        parameters=parameters,
        venue=cells(container)[0].exchange().name,
        symbol=series.symbol,
        interval=series.interval,
        source=series.source,
        allocation=Money(ALLOCATION, quote),
    )
    create = CreateBot(bot_id, account_id, book_id, book_is_new=False, terms=terms)
    services.bus.execute(create, _caller(f"create:{bot_id}")).unwrap()
    begins = after_candle(services, bot_id, None, resuming=False)
    services.bus.execute(StartBot(bot_id, account_id, begins), _caller(f"start:{bot_id}"))
    return DemoAccount(email=EMAIL, password=password, sign_in_file=path, series=series, bot_id=bot_id)


def _password(container: Container, path: Path) -> str:
    """The one in the file; where that is gone, a new one, for the account that may be there too."""
    known = read_private(path, "password")
    if known is not None:
        return known["password"]
    password = generated_password(EMAIL)
    write_private(path, {"email": EMAIL, "password": password})
    identity = container.identities().by_email(EMAIL)
    if identity is not None:
        hashed = container.hasher().hash(password)
        container.identities().replace_password_hash(identity.account_id, hashed)
    return password


def _account(container: Container, password: str) -> str:
    outcome = container.services().register(
        email=EMAIL, password=password, roles=(TRADER, OPERATOR, AUDITOR), caller=_caller("register")
    )
    account_id: str = outcome.unwrap()["account_id"]
    return account_id


def _series(container: Container, settings: Settings, candles: Path | None) -> Series:
    if candles is not None:
        return container.import_candles()([str(candles)]).series
    feed = SyntheticFeed(
        container.candles(), container.clock(), candles_per_s=settings.synthetic_candles_per_s
    )
    feed.begin(SYNTHETIC_SERIES)
    return SYNTHETIC_SERIES


def _caller(step: str) -> Caller:
    return Caller(actor=_SCOPE, command_id=f"demo:{step}", correlation_id=f"demo:{step}", scope=_SCOPE)


def _quote(series: Series) -> str:
    return series.symbol.partition("/")[2]
