"""Sentences mean on the bench what PyBaMM means by them, or are refused with the reason."""

import math
import warnings
from pathlib import Path

import pytest

from benchlab.errors import ProtocolError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.sentence import FORMS, mapping_of
from benchlab.model.yaml_text import load_text

FIXTURE = Path(__file__).with_name("sentences.yaml")
TABLE = load_text(FIXTURE.read_text(encoding="utf-8"), FIXTURE.name, ProtocolError).plain()
C_AH = 2.0
AROUND = """\
name: t
cell:
  type:
    first_half_cycle: charge
    nominal_capacity: 2 Ah
    window: {{low: 1 V, high: 4.2 V}}
    hard_limits:
      voltage: {{low: 0.5 V, high: 4.5 V}}
      current: {{charge: 20 A, discharge: 20 A}}
capacity: {{C: 2 Ah}}
procedures:
  full_charge: [Charge at 1C until 4.2 V]
steps:
  - Charge at 1C until 4 V
  - {}
"""


def program(step):
    return expand(parse_protocol(AROUND.format(step), "p.yaml"))


def quoted(text):
    return '"' + text + '"'


def texts(group):
    return [item["text"] for item in TABLE[group]]


@pytest.fixture(scope="module")
def pybamm():
    environment = pytest.MonkeyPatch()
    environment.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("pybamm", reason="PyBaMM is not installed here")
    yield module
    environment.undo()


def reading(pybamm, sentence):
    """Return what PyBaMM reads, in the words of the fixture."""
    step = pybamm.Experiment([sentence]).steps[0]
    found = {"text": sentence, "control": type(step).__name__, "value": repr(float(step.value))}
    if not step.uses_default_duration:
        found["seconds"] = repr(float(step.duration))
    if step.termination:
        found["ends"] = [
            " ".join(
                [type(e).__name__.removesuffix("Termination"), *(e.operator or ""), repr(e.value)]
            )
            for e in step.termination
        ]
    if step.period:
        found["period"] = repr(float(step.period))
    return found


@pytest.mark.parametrize("item", TABLE["both"], ids=texts("both"))
def test_the_bench_does_what_pybamm_says(item):
    plan = program(quoted(item["text"])).steps[1]
    value = float(item["value"])
    sign = {"Voltage": 0, "Rest": 0}.get(item["control"], -math.copysign(1, value))
    assert plan.direction == sign, "PyBaMM's discharge is positive, ours negative"
    size = abs(value)
    if item["control"] in ("Current", "CRate"):
        size *= C_AH if item["control"] == "CRate" else 1.0
        assert plan.current_ampere == pytest.approx(sign * size, rel=1e-15)
    elif item["control"] == "Voltage":
        assert plan.hold_volt == size
        assert plan.current_ampere == C_AH, "bounded by the constant current before it"
    elif item["control"] == "Rest":
        assert plan.is_open
    else:
        assert plan.control.value == item["control"].lower()
        assert plan.level == pytest.approx(size, rel=1e-15)
    if "seconds" in item:
        assert plan.end_time_second == float(item["seconds"])
    else:
        assert math.isinf(plan.end_time_second)
        assert math.isfinite(plan.at_most_second), "the bound in time is printed, never hidden"
    ends = {"Voltage": math.nan, "Current": math.nan, "CRate": math.nan}
    for text in item.get("ends", ()):
        kind, *_, number = text.split()
        ends[kind] = float(number)
    current = ends["Current"] if math.isnan(ends["CRate"]) else ends["CRate"] * C_AH
    assert plan.end_volt == pytest.approx(ends["Voltage"], nan_ok=True)
    assert plan.cutoff_ampere == pytest.approx(current, nan_ok=True)
    assert plan.every_second == float(item.get("period", 10.0))


@pytest.mark.parametrize("item", TABLE["both"], ids=texts("both"))
def test_the_reading_is_that_of_the_installed_pybamm(pybamm, item):
    assert reading(pybamm, item["text"]) == item


@pytest.mark.parametrize("text", texts("pybamm_only"))
def test_pybamm_takes_what_the_bench_refuses(pybamm, text):
    assert reading(pybamm, text)


@pytest.mark.parametrize("text", texts("bench_only") + texts("neither"))
def test_pybamm_refuses_what_is_said_to_go_beyond_it(pybamm, text):
    # in words of its own, or by unpacking or indexing what is not there
    with pytest.raises((ValueError, IndexError, KeyError)):
        pybamm.Experiment([text])


REFUSED = [item for group in TABLE.values() for item in group if "words" in item]


@pytest.mark.parametrize("item", REFUSED, ids=[item["text"] for item in REFUSED])
def test_refused_with_the_reason(item):
    with pytest.raises(ProtocolError) as caught:
        program(quoted(item["text"]))
    assert item["words"] in f"{caught.value.what} {caught.value.remedy}"
    assert caught.value.where.startswith("p.yaml:15, steps[2]")
    assert caught.value.remedy


SAME = [item for item in TABLE["bench_only"] if "same" in item]


def numbers(plan):
    kept = plan.record()
    return {
        key: kept[key] for key in kept if key not in ("text", "texts", "watched", "unknown")
    } | {
        "watched": plan.watched,
        "unknown": plan.unknown,
    }


@pytest.mark.parametrize("item", SAME, ids=[item["text"] for item in SAME])
def test_a_sentence_is_the_mapping_that_means_the_same(item):
    said, written = program(quoted(item["text"])), program(item["same"])
    assert [numbers(step) for step in said.steps] == [numbers(step) for step in written.steps]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_that_is_shown_is_known(form):
    assert mapping_of(form)


def test_each_refusal_and_difference_is_documented():
    text = (Path(__file__).parents[2] / "docs/pybamm_sentences.md").read_text(encoding="utf-8")
    assert [item for item in texts("pybamm_only") if f"`{item}`" not in text] == []
    assert [form for form in FORMS if f"`{form}`" not in text] == []


def test_the_documented_example_is_taken():
    text = (Path(__file__).parents[2] / "docs/pybamm_sentences.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    plans = expand(parse_protocol(example, "docs")).steps
    assert [plan.step_type for plan in plans] == ["CCCV_CHG", "REST", "CC_DCH", "REST"]
    assert plans[3].every_second == 1.0
