"""Switches an instrument off when the process that drives it ends without having done so.

A child process of ``benchlab run``, started before anything is sent to the instrument. It holds
the reading end of a pipe: a word on it releases the guardian, its end without that word means that
the parent died, or ended with an output that it could not prove off. A worker keeps its guardian
from run to run: each run begins with a word that says where to tell, and ends with a release.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchlab.bench.clock import RealClock
from benchlab.errors import BenchError, IdentityError, OutputNotProvenOff
from benchlab.platform import process_started
from benchlab.service.channel import Channel
from benchlab.service.line_lock import LineLock

__all__ = ["Guardian", "guarded", "main"]

RELEASE = b"released\n"
WATCH = b"watch "
LASTS_SECOND = float(os.environ.get("BENCHLAB_GUARDIAN_SECONDS", "600"))
"""How long the guardian goes on trying; the environment may say otherwise."""
LONGEST_PAUSE_SECOND = 10.0


class Guardian:
    """The parent's side: started before the first byte, released once the output is proven off.

    Parameters
    ----------
    log : Path
        Written only if the guardian had to act; beside its folder if that is gone by then.
    lock : int
        A descriptor that the guardian keeps open for as long as it lives.
    at_rest : bool
        Nothing is sent to the instrument before `watch` is called.
    """

    def __init__(self, channel: Channel, log: Path, lock: int, *, at_rest: bool = False) -> None:
        # by its full name: called as a module of its own, this one is __main__
        me = "benchlab.service.guardian"
        self._words = [sys.executable, "-m", me, channel.driver, channel.resource, str(log)]
        self._lock = lock
        self._said = b""
        self._child = self._start()
        if at_rest:
            self.rest()

    def _start(self) -> subprocess.Popen[bytes]:
        # a group of its own: Ctrl-C in the terminal is for the parent to answer
        return subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(self._lock,) if os.name == "posix" else (),
        )

    def revive(self) -> bool:
        """Start the guardian again if somebody ended it; say whether that was needed."""
        if self._child.poll() is None:
            return False
        self._child.wait()
        self._child = self._start()
        self._say(self._said)
        return True

    @property
    def process(self) -> tuple[int, str]:
        """Its number, and what tells it from a later process of the same number."""
        return self._child.pid, process_started(self._child.pid)

    def watch(self, log: Path) -> None:
        """Have it act from here on if this process ends; it tells in that log."""
        self._say(WATCH + os.fsencode(log).replace(b"\n", b" ") + b"\n")

    def rest(self) -> None:
        """Have it do nothing at this process's end: the output is proven off."""
        self._say(RELEASE)

    def _say(self, word: bytes) -> None:
        self._said = word
        stdin = self._child.stdin
        if word and stdin is not None and not stdin.closed:
            with suppress(OSError):  # it was ended by somebody: `revive` says it again
                stdin.write(word)
                stdin.flush()

    def act(self) -> None:
        """Have the guardian switch off now: what this process can do was not enough."""
        if self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.close()

    def release(self) -> None:
        """Let the guardian go without touching the instrument."""
        stdin = self._child.stdin
        if stdin is None or stdin.closed:
            return
        with suppress(OSError):  # it was ended by somebody: there is nothing to release
            stdin.write(RELEASE)
            stdin.close()
        self._child.wait()


@contextmanager
def guarded(channel: Channel, log: Path) -> Iterator[Guardian | None]:
    """Have a guardian beside a real instrument, and nobody else of this computer driving it.

    The guardian is released at the end, unless it was told to act or the output is not proven off.
    """
    if channel.simulated:
        yield None
        return
    lock = LineLock(channel.resource)
    try:
        guardian = Guardian(channel, log, lock.descriptor)
        try:
            yield guardian
        except OutputNotProvenOff:
            guardian.act()
            raise
        except BaseException:
            guardian.release()
            raise
        guardian.release()
    finally:
        lock.release()


def main(words: list[str]) -> int:
    """Wait for the parent's end; switch off unless released, and say so on stderr and in a log."""
    driver, resource, log = words
    said = sys.stdin.buffer.read().splitlines()
    if said and said[-1] == RELEASE.strip():
        return 0
    if said:
        log = os.fsdecode(said[-1].removeprefix(WATCH))
    what = f"the process that drove {driver}@{resource} ended without proving its output off"
    ends = time.monotonic() + LASTS_SECOND
    pause, told = 0.1, False
    while True:
        proven, text = _switch_off(Channel(driver, resource))
        if proven or not told or time.monotonic() > ends:
            _tell(Path(log), f"{what}; {text}\n")
            told = True
        if proven or time.monotonic() > ends:
            return 0 if proven else 40
        time.sleep(pause)
        pause = min(2.0 * pause, LONGEST_PAUSE_SECOND)


def _switch_off(channel: Channel) -> tuple[bool, str]:
    try:
        source = channel.connect(RealClock())
    except BenchError as error:
        return False, f"output NOT PROVEN OFF: {error}"
    try:
        source.open()
        proof = source.safe()
    except IdentityError as error:
        return True, f"another instrument answers there and was left alone: {error}"
    except (BenchError, OSError) as error:
        return False, f"output NOT PROVEN OFF: {error}"
    finally:
        source.close()
    problems = "".join(f"; {problem}" for problem in proof.problems)
    word = "proven off" if proof.proven else "NOT PROVEN OFF"
    return proof.proven, f"output {word}: {proof.evidence}{problems}"


def _tell(log: Path, text: str) -> None:
    if not log.parent.is_dir():
        log = log.parent.with_suffix(".guardian.log")
    with suppress(OSError), open(log, "a", encoding="utf-8") as file:
        file.write(text)
    with suppress(OSError, ValueError):
        sys.stderr.write(f"benchlab guardian: {text}")
        sys.stderr.flush()
    # whoever waits for the parent's messages must not wait for the guardian's patience
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
