"""What a cycle may be compared with: its rate, what ended its halves, what its file warned of."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.model.columns import EVENT_COLUMNS, records_table
from benchlab_analysis import cycle_table, fade_rate
from benchlab_analysis._figures import cycle_figure
from benchlab_analysis.importers import read


def of(steps, cycle, kind):
    """Return the step of a cycle that charges or discharges."""
    return next(s for s in steps if s["cycle_count"] == cycle and s["step_type"] == kind)


def at_rates(steps, rates):
    for cycle, rate in enumerate(rates, start=1):
        of(steps, cycle, "CC_DCH")["set_current_ampere"] = -rate
    return steps


def notes(table):
    return " | ".join(table.provenance.notes)


# rates


def test_each_rate_has_a_reference_of_its_own(steps_of, from_steps):
    """Two cycles at C/10, two at 2C: the lower capacity at 2C is no fade."""
    pairs = [(1.0, 0.995), (0.995, 0.990), (0.975, 0.970), (0.970, 0.960)]
    run = from_steps(at_rates(steps_of(pairs), [0.1, 0.1, 2.0, 2.0]))
    table = cycle_table(run)
    np.testing.assert_allclose(table["capacity_retention"], [1, 0.990 / 0.995, 1, 0.960 / 0.970])
    assert table["retention_reference_cycle"].tolist() == [1, 1, 3, 3]
    told = dict(table.provenance.lines())["retention refers to cycle"]
    assert told == "1 (discharge at 0.1 A), 3 (discharge at 2 A)"
    asked = cycle_table(run, reference=1)
    np.testing.assert_allclose(asked["capacity_retention"][2], 0.970 / 0.995)
    assert "2 complete cycles have another discharge rate" in notes(asked)


@pytest.mark.parametrize(("share", "references"), [(1.015, [1, 1]), (1.03, [1, 2])])
def test_rates_within_two_percent_are_one(steps_of, from_steps, share, references):
    steps = at_rates(steps_of([(1.0, 0.99), (0.99, 0.98)]), [0.5, 0.5 * share])
    assert cycle_table(from_steps(steps))["retention_reference_cycle"].tolist() == references


def test_a_check_up_at_another_rate_has_no_retention(steps_of, from_steps):
    kinds = ["check-up", "cycle", "cycle", "check-up"]
    steps = at_rates(
        steps_of([(1.1, 1.05), (1.0, 0.99), (0.99, 0.98), (1.08, 1.03)], kinds=kinds),
        [0.05, 0.5, 0.5, 0.05],
    )
    table = cycle_table(from_steps(steps))
    np.testing.assert_allclose(table["capacity_retention"], [np.nan, 1, 0.98 / 0.99, np.nan])
    assert "2 complete cycles (first: cycle 1) have no retention" in notes(table)


def test_a_pulse_does_not_set_the_rate_and_a_second_slower_step_does_not_change_it(
    steps_of, from_steps
):
    steps = steps_of([(1.0, 0.99), (0.99, 0.98)])
    discharge = of(steps, 2, "CC_DCH")
    for current, charge in ((-5.0, 0.01), (-0.05, 0.45)):
        extra = dict(discharge, set_current_ampere=current, step_discharging_capacity_ah=charge)
        steps.insert(steps.index(discharge) + 1, extra)
        discharge["step_discharging_capacity_ah"] -= charge
    table = cycle_table(from_steps(steps))
    np.testing.assert_allclose(table["capacity_retention"], [1, 0.98 / 0.99])


def test_a_half_cell_is_compared_at_the_rate_of_its_delithiation(steps_of, from_steps):
    steps = steps_of([(0.9, 1.0), (0.8, 0.9)], first="discharge")
    of(steps, 2, "CC_CHG")["set_current_ampere"] = 2.0
    run = from_steps(steps, cell={"role": "graphite_half_cell"})
    assert cycle_table(run)["retention_reference_cycle"].tolist() == [1, 2]


def test_an_unfinished_cycle_has_no_retention(recorded):
    table = cycle_table(recorded([(1.0, 0.99), (0.99, 0.5)], state="interrupted"))
    np.testing.assert_array_equal(table["capacity_retention"], [1.0, np.nan])


def test_a_fade_rate_is_fitted_at_one_rate(steps_of, from_steps):
    """Retention starts anew at 2C: a line through both would show no fade at all."""
    lost = 1e-3 * np.arange(30)
    pairs = [(q / 0.999, q) for q in 1.0 - lost]
    steps = at_rates(steps_of(pairs), [0.1] * 12 + [2.0] * 18)
    found = fade_rate(cycle_table(from_steps(steps)))
    assert (found.cycle_number, found.first_cycle) == (18, 13)
    assert found.percent_per_100_cycles == pytest.approx(10.0 / (1.0 - 0.012), rel=1e-6)
    assert found.sentence.endswith("refers to cycle 13; 12 at other rates are left out")


def foreign(currents):
    """Return rows of one charge and one discharge a cycle, of the same charge, at 100 s."""
    time, current, index = [], [], []
    for cycle, amperes in enumerate(currents, start=1):
        for sign in (1.0, -1.0):
            for flowing in (0.0, *[sign * amperes] * round(36 / amperes), 0.0):
                time.append(100.0 * len(time))
                current.append(flowing)
                index.append(cycle)
    return {
        "test_time_second": np.array(time),
        "current_ampere": np.array(current),
        "voltage_volt": 3.6 + 0.1 * np.sign(current) + 1e-6 * np.array(current) * np.array(time),
        "cycle_count": np.array(index, dtype=np.uint32),
    }


def test_foreign_cycles_of_unknown_rate_refer_to_one_and_say_so(from_steps):
    table = cycle_table(from_steps(rows=foreign([1.0, 1.0, 2.0])))
    assert table["retention_reference_cycle"].tolist() == [1, 1, 1]
    assert "THE RATE IS NOT KNOWN, and the mean discharge currents go from 1 to 2 A" in notes(table)
    alike = cycle_table(from_steps(rows=foreign([1.0, 1.0, 1.05])))
    assert "THE RATE" not in notes(alike)


# what ended the halves


def ended(steps, cycle, charge, discharge):
    of(steps, cycle, "CC_CHG")["end_reason"] = charge
    of(steps, cycle, "CC_DCH")["end_reason"] = discharge


PAIRS = [(1.0, 0.995)] * 4


def test_halves_that_both_ended_by_time_or_charge_make_an_imposed_cycle(steps_of, from_steps):
    steps = steps_of(PAIRS)
    ended(steps, 1, "voltage", "voltage")
    ended(steps, 2, "time", "capacity")
    ended(steps, 3, "capacity", "voltage")
    ended(steps, 4, "current", "time")
    table = cycle_table(from_steps(steps))
    assert table["kind"].tolist() == ["cycle", "imposed cycle", "cycle", "cycle"]
    for name in ("coulombic_efficiency", "capacity_retention"):
        assert np.isnan(table[name]).tolist() == [False, True, False, False]
    assert table["complete"].all()
    assert "1 cycles are imposed (1 of them found by their ends" in notes(table)
    assert 2.0 not in {x for line in cycle_figure(table).axes[1].lines for x in line.get_xdata()}


@pytest.mark.parametrize("way", ["a voltage ended it first", "a voltage was held"])
def test_a_voltage_that_took_part_leaves_a_cycle_a_cycle(steps_of, from_steps, way):
    steps = steps_of(PAIRS[:1])
    ended(steps, 1, "time", "capacity")
    charge = of(steps, 1, "CC_CHG")
    if way == "a voltage was held":
        charge["cv_capacity_ah"] = 0.1
    else:
        steps.insert(steps.index(charge), dict(charge, end_reason="voltage"))
    assert cycle_table(from_steps(steps))["kind"].tolist() == ["cycle"]


def test_imposed_cycles_have_no_fade_rate_and_no_mean_efficiency(steps_of, from_steps):
    steps = steps_of([(1.0, 1.0)] * 20)
    for cycle in range(1, 21):
        ended(steps, cycle, "time", "time")
    table = cycle_table(from_steps(steps))
    found = fade_rate(table)
    assert not found.supported
    assert np.isnan(found.mean_coulombic_efficiency)
    assert found.sentence == (
        "fade rate: not supported, 0 complete cycles < 10; 20 imposed ones do not count"
    )
    assert table.provenance.reference_cycle is None


def test_a_half_whose_end_was_met_already_is_no_half(steps_of, from_steps):
    steps = steps_of(PAIRS)
    charge = of(steps, 2, "CC_CHG")
    charge.update(end_reason="already_met", step_charging_capacity_ah=0.0)
    table = cycle_table(from_steps(steps))
    assert table["complete"].tolist() == [True, False, True, True]
    assert np.isnan(table["coulombic_efficiency"][1])
    assert "1 cycles (first: cycle 2) are not complete: the end of a half cycle was met" in notes(
        table
    )


def test_an_end_met_already_ends_the_half_before_it(steps_of, from_steps):
    """The first charge ran into its bound in time; the voltage of the next was there already."""
    steps = steps_of(PAIRS[:2])
    charge = of(steps, 2, "CC_CHG")
    charge.update(own_end=0, end_reason="at_most")
    assert cycle_table(from_steps(steps))["complete"].tolist() == [True, False]
    met = dict(charge, own_end=1, end_reason="already_met", step_charging_capacity_ah=0.0)
    steps.insert(steps.index(charge) + 1, met)
    table = cycle_table(from_steps(steps))
    assert table["complete"].all()
    assert "met before" not in notes(table)


# the range of a step that was cut off


def test_the_range_of_an_unfinished_step_is_the_smallest_that_holds_it(
    steps_of, from_steps, ranges
):
    def made(**given):
        steps = steps_of([(0.9, 0.895)], current=0.005)
        of(steps, 1, "CC_DCH").update(given)
        return cycle_table(
            from_steps(steps, instrument={"current_ranges": ranges}, state="interrupted")
        )

    cut = made(end_reason="unfinished", own_end=0, current_range_ampere=np.nan)
    known = made(current_range_ampere=0.01)
    width = cut["coulombic_efficiency_half_width"]
    assert np.isfinite(width).all()
    np.testing.assert_array_equal(width, known["coulombic_efficiency_half_width"])
    assert "the 0.01 A range is assumed, the smallest that holds its 0.005 A" in notes(cut)


def test_an_accuracy_that_is_stored_is_never_said_to_be_missing(steps_of, from_steps, ranges):
    steps = steps_of([(0.9, 0.895)], lead=False, current=3.0)  # no range holds 3 A
    for step in steps:
        step.update(current_range_ampere=np.nan, end_reason="unfinished")
    table = cycle_table(
        from_steps(steps, instrument={"current_ranges": ranges}, state="interrupted")
    )
    assert table.provenance.interval == (
        "not known: no step names a current range with a stated accuracy"
    )


# what the import warned of


def test_warnings_of_the_import_are_repeated_with_the_figures(shared_data, tmp_path, capsys):
    source = shared_data("bdf/DLR*")
    warned = read(source).meta["warnings"]
    assert any(text.startswith("THE UNIT OF THE TEST TIME LOOKS WRONG") for text in warned)
    out = tmp_path / "dlr.h5"
    assert main(["import", str(source), "-o", str(out)]) == 0
    assert main(["cycles", str(out), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("\n")[2])["provenance"]["notes"]
    for text in warned:
        assert told.count(f"import warning: {text}") == 1
    assert not any("0.00%" in text for text in told)
    table = cycle_table(benchlab.open(out))
    assert "how far it is off is not known, since the unit of the test time looks wrong" in notes(
        table
    )


def test_the_error_of_an_integral_is_a_figure_only_where_the_time_can_be_right(from_steps):
    rows = foreign([1.0])
    edges = f"{100 / 36:.2g}%"  # half an interval at each of the two ends of 36 rows
    assert f"it may be off by up to {edges} where" in notes(cycle_table(from_steps(rows=rows)))
    rows["test_time_second"] = rows["test_time_second"] * 1000.0
    assert "it may be off" not in notes(cycle_table(from_steps(rows=rows)))


def test_events_of_an_import_tell_its_warnings_where_runs_were_joined(from_steps):
    common = {"test_time_second": 0.0, "unix_time_nanosecond": 0, "actor": "x", "kind": "import"}
    texts = ["read 9 rows", "warning: the clock was set back"]
    events = records_table(EVENT_COLUMNS, [common | {"text": text} for text in texts])
    told = notes(cycle_table(replace(from_steps(rows=foreign([1.0])), events=events)))
    assert "import warning: the clock was set back" in told
    assert "9 rows" not in told
