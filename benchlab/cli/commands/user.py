"""Give a user a token of his own for this bench's hub, or take his tokens from him.

  benchlab user add Ann        prints the token, once; only its hash is kept
  benchlab user remove Ann

What is asked with a user's token carries his name. A hub that other computers reach takes users'
tokens alone.
"""

from __future__ import annotations

import argparse

HELP = "give users tokens for a bench's hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("do", choices=("add", "remove"))
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--bench", default="", metavar="BENCH", help="its folder or its name")


def run(arguments: argparse.Namespace) -> int:
    """Add or remove; return the exit code."""
    import os

    from benchlab.service.benches import bench_named
    from benchlab.service.hub.tokens import add_user, remove_user

    folder = bench_named(arguments.bench or os.environ.get("BENCHLAB_BENCH", ""))
    folder.make()
    if arguments.do == "add":
        print(add_user(folder.own, arguments.name))
    else:
        count = remove_user(folder.own, arguments.name)
        print(f"{count} token{'' if count == 1 else 's'} taken")
    return 0
