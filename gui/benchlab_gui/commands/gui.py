"""``benchlab gui``: open the window, with a recorded file where one is named."""

from __future__ import annotations

import argparse
import os
import sys

from benchlab.errors import SetupError

__all__ = ["HELP", "add_arguments", "run"]

HELP = "open the window, with a recorded file where one is named"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file to open."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a recorded run to open")


def run(args: argparse.Namespace) -> int:
    """Open the window and return when it is closed.

    Raises
    ------
    benchlab.errors.SetupError
        Qt is not installed, lacks a library of the system, or there is no screen.
    """
    screens = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    if sys.platform.startswith("linux") and not screens & os.environ.keys():
        raise SetupError(
            "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; no window was opened.",
            remedy="Run it on a desktop; benchlab plot draws the same figures into a file.",
        )
    try:
        from benchlab_gui.app import main
    except ModuleNotFoundError as missing:
        raise SetupError(
            f"the window needs the package {missing.name!r}, which is not installed.",
            remedy='Install it: pip install "benchlab[gui]", or use python3 bootstrap.py gui.',
        ) from missing
    except ImportError as broken:
        raise SetupError(
            f"Qt does not load: {broken}.",
            remedy="It lacks a library of the system; python3 bootstrap.py gui names the packages.",
        ) from broken
    return main([args.file] if args.file else [])
