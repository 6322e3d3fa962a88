"""The all-solid-state cell: its pressure, what it does to resistance and contacts, its losses."""

import pytest

from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import current_source

AREA_CM2 = 0.785


def ohm_cm2(cell, time):
    """Return the resistance that a step of current shows at once, and the clock."""
    cell.set_source(time, current_source(0.0, 20.0, 1.0))
    cell.advance(time + 600.0)
    before = cell.sample(time + 600.0)[0]
    cell.set_source(time + 600.0, current_source(1e-4, 20.0, 1.0))
    after = cell.sample(time + 600.0)[0]
    cell.set_source(time + 600.0, current_source(0.0, 20.0, 1.0))
    return (after - before) / 1e-4 * AREA_CM2, time + 600.0


@pytest.mark.parametrize(("megapascal", "expected"), [(10, 130), (25, 70), (50, 50), (100, 40)])
def test_the_contact_goes_with_one_over_the_pressure(megapascal, expected):
    cell = make_cell(TwinSpec("assb_nmc_lpscl_inli"))
    cell.set_pressure_pa(0.0, megapascal * 1e6)
    assert cell.pressure_pa(3600.0) == pytest.approx(
        (50.0 + (megapascal - 50.0) * 0.632) * 1e6, rel=0.03
    )
    seen, _ = ohm_cm2(cell, 36_000.0)
    assert cell.pressure_pa(37_000.0) == pytest.approx(megapascal * 1e6, rel=0.03)
    assert seen == pytest.approx(expected, rel=0.03)


def test_it_conducts_better_when_warm():
    cell = make_cell(TwinSpec("assb_nmc_lpscl_inli"))
    cell.set_ambient_celsius(0.0, 60.0)
    warm, _ = ohm_cm2(cell, 36_000.0)
    assert cell.surface_celsius(36_600.0) == pytest.approx(60.0, abs=0.1)
    assert warm == pytest.approx(50.0 * 0.2395, rel=0.03)  # exp(0.35 eV / k (1/333 - 1/298))


def cycle(bench, cell, time):
    q = cell.parameters.capacity_ah
    time = bench.to_voltage(cell, time, q / 5, 3.68)
    high = cell.pressure_pa(time)
    time = bench.to_voltage(cell, time, -q / 5, 2.00)
    return time, high, cell.pressure_pa(time)


def test_the_stack_breathes(bench):
    cell = make_cell(TwinSpec("assb_nmc_lpscl_inli"))
    _, high, low = cycle(bench, cell, 0.0)
    assert high == pytest.approx(51e6, rel=0.005)
    assert low == pytest.approx(49e6, rel=0.005)


def test_half_of_the_lost_contact_comes_back_when_the_pressure_doubles(bench):
    cell = make_cell(TwinSpec("assb_nmc_lpscl_inli"))
    time = 0.0
    for _ in range(10):
        time, _, _ = cycle(bench, cell, time)
    lost = 1.0 - cell.connected
    assert lost == pytest.approx(5e-4 * cell.cycles, rel=0.05)
    sites = cell.sites_positive
    cell.set_pressure_pa(time, 100e6)
    time = bench.rest(cell, time, 12.0)
    assert 1.0 - cell.connected == pytest.approx(0.5 * lost, rel=0.05)
    assert cell.sites_positive == pytest.approx(sites * (1.0 + 0.5 * lost), rel=1e-3)


def test_discharge_end_slips_by_what_the_negative_electrode_lost(bench):
    cell = make_cell(TwinSpec("assb_nmc_lpscl_inli"))
    time, ends = 0.0, []
    for _ in range(3):
        time, _, _ = cycle(bench, cell, time)
        ends.append(cell.truth())
    net = [end.charged_ah - end.discharged_ah for end in ends]
    lost = ends[-1].negative_side_ah - ends[0].negative_side_ah
    assert net[-1] - net[0] == pytest.approx(lost, rel=0.02)


def test_lithium_shorts_beyond_its_critical_current():
    for ampere, leak in ((0.9e-3, 0.0), (1.5e-3, 0.25e-3)):
        cell = make_cell(TwinSpec("assb_nmc_lpscl_inli/lithium"))
        cell.set_source(0.0, current_source(ampere * AREA_CM2, 20.0, 1.0))
        cell.advance(600.0)
        expected = leak * AREA_CM2 / 6.0
        assert cell.truth().reversible_side_ah == pytest.approx(expected, rel=1e-6)


def test_other_cells_stand_in_no_press():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    assert cell.pressure_pa(0.0) is None
    with pytest.raises(UsageError, match="no press"):
        cell.set_pressure_pa(0.0, 1e6)
