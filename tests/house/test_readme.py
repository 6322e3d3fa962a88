"""The README's tour is walked: a reader's first commands must be the ones that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchlab.cli.main import main

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line.split()[1:] for line in lines if line.startswith("benchlab ")]


def test_the_tour_can_be_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("first.yaml").write_text(blocks("yaml")[0], "utf-8")
    walked = [words for words in commands() if "--fast" in words or "first.h5" in words]
    assert len(walked) >= 5
    for words in walked:
        if words[0] != "gui":
            assert main(words) == 0, words
    assert Path("first.png").stat().st_size > 0
    names: dict[str, object] = {}
    exec(blocks("python")[0], names)  # our own README, as a reader would type it
    assert len(names["run"]) > 10  # type: ignore[arg-type]


def test_every_command_of_the_tour_and_its_options_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in commands():
        depth = 2 if words[0] == "sim" else 1
        with pytest.raises(SystemExit) as ended:
            main([*words[:depth], "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        for option in (word for word in words if word.startswith("-")):
            assert option in shown, (words, option)
