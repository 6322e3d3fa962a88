"""What commands share that ask channels of a bench: their words, and how answers are shown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchlab.client.bench import Bench

__all__ = ["act", "add_bench", "add_channels", "bench_of", "tell_each", "worst"]


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Declare which bench is meant, who asks, and how it is told."""
    parser.add_argument(
        "--bench",
        default="",
        metavar="BENCH",
        help="its folder, its name, or https://HOST:PORT (BENCHLAB_BENCH, else this folder)",
    )
    parser.add_argument(
        "--operator",
        default="",
        metavar="NAME",
        help="who asks; kept with the test (BENCHLAB_OPERATOR, else your user name)",
    )
    parser.add_argument(
        "--certificate", default="", metavar="FILE", help="that a hub elsewhere shows"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Declare which channels are meant."""
    parser.add_argument("channels", nargs="+", metavar="CHANNEL", help="by name; several at once")
    add_bench(parser)


def bench_of(arguments: argparse.Namespace) -> Bench:
    """Return the bench that is meant.

    Raises
    ------
    benchlab.errors.BenchError
    """
    from benchlab.client.connecting import connect

    return connect(arguments.bench, operator=arguments.operator, certificate=arguments.certificate)


def act(
    arguments: argparse.Namespace,
    do: Callable[[Bench, str], Mapping[str, Any]],
    done: Callable[[Mapping[str, Any]], str],
) -> int:
    """Ask each channel that is named for the same, all at once; return the worst exit code.

    Parameters
    ----------
    done
        Says in words what a channel's answer means.
    """
    with bench_of(arguments) as bench:
        answers = _each(arguments.channels, lambda name: do(bench, name))
    return tell_each(answers, done, as_json=arguments.json)


def tell_each(
    answers: Mapping[str, Mapping[str, Any]],
    done: Callable[[Mapping[str, Any]], str],
    *,
    as_json: bool,
) -> int:
    """Print what became of each channel; return the worst exit code."""
    import sys

    from benchlab.service.lines import error_from

    if as_json:
        print(json.dumps(answers, indent=1))
    else:
        for name, answer in answers.items():
            if "error" in answer:
                print(f"benchlab: channel {name}: {error_from(answer['error'])}", file=sys.stderr)
            else:
                print(f"channel {name}: {done(answer.get('ok', {}))}")
    return worst(answers.values())


def worst(answers: Iterable[Mapping[str, Any]]) -> int:
    """Return the highest exit code of answers; 0 where all were taken."""
    from benchlab.service.lines import error_from

    return max(
        (error_from(answer["error"]).exit_code for answer in answers if "error" in answer),
        default=0,
    )


def _each(names: list[str], do: Callable[[str], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    from concurrent.futures import ThreadPoolExecutor

    from benchlab.errors import BenchError
    from benchlab.service.lines import facts_of

    def one(name: str) -> dict[str, Any]:
        try:
            return {"ok": dict(do(name))}
        except BenchError as error:
            return {"error": facts_of(error)}

    names = list(dict.fromkeys(names))
    with ThreadPoolExecutor(min(len(names), 32)) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))
