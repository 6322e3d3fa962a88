"""CPU time of ``benchlab --help`` and of an empty window, beside that of an empty Python.

Run it with ``python benchmarks/start_up.py``; it prints the median of nine, and the limits of the
design beside them (150 ms and 250 ms). CPU time, so that a busy machine changes little.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile

WINDOW = (
    "from PySide6.QtWidgets import QApplication; from PySide6.QtCore import QTimer;"
    "from benchlab_gui.app import system_theme; from benchlab_gui.views.main_window import"
    " MainWindow; a = QApplication([]); w = MainWindow(system_theme()); w.show();"
    " QTimer.singleShot(0, a.quit); a.exec(); w.close()"
)
CASES = {
    "python -c pass": (["-c", "pass"], None),
    "benchlab --help": (["-m", "benchlab", "--help"], 150),
    "empty window": (["-c", WINDOW], 250),
}


def cpu_ms(words: list[str], compiled: str) -> float:
    """Return the CPU milliseconds of one child; its modules are found compiled."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    with tempfile.TemporaryDirectory() as compiled:
        for name, (words, limit) in CASES.items():
            cpu_ms(words, compiled)  # compiles, and warms the disk's cache
            median = statistics.median(cpu_ms(words, compiled) for _ in range(9))
            against = f"  {median / limit:.2f} of the limit of {limit} ms" if limit else ""
            print(f"{name:18} {median:6.0f} ms CPU{against}")


if __name__ == "__main__":
    main()
