"""``benchlab analyse NAME FILES``: one analysis of a cell, or of several cells.

Without a name it lists the analyses; ``benchlab analyse NAME --help`` shows the options of one,
with unit, default and meaning.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchlab_analysis._analysis import Result

__all__ = ["HELP", "add_arguments", "run"]

HELP = "analyse a cell: benchlab analyse NAME FILES; without NAME it lists the analyses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; those of an analysis follow its name and are read once it is known."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the analysis")
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, metavar="FILES ...", help="files and options"
    )


def run(args: argparse.Namespace) -> int:
    """Print the result on stdout, warnings with it; write a figure or a workbook where asked."""
    import benchlab
    from benchlab import plugins
    from benchlab_analysis import _analysis, _result

    if args.name is None:
        for name, module in _analyses().items():
            print(f"{name.replace('_', '-'):14} {module.HELP}")
        return 0
    module = plugins.plugin("analyses", args.name.replace("-", "_"))
    if not hasattr(module, "analyse"):
        known = ", ".join(name.replace("_", "-") for name in _analyses())
        raise benchlab.errors.UsageError(
            f"{args.name!r} is no analysis of its own.", remedy=f"Known: {known}."
        )
    chosen = _parser(args.name, module).parse_args(args.rest)
    given = {shown.name: getattr(chosen, shown.name) for shown in _analysis.options_of(module)}
    options = _analysis.options_from(module, given)
    for path in (chosen.output, chosen.xlsx):
        if path is not None:
            _result.refuse_existing(path)
    result = module.analyse(_opened(module, chosen.file), options)
    if chosen.output is not None:
        for path in _result.write_figures(result, chosen.output):
            print(path, file=sys.stderr)
    if chosen.xlsx is not None:
        _result.write_xlsx(result, chosen.xlsx)
        print(chosen.xlsx, file=sys.stderr)
    _write(result, chosen)
    return 0


def _analyses() -> dict[str, ModuleType]:
    from benchlab import plugins

    found = {name: plugins.plugin("analyses", name) for name in plugins.names("analyses")}
    return {name: module for name, module in found.items() if hasattr(module, "analyse")}


def _parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    from benchlab_analysis._analysis import options_of

    parser = argparse.ArgumentParser(
        prog=f"benchlab analyse {name}", description=module.__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    files = "one cell each" if module.TAKES == "cells" else "several are runs of one cell"
    parser.add_argument("file", type=Path, nargs="+", metavar="FILE", help=f"NAME.h5; {files}")
    shapes = parser.add_mutually_exclusive_group()
    shapes.add_argument("--json", action="store_true", help="print everything as JSON")
    shapes.add_argument("--csv", action="store_true", help="print the tables with every digit")
    parser.add_argument("--xlsx", type=Path, metavar="OUT.xlsx", help="write a workbook")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.svg", help="draw: .svg, .png or .pdf"
    )
    own = parser.add_argument_group("options of this analysis")
    for shown in options_of(module):
        default = "" if shown.default is None else f"; default {_text(shown.default)}"
        choices = f" ({', '.join(shown.choices)})" if shown.choices else ""
        said = f"{shown.meaning}{choices}{default}".replace("%", "%%")
        own.add_argument(
            f"--{shown.name.replace('_', '-')}", dest=shown.name, help=said,
            metavar=shown.unit or ("yes|no" if shown.kind is bool else shown.kind.__name__),
        )  # fmt: skip
    return parser


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _opened(module: ModuleType, files: list[Path]) -> Any:
    import benchlab

    if module.TAKES == "cells":
        return [benchlab.open(path) for path in files]
    return benchlab.open_test(files) if len(files) > 1 else benchlab.open(files[0])


def _write(result: Result, chosen: argparse.Namespace) -> None:
    from benchlab_analysis import _result

    if chosen.json:
        _result.write_json(result, sys.stdout)
    elif chosen.csv:
        _result.write_csv(result, sys.stdout)
        _result.say(result, sys.stderr)
    else:
        _result.write_text(result, sys.stdout)
