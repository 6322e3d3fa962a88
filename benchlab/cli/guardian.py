"""Switches an instrument off when the process that drives it dies without doing so.

A child process of ``benchlab run``. It holds the reading end of a pipe: a word on it releases the
guardian, its end without that word means that the parent died, however it died.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchlab.bench.clock import RealClock
from benchlab.cli.channel import Channel
from benchlab.errors import BenchError

__all__ = ["Guardian", "main"]

RELEASE = b"released\n"


class Guardian:
    """The parent's side: started before the output goes on, released after it is proven off."""

    def __init__(self, channel: Channel, log: Path) -> None:
        words = [sys.executable, "-m", __name__, channel.driver, channel.resource, str(log)]
        # a group of its own: Ctrl-C in the terminal is for the parent to answer
        self._child = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)

    def release(self) -> None:
        """Let the guardian go without touching the instrument."""
        if self._child.stdin is not None:
            self._child.stdin.write(RELEASE)
            self._child.stdin.close()
        self._child.wait()


def main(words: list[str]) -> int:
    """Wait for the parent; switch off and say so in the log if it died."""
    driver, resource, log = words
    if sys.stdin.buffer.read() == RELEASE:
        return 0
    try:
        source = Channel(driver, resource).connect(RealClock())
        proof = source.safe()
        source.close()
        text = f"output {'proven off' if proof.proven else 'NOT PROVEN OFF'}: {proof.evidence}"
        text += "".join(f"; {problem}" for problem in proof.problems)
        proven = proof.proven
    except BenchError as error:
        text, proven = f"output NOT PROVEN OFF: {error}", False
    text = f"the process that drove {driver}@{resource} died; {text}\n"
    sys.stderr.write(f"benchlab guardian: {text}")
    folder = Path(log).parent
    if folder.is_dir():
        with open(log, "a", encoding="utf-8") as file:
            file.write(text)
    return 0 if proven else 40


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
