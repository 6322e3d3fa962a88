"""Finds what stands behind each channel of a worker: a source of its own, or a share of a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.bench_file import BenchFile
from benchlab.service.worker.executor_rig import Box, ExecutorRig
from benchlab.service.worker.going import Rig
from benchlab.service.worker.source_rig import SourceRig

__all__ = ["make_rigs"]


def make_rigs(
    bench: BenchFile,
    entries: Mapping[str, ChannelEntry],
    logs: Path,
    changed: Callable[[], None],
) -> dict[str, Rig]:
    """Return the rig of each channel; nothing was sent.

    Parameters
    ----------
    logs : Path
        The folder in which a guardian tells what it did before there was a run.
    changed
        Called when a guardian was started: whoever kills the worker must know of it.
    """
    boxes: dict[str, Box] = {}
    rigs: dict[str, Rig] = {}
    for name, entry in entries.items():
        channel = bench.channel(name)
        if channel.executes:
            box = boxes.setdefault(entry.instrument, Box(bench.device(entry.instrument)))
            rigs[name] = ExecutorRig(channel, box)
        else:
            rigs[name] = SourceRig(channel, logs / f"guardian-{name}.log", changed)
    return rigs
