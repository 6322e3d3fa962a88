"""The error tree: its picture, the exit codes in the docs and `__all__` are what the code is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from benchlab import errors

ROOT = Path(__file__).parents[2]
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and kind.__module__ == errors.__name__
}
LINE = re.compile(r"^(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?P<code>\d+) ", re.MULTILINE)


def pictured() -> list[tuple[str, str, int]]:
    """Return (name, parent, code) as the picture shows them, from the depth of its branches."""
    above: list[str] = []
    found = []
    for line in LINE.finditer(errors.__doc__ or ""):
        depth = len(line["branch"]) // 4
        del above[depth:]
        found.append((line["name"], above[-1] if above else "Exception", int(line["code"])))
        above.append(line["name"])
    return found


def test_the_picture_is_the_tree() -> None:
    real = {(n, k.__base__.__name__, k.exit_code) for n, k in CLASSES.items()}
    assert set(pictured()) == real
    assert len(pictured()) == len(real)


def test_all_is_sorted_and_complete() -> None:
    assert errors.__all__ == sorted(CLASSES)


def test_the_exit_code_page_says_what_the_tree_says() -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \|", (ROOT / "docs/exit_codes.md").read_text("utf-8"), re.MULTILINE
    )
    assert {(name, int(code)) for code, name in rows} == {
        (name, code) for name, _, code in pictured() if name != "BenchError"
    }


def test_codes_stay_clear_of_those_with_a_meaning_of_their_own() -> None:
    """0 is success, 1 a bug, and from 126 on the shell speaks of signals."""
    for name, kind in CLASSES.items():
        assert name == "BenchError" or 2 <= kind.exit_code < 126, name


def test_an_error_says_where_what_and_what_to_do() -> None:
    error = errors.FileMissing("there is no such file.", where="a.h5", remedy="Check the name.")
    assert str(error) == "a.h5: there is no such file. Check the name."
    garbled = errors.GarbledAnswer(b"*IDN?", b"\xff", where="tcp")
    assert "*IDN?" in str(garbled)
    assert "cable" in str(garbled)
