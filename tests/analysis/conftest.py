from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find a file of the published cycler data, or skip and say which is missing."""

    def find(pattern: str) -> Path:
        found = sorted(DATA.glob(pattern))
        if not found:
            pytest.skip(f"the published cycler file ../shared/data/{pattern} is not there")
        return found[0]

    return find


def make_step(**given: Any) -> dict[str, Any]:
    step: dict[str, Any] = {}
    for name in STEP_COLUMNS:
        dtype = COLUMNS[name].dtype
        step[name] = "" if dtype == "text" else 0
    step.update(step_type="REST", cycle_kind="cycle", own_end=1, current_range_ampere=np.nan)
    step.update(given)
    return step


def make_run(
    steps: list[dict[str, Any]] | None = None,
    rows: dict[str, Any] | None = None,
    *,
    cell: dict[str, Any] | None = None,
    instrument: dict[str, Any] | None = None,
    state: str = "closed",
) -> Run:
    columns = {name: np.asarray(values) for name, values in (rows or {}).items()}
    return Run(
        path=Path("made.h5"),
        state=state,
        column_names=tuple(columns),
        row_count=len(next(iter(columns.values()), ())),
        load_column=columns.__getitem__,
        steps=records_table(STEP_COLUMNS, steps or []),
        events=records_table(EVENT_COLUMNS, []),
        cell=cell or {},
        protocol=ProtocolRecord(),
        instrument=instrument or {},
        meta={},
    )


RANGES = [
    {"full_scale": 1.0, "gain": 2e-4, "offset": 1e-5},
    {"full_scale": 0.01, "gain": 1e-3, "offset": 1e-7},
]


def make_cycles(
    pairs: list[tuple[float, float]],
    *,
    first: str = "charge",
    kinds: list[str] | None = None,
    current: float = 0.5,
    lead: bool = True,
) -> list[dict[str, Any]]:
    """Return steps of cycles whose charge and discharge in Ah are given; both halves rest after."""
    steps: list[dict[str, Any]] = []
    time = 0.0

    def add(seconds: float, **given: Any) -> None:
        nonlocal time
        steps.append(
            make_step(
                step_count=len(steps) + 1,
                start_time_second=time,
                end_time_second=time + seconds,
                **given,
            )
        )
        time += seconds

    if lead:  # a charge of cycle 0, which belongs to no cycle
        add(10.0, cycle_kind="no cycle")
        add(
            60.0,
            step_type="CC_CHG",
            step_charging_capacity_ah=0.05,
            cycle_kind="no cycle",
            end_voltage_volt=3.0,
        )
    for number, (charge, discharge) in enumerate(pairs, start=1):
        common = {
            "cycle_count": number,
            "cycle_kind": (kinds or ["cycle"] * len(pairs))[number - 1],
        }
        halves = ["charge", "discharge"] if first == "charge" else ["discharge", "charge"]
        for half in halves:
            up = half == "charge"
            moved = charge if up else discharge
            volts = 3.7 if up else 3.5
            add(
                moved / current * 3600.0,
                step_type="CC_CHG" if up else "CC_DCH",
                set_current_ampere=current if up else -current,
                start_voltage_volt=3.0 if up else 4.1,
                end_voltage_volt=4.2 if up else 2.8,
                current_range_ampere=1.0,
                **{
                    f"step_{half.removesuffix('e')}ing_capacity_ah": moved,
                    f"step_{half.removesuffix('e')}ing_energy_wh": moved * volts,
                },
                **common,
            )
            add(600.0, **common)
    return steps


@pytest.fixture
def recorded() -> Callable[..., Run]:
    """Build a recorded run of cycles with known charge and discharge."""

    def build(pairs: list[tuple[float, float]], **options: Any) -> Run:
        run_options = {
            name: options.pop(name) for name in ("cell", "instrument", "state") if name in options
        }
        return make_run(make_cycles(pairs, **options), **run_options)

    return build


@pytest.fixture
def from_steps() -> Callable[..., Run]:
    return make_run


@pytest.fixture
def steps_of() -> Callable[..., list[dict[str, Any]]]:
    return make_cycles


@pytest.fixture
def ranges() -> list[dict[str, float]]:
    return [dict(item) for item in RANGES]


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run a template on its simulated cell, once for each set of replaced texts."""
    path = ROOT / "benchmarks" / "templates.py"
    spec = importlib.util.spec_from_file_location("benchmarks_templates_of_analyses", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    done: dict[Any, Any] = {}

    def run(name: str, replace: dict[str, str] | None = None) -> Any:
        key = (name, tuple((replace or {}).items()))
        if key not in done:
            done[key] = module.run_template(name, tmp_path_factory.mktemp(name), replace)
        return done[key]

    return run
