"""The options that say how a paper account fills and charges: shared by `paper open` and `demo`."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from domain.errors import InvalidValue

_WORDS = ("fill_convention", "fee_asset")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)

FillConvention = Annotated[
    str, typer.Option("--fill", metavar="next_open|close", help="At which price market orders fill.")
]
Fee = Annotated[str | None, typer.Option("--fee", help="Maker and taker fee, as a share: 0.001 is 0.1 %.")]
MakerFee = Annotated[str | None, typer.Option("--maker-fee", help="Maker fee; a share.")]
TakerFee = Annotated[str | None, typer.Option("--taker-fee", help="Taker fee; a share.")]
FeeAsset = Annotated[
    str, typer.Option("--fee-asset", metavar="quote|received", help="In what the venue takes its fee.")
]
Tick = Annotated[str, typer.Option("--tick", help="Smallest step of a price; 0 is off.")]
Lot = Annotated[str, typer.Option("--lot", help="Smallest step of a quantity; 0 is off.")]
MinNotional = Annotated[
    str, typer.Option("--min-notional", help="Least worth of an order in quote; 0 is off.")
]
VolumeCap = Annotated[
    str | None, typer.Option("--volume-cap", help="Most of a candle's volume an order takes; a share.")
]
Slippage = Annotated[str, typer.Option("--slippage-bps", help="Cost of market orders, in basis points.")]
Latency = Annotated[int, typer.Option("--latency-ms", min=0, help="Delay before an order may match.")]
FillProbability = Annotated[
    str, typer.Option("--fill-probability", help="Chance of a match per order and candle, from the seed.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of what is drawn; the same seed gives the same run.")]
BaseScale = Annotated[int, typer.Option("--base-scale", min=0, max=18, help="Decimal places of the base.")]
QuoteScale = Annotated[int, typer.Option("--quote-scale", min=0, max=18, help="Decimal places of the quote.")]


Terms = dict[str, str]
"""A paper account's terms as they are stored."""


def as_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of terms_as_text in place of its parameter `terms`."""
    signature = inspect.signature(command, eval_str=True)
    options = inspect.signature(terms_as_text, eval_str=True).parameters

    @functools.wraps(command)
    def asked(**given: Any) -> None:
        terms = terms_as_text(**{name: given.pop(name) for name in options})
        command(**given, terms=terms)

    parameters = [
        option
        for parameter in signature.parameters.values()
        for option in (options.values() if parameter.name == "terms" else (parameter,))
    ]
    asked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return asked


def terms_as_text(
    *,
    fill: FillConvention = "next_open",
    fee: Fee = None,
    maker_fee: MakerFee = None,
    taker_fee: TakerFee = None,
    fee_asset: FeeAsset = "quote",
    tick: Tick = "0",
    lot: Lot = "0",
    min_notional: MinNotional = "0",
    volume_cap: VolumeCap = None,
    slippage_bps: Slippage = "0",
    latency_ms: Latency = 0,
    fill_probability: FillProbability = "1",
    seed: Seed = 0,
    base_scale: BaseScale = 18,
    quote_scale: QuoteScale = 18,
) -> Terms:
    """The options as a paper account's terms are stored; the venue checks them."""
    terms = {
        "fill_convention": fill,
        "maker_fee_rate": maker_fee or fee or "0.001",
        "taker_fee_rate": taker_fee or fee or "0.001",
        "fee_asset": fee_asset,
        "tick_size": tick,
        "lot_size": lot,
        "min_notional": min_notional,
        "slippage_bps": slippage_bps,
        "latency_ms": str(latency_ms),
        "fill_probability": fill_probability,
        "seed": str(seed),
        "base_scale": str(base_scale),
        "quote_scale": str(quote_scale),
    }
    if volume_cap is not None:
        terms["volume_cap"] = volume_cap
    for name, value in terms.items():
        if name not in _WORDS:
            _require_number(name, value)
    return terms


def _require_number(name: str, value: str) -> None:
    """Raises InvalidValue; whether the number is in range is the venue's to say."""
    if not _NUMBER.fullmatch(value):
        raise InvalidValue(name, f"{value!r} is not a number; write it as digits, such as '0.001'")
