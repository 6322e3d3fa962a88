"""Do the intervals of the fade analysis hold the truth as often as they say?

Run it with ``python -m benchmarks.analysis_fade_truth [RUNS]``. Each figure is over so many seeded
synthetic fade curves of known truth (1,000 if left out), each with noise on every capacity, that of
the reference cycle included. A 95 % interval is right if it holds the truth in 93 to 97 %.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from benchlab_analysis._fade_data import series
from benchlab_analysis._fits import best_fit, fit_laws
from benchlab_analysis._knee import find_knee
from benchlab_analysis._life import observed_end, projected_end
from benchlab_analysis._sums import Provenance
from benchlab_analysis.cycles import CycleTable
from benchlab_analysis.fade import fade_rate

Floats = np.ndarray
SIGMA = 1e-3
SMOOTH = ("linear", "square root", "power")


def curve(
    truth: Callable[[Floats], Floats], count: int, seed: int, *, sigma: float = SIGMA,
    alike: float = 0.0, cut: bool = False,
):  # fmt: skip
    """Return cycles and retention as measured; the truth starts at 1 in cycle 1."""
    rng = np.random.default_rng(seed)
    noise = sigma * rng.standard_normal(count)
    for place in range(1, count if alike else 0):
        noise[place] = alike * noise[place - 1] + np.sqrt(1.0 - alike**2) * noise[place]
    cycle = np.arange(1.0, count + 1.0)
    capacity = truth(cycle - 1.0) + noise
    if cut:  # single cycles that were cut off
        capacity[rng.choice(np.arange(10, count - 10), 3, replace=False)] *= 0.5
    return cycle, capacity / capacity[0], capacity[0]


def as_table(cycle: Floats, retention: Floats) -> CycleTable:
    count = cycle.size
    return CycleTable(
        {
            "cycle_count": cycle.astype(np.uint32),
            "kind": np.full(count, "cycle", dtype=object),
            "complete": np.ones(count, dtype=bool),
            "excluded": np.zeros(count, dtype=bool),
            "capacity_retention": retention,
            "retention_reference_cycle": np.ones(count, dtype=np.uint32),
            "coulombic_efficiency": np.full(count, np.nan),
            "coulombic_efficiency_half_width": np.full(count, np.nan),
        },
        Provenance(),
    )


def line(x: Floats) -> Floats:
    return 1.0 - 2e-4 * x


def root(x: Floats) -> Floats:
    return 1.0 - 6e-3 * np.sqrt(x)


def power(x: Floats) -> Floats:
    return 1.0 - 5e-5 * x**1.3


def rise(x: Floats) -> Floats:
    return 1.0 - 1e-4 * x - 1e-3 * np.expm1(x / 100.0)


def broken(x: Floats, at: float = 300.0) -> Floats:
    return 1.0 - 1e-4 * x - 9e-4 * np.maximum(x - at, 0.0)


def bent(x: Floats) -> Floats:
    """Bacon-Watts with a soft break, 20 cycles wide, at 300."""
    return 1.0 - 5.5e-4 * (x - 300.0) - 4.5e-4 * 20.0 * np.log(2.0 * np.cosh((x - 300.0) / 20.0)) \
        + 5.5e-4 * -300.0 + 4.5e-4 * 20.0 * np.log(2.0 * np.cosh(15.0))  # fmt: skip


def rates(runs: int, **kind: float) -> None:
    inside, found = 0, []
    for seed in range(runs):
        cycle, retention, first = curve(line, 100, seed, **kind)
        rate = fade_rate(as_table(cycle, retention))
        true = 2.0 / first
        inside += rate.low <= true <= rate.high
        found.append(rate.percent_per_100_cycles / true)
    report(f"fade rate {kind or ''}", inside / runs, f"bias {np.mean(found) - 1.0:+.2%}")


def parameters(name: str, truth: Callable[[Floats], Floats], count: int, true: tuple[float, ...],
               runs: int, **kind: float) -> None:  # fmt: skip
    inside, supported = np.zeros(len(true)), 0
    for seed in range(runs):
        cycle, retention, first = curve(truth, count, seed, **kind)
        fit = fit_laws(series(cycle, retention, 1), laws=(name,))[0]
        if not fit.supported:
            continue
        supported += 1
        scale = np.array([first if letter in fit.names[:2] or (
            letter == "c" and name != "power") else 1.0 for letter in fit.names])  # fmt: skip
        inside += (fit.low * scale <= true) & (np.array(true) <= fit.high * scale)
    shares = "  ".join(f"{share:.1%}" for share in inside / max(supported, 1))
    worst = max(inside / max(supported, 1), key=lambda share: abs(share - 0.95))
    report(
        f"{name} {kind or ''}", worst, f"each parameter {shares}; supported {supported / runs:.0%}"
    )


def knees(truth: Callable[[Floats], Floats], at: float, count: int, runs: int, name: str) -> None:
    inside, off, second, none = 0, [], [], 0
    for seed in range(runs):
        cycle, retention, _ = curve(truth, count, seed)
        data = series(cycle, retention, 1)
        knee = find_knee(data, fit_laws(data, laws=SMOOTH))
        none += not knee.found
        if knee.found:
            inside += knee.knee_low - 1.0 <= at <= knee.knee_high - 1.0
            off.append(abs(knee.knee - 1.0 - at) / at)
            second.append(abs(knee.kneedle - 1.0 - at) / at)
    report(
        f"knee, {name}", inside / max(runs - none, 1),
        f"off by {np.quantile(off, 0.95):.1%} in 95 %, at most {max(off):.1%}; Kneedle by "
        f"{np.quantile(second, 0.95):.1%}; not found {none / runs:.1%}",
    )  # fmt: skip


def false_knees(truth: Callable[[Floats], Floats], name: str, runs: int, **kind: float) -> None:
    found = 0
    for seed in range(runs):
        cycle, retention, _ = curve(truth, 400, seed, **kind)
        data = series(cycle, retention, 1)
        found += find_knee(data, fit_laws(data, laws=SMOOTH)).found
    print(
        f"{'false knees, ' + name:44} {found / runs:7.1%}   {found / runs / 0.05:.2f} of the limit"
    )


def ends(truth: Callable[[Floats], Floats], count: int, at: float, name: str, runs: int,
         cut: bool = False) -> None:  # fmt: skip
    inside, none, off, wrong = 0, 0, [], 0
    for seed in range(runs):
        cycle, retention, _ = curve(truth, count, seed, cut=cut)
        data = series(cycle, retention, 1)
        life = observed_end(data, 0.8)
        if life is None:
            chosen = best_fit(fit_laws(data))
            wrong += chosen is None or chosen.law != name
            life = projected_end(data, chosen, 0.8) if chosen is not None else None
        if life is None or not np.isfinite(life.cycle):
            none += 1
            continue
        inside += life.low - 1.0 <= at <= life.high - 1.0
        off.append(life.cycle - 1.0 - at)
    report(
        f"end of life, {name}, {count} cycles{', cut' if cut else ''}",
        inside / max(runs - none, 1),
        f"bias {np.mean(off) / at:+.2%}; no figure {none / runs:.1%}; other law {wrong / runs:.1%}",
    )


def report(what: str, share: float, more: str) -> None:
    fine = "" if 0.93 <= share <= 0.97 else "  <-- NOT 93 to 97 %"
    print(f"{what:44} {share:7.1%}   {more}{fine}", flush=True)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    began = time.perf_counter()
    print(f"{'over ' + str(runs) + ' runs':44} truth in the 95 % interval")
    rates(runs)
    rates(runs, cut=True)
    rates(runs, alike=0.5)
    parameters("linear", line, 200, (1.0, 2e-4), runs)
    parameters("linear", line, 200, (1.0, 2e-4), runs, alike=0.5)
    parameters("square root", root, 200, (1.0, 6e-3), runs)
    parameters("power", power, 400, (1.0, 5e-5, 1.3), runs)
    parameters("linear + exponential", rise, 500, (1.0, 1e-4, 1e-3, 100.0), runs)
    knees(broken, 300.0, 500, runs, "sharp")
    knees(bent, 300.0, 500, runs, "soft")
    false_knees(line, "linear", runs)
    false_knees(root, "square root", runs)
    false_knees(power, "power 1.3", runs)
    false_knees(line, "linear, neighbours alike", runs, alike=0.5)
    ends(line, 1200, 1000.0, "linear", runs)
    ends(line, 1200, 1000.0, "linear", runs, cut=True)
    ends(line, 600, 1000.0, "linear", runs)
    ends(root, 700, (0.2 / 6e-3) ** 2, "square root", runs)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
