"""Every option with its unit and default: from EVENKEEL_… variables, then a TOML file if one is named."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from adapters.checkpoints.push_sink import parse_push_url
from application.ports.event_log import OneShardOnly
from domain.errors import DomainError
from domain.money import parse_amount, parse_asset
from domain.sealing.notes import origin_problem

PREFIX = "EVENKEEL_"
FILE_VARIABLE = "EVENKEEL_SETTINGS_FILE"
_VENUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_NOT_SETTINGS = {FILE_VARIABLE, "EVENKEEL_FAILPOINT", "EVENKEEL_SHARED", "EVENKEEL_NETWORK_TESTS"}


class InvalidSettings(DomainError, code="invalid_settings"):
    """A setting is not usable; the message names it, the problem and the way out."""


class Settings(BaseSettings):
    """Read once, at start. An environment variable wins over the file, the command line over both."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    environment: Literal["development", "production"] = Field(
        "development", description="production refuses failpoints and insecure cookies"
    )
    data_dir: Path = Field(Path("var"), description="folder for the SQLite file and what belongs to it")
    database_url: str = Field(
        "",
        description="sqlite:///path/to/file.db or postgresql://user@host/db; empty: evenkeel.db in data_dir",
    )
    database_pool_connections: int = Field(5, ge=1, le=100, description="PostgreSQL connections kept open")
    lock_timeout_ms: int = Field(1_000, ge=10, le=60_000, description="longest wait for a database lock")
    statement_timeout_ms: int = Field(5_000, ge=100, le=600_000, description="longest database statement")
    shards: int = Field(
        1,
        ge=1,
        le=64,
        description="of a PostgreSQL database; fixed when it is created, and the same ever after",
    )
    pg_bin: Path | None = Field(
        None, description="folder of pg_dump and pg_restore, for backups; default: looked for on PATH"
    )
    backup_dir: Path | None = Field(
        None, description="folder of backups, a directory each: the newest one's age is watched"
    )
    backup_longest_age_h: float = Field(
        24.0,
        gt=0,
        le=8_760,
        description="age of the newest backup, in hours, beyond which health is degraded",
    )

    http_host: str = Field("127.0.0.1", description="address the API listens on")
    http_port: int = Field(8000, ge=0, le=65535, description="port of the API; 0 takes a free one")
    insecure_cookies: bool | None = Field(
        None, description="session cookies over plain HTTP; default: only in development, on loopback"
    )
    request_body_limit_bytes: int = Field(256 * 1024, ge=1024, description="larger bodies are refused")
    forwarded_allow_ips: str = Field("", description="proxies whose X-Forwarded-… headers are believed")

    metrics_host: str = Field(
        "127.0.0.1", description="address of the metrics port; it asks nobody who they are"
    )
    metrics_port: int = Field(9090, ge=0, le=65535, description="port of the metrics; 0 takes a free one")

    log_origin: str = Field(
        "evenkeel.local/log",
        description="the log's name, given to its key when that is made",
    )
    signing_key_file: Path | None = Field(
        None, description="the key that signs checkpoints; default: beside the database, made if new"
    )
    log_public_key: str = Field(
        "",
        description="of processes without the signing key: what the log's checkpoints are checked with; "
        "of several shards each one's, comma-separated",
    )
    checkpoint_files: str = Field(
        "",
        description="comma-separated files that signed checkpoints are appended to, on other disks at best; "
        "default: a file beside the database",
    )

    checkpoint_urls: str = Field(
        "",
        description="comma-separated http(s) addresses that signed checkpoints are pushed to, by POST",
    )
    liability_salts_file: Path | None = Field(
        None,
        description="the secret that hides owners in proofs of liabilities; default: beside the database, "
        "made when they are first published",
    )

    live_least_balance_usd: Decimal = Field(
        Decimal(100), ge=0, description="least worth of a venue account, in US dollars, to trade LIVE on it"
    )
    live_paper_days: int = Field(14, ge=0, description="days a paper twin must have traded before LIVE")
    live_paper_trades: int = Field(20, ge=0, description="closed trades a paper twin must have made")
    live_paper_most_drawdown_bps: int = Field(
        1_500, ge=1, le=10_000, description="deepest fall of a paper twin's realised profit, in basis points"
    )
    live_paper_least_profit_factor: Decimal = Field(
        Decimal("1.2"), ge=0, description="what a paper twin's winning trades made, over what the others lost"
    )
    vault_key_file: Path | None = Field(
        None,
        description="the master key of the vault that exchanges' keys are kept in; default: beside the "
        "database, made when the first key is imported",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level logged")
    log_format: Literal["json", "console"] = Field("json", description="console is used on a terminal only")
    sentry_dsn: SecretStr = Field(SecretStr(""), description="where error reports go; empty: nowhere")

    shutdown_s: float = Field(20.0, gt=0, le=300, description="longest time to finish open work at a stop")
    feed_poll_s: float = Field(5.0, gt=0, le=3_600, description="how often a venue is asked for a due candle")
    live_venues: str = Field(
        "",
        description="comma-separated ccxt names, such as kraken: candles of these sources are followed live",
    )
    feed_stale_s: float = Field(
        10.0,
        gt=0,
        le=86_400,
        description="how late a followed venue's next candle may be before its bots pause until it comes",
    )
    simulators: str = Field(
        "",
        description="comma-separated name=url of simulated exchanges, such as "
        "simulator=http://127.0.0.1:8700: venues to rehearse LIVE at",
    )
    venue_timeout_ms: int = Field(
        10_000, ge=100, le=60_000, description="longest wait for a venue; then the outcome is unknown"
    )
    reconcile_dust: str = Field(
        "",
        description="comma-separated ASSET=amount: a real venue's balance that differs by no more agrees",
    )
    replay_speed: str = Field(
        "max", description="of bots on imported candles: max, x60 (candle time) or 10/s (candles a second)"
    )
    synthetic_candles_per_s: float = Field(2.0, gt=0, le=1_000, description="speed of generated candles")
    reconcile_every_minutes: float = Field(
        5.0, ge=0, le=10_080, description="how often the worker holds the books against the venue; 0: never"
    )
    ready_lag_events: int = Field(5_000, ge=1, description="projection lag beyond which /readyz says no")
    ready_heartbeat_s: float = Field(30.0, gt=0, description="worker silence beyond which /readyz says no")
    ready_seal_age_s: float = Field(
        30.0, gt=0, description="time without a round of sealing that went well beyond which /readyz says no"
    )

    @field_validator("log_origin")
    @classmethod
    def _origin_can_be_signed(cls, origin: str) -> str:
        if problem := origin_problem(origin):
            raise ValueError(problem)
        return origin

    @field_validator("simulators")
    @classmethod
    def _names_and_urls(cls, simulators: str) -> str:
        for name, url in _pairs(simulators):
            if not _VENUE.fullmatch(name) or not url.startswith(("http://", "https://")):
                raise ValueError(f"{name}={url}: write name=http://host:port, the name in small letters")
        return simulators

    @field_validator("reconcile_dust")
    @classmethod
    def _assets_and_amounts(cls, dust: str) -> str:
        for asset, amount in _pairs(dust):
            parse_asset(asset)
            if parse_amount(amount) < 0:
                raise ValueError(f"{asset}={amount}: must not be negative")
        return dust

    @field_validator("checkpoint_urls")
    @classmethod
    def _can_be_pushed_to(cls, urls: str) -> str:
        for url in _listed(urls):
            parse_push_url(url)
        return urls

    @model_validator(mode="after")
    def _production_is_strict(self) -> Settings:
        if self.environment == "production" and self.insecure_cookies:
            raise ValueError(
                "insecure_cookies: refused in production; put a TLS proxy in front and leave it unset"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # we name one file, in one format
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        named = os.environ.get(FILE_VARIABLE, "")
        if not named:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(named))

    @property
    def database(self) -> str:
        """The address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'evenkeel.db'}"

    @property
    def checkpoint_addresses(self) -> list[str]:
        return _listed(self.checkpoint_urls)

    @property
    def venues_followed_live(self) -> frozenset[str]:
        return frozenset(_listed(self.live_venues))

    @property
    def simulator_urls(self) -> dict[str, str]:
        """By venue name."""
        return dict(_pairs(self.simulators))

    @property
    def dust(self) -> dict[str, Decimal]:
        """By asset."""
        return {asset: parse_amount(amount) for asset, amount in _pairs(self.reconcile_dust)}

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def sends_cookies_over_http(self) -> bool:
        if self.insecure_cookies is not None:
            return self.insecure_cookies
        return not self.is_production and self.http_host in ("127.0.0.1", "::1", "localhost")


def load_settings(**given: Any) -> Settings:
    """What environment and file say, and over them what was `given` (None counts as not given).

    Errors: InvalidSettings.
    """
    named = os.environ.get(FILE_VARIABLE, "")
    if named and not Path(named).is_file():
        raise InvalidSettings(f"{FILE_VARIABLE}: there is no file {named}")
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as e:
        raise InvalidSettings("; ".join(_problem(error) for error in e.errors())) from None
    except (SettingsError, ValueError, OSError) as e:
        raise InvalidSettings(f"{FILE_VARIABLE}={named}: {e}") from None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """EVENKEEL_… variables that name no setting: a typing mistake is found, not ignored."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _NOT_SETTINGS
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name not in known)


def _listed(setting: str) -> list[str]:
    return [one.strip() for one in setting.split(",") if one.strip()]


def _pairs(setting: str) -> list[tuple[str, str]]:
    found = [one.partition("=") for one in _listed(setting)]
    return [(name.strip(), value.strip()) for name, _, value in found]


def _problem(error: Any) -> str:
    """One line that names the setting; never its value, which may be a secret."""
    if not error["loc"]:
        return (
            str(error["msg"])
            .removeprefix("Value error, ")
            .replace("insecure_cookies:", f"{PREFIX}INSECURE_COOKIES:")
        )
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{name}: there is no such setting; `evenkeel doctor --settings` lists them"
    return f"{PREFIX}{name.upper()}: {str(error['msg']).removeprefix('Value error, ')}"


def require_one_shard(settings: Settings, what: str) -> None:
    """Raises OneShardOnly."""
    if settings.shards > 1:
        raise OneShardOnly(what=what)
