"""Every refusal names file, line and field, what was found and what was expected."""

import pytest

from benchlab.errors import BenchError, CellError, ProtocolError
from benchlab.model.cell import read_cell
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol, read_protocol
from benchlab.model.yaml_text import load_text

GOOD = """\
name: life
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah, basis: nominal}
limits: {voltage: {low: 2.5 V, high: 4.25 V}, current: {charge: 0.3 A}}
record: {every: 10 s, or_change: 5 mV}
steps:
  - Rest for 10 min
  - repeat: 3
    counts_as: cycle
    steps:
      - {label: chg, charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h}
      - Hold at 4.2 V until C/50
      - {label: dis, discharge: 1C, until: [2.8 V, 0.25 Ah], at_most: 2 h}
"""

# (what is replaced, by what, line, field, words of the sentence)
WRONG = [
    ("name: life", "nme: life", 1, "nme", "unknown key 'nme'. Did you mean 'name'?"),
    ("name: life\n", "", 1, "name", "'name' is missing"),
    ("name: life", "name: life\nname: more", 2, "", "'name' stands twice"),
    ("type: nmc811_graphite_pouch", "type: nmc", 2, "cell.type", "'nmc', which is not known"),
    ("type: nmc811_graphite_pouch", "kind: nmc", 2, "cell", "'type' is missing"),
    ("C: 0.2 Ah", "C: 0.2 A", 3, "capacity.C", "found '0.2 A', expected a charge"),
    ("C: 0.2 Ah", "C: 0.2", 3, "capacity.C", "found '0.2', expected a charge"),
    ("C: 0.2 Ah", "C: 90 % of C", 3, "capacity.C", "expected a capacity such as 0.2 Ah"),
    ("basis: nominal", "basis: guess", 3, "capacity.basis", "'guess'"),
    ("capacity: {C: 0.2 Ah, basis: nominal}\n", "", 10, "steps[2].steps[1].charge", "no capacity"),
    ("high: 4.25 V", "high: 4.4 V", 4, "limits.voltage.high", "wider than the cell type's 4.3 V"),
    ("low: 2.5 V", "low: -1 V", 4, "limits.voltage.low", "wider than the cell type's -0.05 V"),
    ("low: 2.5 V", "low: 4.25 V", 4, "limits.voltage", "is not below"),
    ("charge: 0.3 A", "charge: 3 A", 4, "limits.current.charge", "wider than the cell type's"),
    ("charge: 0.3 A", "chrge: 3 A", 4, "limits.current.chrge", "Did you mean 'charge'?"),
    ("every: 10 s", "every: 10", 5, "record.every", "found '10', expected a time"),
    ("every: 10 s", "every: 0 s", 5, "record.every", "above zero"),
    ("or_change: 5 mV", "or_change: 5 mW", 5, "record.or_change", "expected a change"),
    ("record: {every: 10 s, or_change: 5 mV}", "record: 10 s", 5, "record", "10 s"),
    ("steps:\n  - Rest", "step:\n  - Rest", 6, "step", "Did you mean 'steps'?"),
    ("  - Rest for", "\t- Rest for", 7, "", "indented with a tab"),
    ("Rest for 10 min", "Rest for 10 m", 7, "steps[1].rest", "found '10 m', expected a time"),
    ("Rest for 10 min", "Rest until 3 V", 7, "steps[1]", "without a time may never end"),
    ("Rest for 10 min", "Sleep for 10 min", 7, "steps[1]", "Nearest: 'Rest for 10 min'"),
    ("- Rest for 10 min", "- {wait: 10 min}", 7, "steps[1]", "no known kind"),
    ("- Rest for 10 min", "- {rest: 1 h, charge: 1C}", 7, "steps[1]", "charge and rest in one"),
    ("- Rest for 10 min", "- [Rest for 10 min]", 7, "steps[1]", "found a list"),
    ("- Rest for 10 min", "- {rest: 1 h, output: shut}", 7, "steps[1].output", "'shut'"),
    ("repeat: 3", "repeat: 0", 8, "steps[2].repeat", "whole number above zero"),
    ("repeat: 3", "repeat: many", 8, "steps[2].repeat", "whole number above zero"),
    ("repeat: 3", "repaet: 3", 8, "steps[2]", "no known kind"),
    ("counts_as: cycle", "counts_as: cycles", 9, "steps[2].counts_as", "'cycles'"),
    ("charge: 1C, to", "charge: C/0, to", 11, "steps[2].steps[1].charge", "found 'C/0'"),
    ("charge: 1C, to", "charge: -1 A, to", 11, "steps[2].steps[1].charge", "above zero"),
    ("charge: 1C, to", "charge: 4 V, to", 11, "steps[2].steps[1].charge", "expected a current"),
    ("charge: 1C, to", "charge: 2C, to", 11, "steps[2].steps[1].charge", "limit of 0.3 A"),
    ("to: 4.2 V", "to: 4.3 V", 11, "steps[2].steps[1].to", "outside the limits"),
    ("to: 4.2 V", "to: 4.2", 11, "steps[2].steps[1].to", "expected a voltage"),
    (", then_hold_until: C/20, hold_at_most: 2 h", "", 11, "steps[2].steps[1].then_hold_until",
     "cannot end"),
    ("then_hold_until: C/20", "then_hold_until: 2C", 11, "steps[2].steps[1].then_hold_until",
     "end as it begins"),
    ("to: 4.2 V, then", "until: 4.2 V, then", 11, "steps[2].steps[1].to", "no voltage"),
    ("to: 4.2 V, then", "to: 4.2 V, until: 4.1 V, then", 11, "steps[2].steps[1].until",
     "'to' (hold there) and 'until'"),
    ("hold_at_most: 2 h", "hold_at_mst: 2 h", 11, "steps[2].steps[1].hold_at_mst",
     "Did you mean 'hold_at_most'?"),
    ("Hold at 4.2 V until C/50", "Hold at 4.2 V until 4.1 V", 12, "steps[2].steps[2].until",
     "can never end by a voltage"),
    ("Hold at 4.2 V until C/50", "Hold at 4.2 V", 12, "steps[2].steps[2].until", "cannot end"),
    ("Hold at 4.2 V until C/50", "Hold at 4.2 V until 3C", 12, "steps[2].steps[2].until",
     "end as it begins"),
    ("Hold at 4.2 V until C/50", "Hold at 5 V until C/50", 12, "steps[2].steps[2].hold",
     "outside the limits"),
    ("Hold at 4.2 V until C/50", "{hold: 4.2 V, until: C/50, current_at_most: 2 A}", 12,
     "steps[2].steps[2].current_at_most", "beyond the limit"),
    ("until: [2.8 V, 0.25 Ah]", "until: [2.8 A]", 13, "steps[2].steps[3].until",
     "can never end by a current"),
    ("until: [2.8 V, 0.25 Ah]", "until: 2.4 V", 13, "steps[2].steps[3].until", "outside"),
    ("until: [2.8 V, 0.25 Ah]", "until: low", 13, "steps[2].steps[3].until", "end condition"),
    ("until: [2.8 V, 0.25 Ah], at_most: 2 h", "at_most: 2 h", 13, "steps[2].steps[3].until",
     "cannot end"),
    (", at_most: 2 h}", ", at_most: 2}", 13, "steps[2].steps[3].at_most", "expected a time"),
    ("0.25 Ah]", "0.25 Ah", 13, "", "not valid YAML"),
]  # fmt: skip


def test_the_good_one_is_good():
    made = expand(parse_protocol(GOOD, "life.yaml"))
    assert [step.step_type for step in made.steps] == ["REST", "CCCV_CHG", "CV", "CC_DCH"]
    assert made.executions() == 10
    assert made.steps[1].current_ampere == pytest.approx(0.2)
    assert made.steps[1].cutoff_ampere == pytest.approx(0.01)
    assert made.steps[2].current_ampere == pytest.approx(0.2), "a hold takes the bound before it"
    assert made.steps[3].end_volt == 2.8
    assert made.steps[3].end_charge_ah == 0.25


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), WRONG)
def test_refused_with_line_and_field(old, new, line, field, words):
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    with pytest.raises((ProtocolError, CellError)) as caught:
        expand(parse_protocol(text, "life.yaml"))
    place = f"life.yaml:{line}" + (f", {field}" if field else "")
    assert caught.value.where == place
    assert words in f"{caught.value.what} {caught.value.remedy}"
    assert caught.value.remedy


def test_a_default_bound_in_time_is_printed():
    made = expand(parse_protocol(GOOD, "life.yaml"))
    assert any("line 11" in note and "3.5 h" in note for note in made.notes)
    assert made.steps[1].at_most_second == pytest.approx((1.5 + 2.0) * 3600.0)


@pytest.mark.parametrize(
    ("sentence", "step_type"),
    [
        ("Charge at C/3 until 4.2 V", "CC_CHG"),
        ("charge at 10 mA for 30 min", "CC_CHG"),
        ("Discharge at 1C for 2 h or until 2.8 V", "CC_DCH"),
        ("Discharge at 0.1 A until 2.8 V or for 2 hours", "CC_DCH"),
        ("Rest for 1 hour", "REST"),
    ],
)
def test_sentences_are_steps(sentence, step_type):
    text = GOOD.replace("Rest for 10 min", sentence)
    made = expand(parse_protocol(text, "life.yaml"))
    assert made.steps[0].step_type == step_type
    assert made.steps[0].text == sentence


def test_yaml_scalars_are_text_whatever_yaml_1_1_makes_of_them():
    root = load_text("a: on\nb: 1:30\nc: 0123\nd: ~\ne: 1e3\n", "x", ProtocolError)
    assert root.plain() == {"a": "on", "b": "1:30", "c": "0123", "d": "~", "e": "1e3"}


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "just text\n", "- a\n- b\n"])
def test_what_is_no_protocol_at_all(text):
    with pytest.raises(BenchError) as caught:
        parse_protocol(text, "x.yaml")
    assert caught.value.exit_code == 13
    assert caught.value.where.startswith("x.yaml")


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(BenchError) as caught:
        read_protocol(tmp_path / "no.yaml")
    assert caught.value.exit_code == 10
    with pytest.raises(BenchError) as caught:
        read_protocol(tmp_path)
    assert caught.value.exit_code == 10
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(BenchError) as caught:
        read_protocol(tmp_path / "bytes.yaml")
    assert caught.value.exit_code == 13


def test_a_cell_file_and_a_type_of_its_own(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text(
        "id: A17\nactive_mass: 12.3 mg\narea: 1.54 cm2\nnominal_capacity: 2 mAh\n"
        "type:\n  first_half_cycle: charge\n  nominal_capacity: 2 mAh\n"
        "  window: {low: 2.5 V, high: 4.2 V}\n"
        "  hard_limits: {voltage: {low: 0 V, high: 4.3 V}, current: {charge: 2C, discharge: 2C}}\n"
    )
    cell = read_cell(path)
    assert cell.record()["active_mass_gram"] == pytest.approx(0.0123)
    assert cell.record()["nominal_capacity_ah"] == pytest.approx(0.002)
    protocol = GOOD.replace("cell: {type: nmc811_graphite_pouch}\n", "").replace("0.2 Ah", "2 mAh")
    protocol = protocol.replace("charge: 0.3 A", "charge: 1C").replace("0.25 Ah]", "2 mAh]")
    made = expand(parse_protocol(protocol, "p.yaml"), cell)
    assert made.limits.hard_charge_ampere == pytest.approx(0.004)


def test_a_capacity_slip_between_cell_and_protocol_is_refused(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text("id: A17\nnominal_capacity: 200 Ah\ntype: nmc811_graphite_pouch\n")
    with pytest.raises(ProtocolError, match="factor of two"):
        expand(parse_protocol(GOOD, "p.yaml"), read_cell(path))


def test_a_protocol_for_another_cell_type_is_refused(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text("id: A17\ntype: lfp_graphite_26650\n")
    with pytest.raises(ProtocolError, match="the cell is lfp_graphite_26650"):
        expand(parse_protocol(GOOD, "p.yaml"), read_cell(path))


def test_of_a_fixed_end_and_one_that_is_known_later_the_first_to_be_reached_holds():
    text = GOOD.replace("until: [2.8 V, 0.25 Ah]", "until: [95 % of chg, 0.1 Ah, 2.8 V]")
    step = expand(parse_protocol(text, "life.yaml")).steps[3]
    assert step.with_numbers({"capacity of chg": 0.2}).end_charge_ah == pytest.approx(0.1)
    assert step.with_numbers({"capacity of chg": 0.05}).end_charge_ah == pytest.approx(0.0475)
