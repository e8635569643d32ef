"""`python -m tests.benchmarks [name …] [--quick] [--json FILE] [--data-dir DIRECTORY]`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.benchmarks import api, audit, books, bots, demo, log, orders, processes, seal, writer
from tests.benchmarks.bench import Bench, opened
from tests.benchmarks.report import Section, show

BENCHMARKS: dict[str, Callable[[Bench], Section]] = {
    "writer": writer.measure,
    "processes": processes.measure,
    "log": log.measure,
    "demo": demo.measure,
    "api": api.measure,
    "seal": seal.measure,
    "audit": audit.measure,
    "orders": orders.measure,
    "bots": bots.measure,
    "books": books.measure,
}


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and files go away then, too
    console = Console(width=None if sys.stdout.isatty() else 180)
    sections = []
    with opened(options.data_dir, quick=options.quick) as bench:
        facts = bench.facts()
        for name, fact in facts.items():
            console.print(f"{name}: {fact}", highlight=False, soft_wrap=True)
        if options.quick:
            console.print("quick: one short round; look at no number twice", style="yellow")
        console.print()
        for name in options.names or BENCHMARKS:
            began = time.perf_counter()
            section = BENCHMARKS[name](bench)
            section.seconds = time.perf_counter() - began
            show(section, console)
            sections.append(section)
    if options.json:
        found = {"facts": facts, "quick": options.quick, "sections": [one.as_json() for one in sections]}
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="See docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--quick", action="store_true", help="one short round of everything, four minutes or so"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all samples there")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIRECTORY", help="on the disk to measure (default: the checkout)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
