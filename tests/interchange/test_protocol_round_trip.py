"""Whatever unicycler can state comes back from our language as it was, or is named as lost."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab.interchange.document import read_document
from benchlab.interchange.facts import differences, facts
from benchlab.interchange.from_unicycler import import_document, unfaithful
from benchlab.interchange.to_unicycler import export_protocol
from benchlab.model.protocol_text import parse_protocol

unicycler = pytest.importorskip("aurora_unicycler", reason="needs benchlab[interchange]")


def sizes(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers as people write them: up to twelve digits."""
    return st.floats(low, high).map(lambda x: float(f"{x:.12g}")).filter(lambda x: x != 0.0)


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


seconds = sizes(0.001, 1e7) | st.integers(1, 1000).map(lambda h: h * 3600.0)
volts = sizes(-5.0, 6.0)
ids = maybe(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True).map("s_".__add__))
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co", "Zl", "Zp")), min_size=1, max_size=12
).filter(lambda text: text.strip() and text == text.strip() and "\ufeff" not in text)


@st.composite
def plain_steps(draw: st.DrawFn, way: list[int]) -> dict[str, object]:
    kind = draw(st.sampled_from(["rest", "current", "hold", "eis"]))
    if kind == "rest":
        return {"step": "open_circuit_voltage", "until_time_s": draw(seconds)}
    if kind == "eis":
        first, last = draw(
            st.tuples(sizes(1e-5, 1e7), sizes(1e-5, 1e7)).filter(lambda f: f[0] != f[1])
        )
        key = draw(st.sampled_from(["amplitude_V", "amplitude_mA"]))
        return {
            "step": "impedance_spectroscopy",
            key: draw(sizes(1e-4, 10.0)),
            "start_frequency_Hz": first,
            "end_frequency_Hz": last,
            "points_per_decade": draw(st.integers(1, 100)),
        }
    if kind == "hold" and way:
        found = {"step": "constant_voltage", "voltage_V": draw(volts | st.just(0.0))}
        key = draw(st.sampled_from(["until_rate_C", "until_current_mA"]))
        cutoff, second = draw(
            st.tuples(maybe(sizes(0.001, 3.0)), maybe(seconds)).filter(lambda e: any(e))
        )
        if cutoff is not None:
            found[key] = cutoff * way[-1]
        if second is not None:
            found["until_time_s"] = second
        return found
    way.append(draw(st.sampled_from([1, -1])))
    found = {"step": "constant_current"}
    key = draw(st.sampled_from(["rate_C", "current_mA"]))
    found[key] = draw(sizes(0.001, 100.0)) * way[-1]
    volt, second = draw(st.tuples(maybe(volts), maybe(seconds)).filter(lambda e: any(e)))
    if volt is not None:
        found["until_voltage_V"] = volt
    if second is not None:
        found["until_time_s"] = second
        if draw(st.booleans()):
            found["until_voltage_V"] = 0.0
    return found


@st.composite
def methods(draw: st.DrawFn) -> list[dict[str, object]]:
    """Steps with tags and loops in each other, as our exporter would spell them."""
    method: list[dict[str, object]] = []
    names = iter(draw(st.lists(texts, min_size=12, max_size=12, unique=True)))
    way: list[int] = []
    count = 0

    def block(depth: int) -> None:
        nonlocal count
        for _ in range(draw(st.integers(1, 3))):
            count += 1
            if depth < 3 and count < 9 and draw(st.booleans()):
                repeat(depth)
            else:
                step = draw(plain_steps(way))
                name = draw(ids)
                if name:
                    step["id"] = name + step["step"]
                method.append(step)

    def repeat(depth: int) -> None:
        begin, tag = len(method), next(names, "")
        if tag and draw(st.booleans()):
            method.append({"step": "tag", "tag": tag})
        else:
            tag = ""
        block(depth + 1)
        if not tag and len(method) - begin < 2:
            method.append({"step": "open_circuit_voltage", "until_time_s": 1.0})
        loop = {"step": "loop", "loop_to": tag or begin + 1}
        method.append({**loop, "cycle_count": draw(st.integers(1, 1000))})

    block(0)
    return method


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    sample: dict[str, object] = {"name": draw(texts)}
    capacity = draw(maybe(sizes(0.001, 1e5)))
    if capacity is not None:
        sample["capacity_mAh"] = capacity
    low, high = sorted(draw(st.tuples(volts | st.just(0.0), volts).filter(lambda v: v[0] != v[1])))
    record = {"time_s": draw(seconds)}
    record |= draw(st.fixed_dictionaries({}, optional={"voltage_V": sizes(1e-4, 1.0), "current_mA": sizes(1e-3, 10.0)}))  # fmt: skip  # noqa: E501
    limits = {
        "min_voltage_V": st.just(low),
        "max_voltage_V": st.just(high),
        "max_current_mA": sizes(0.01, 1e6),
        "min_current_mA": sizes(-1e6, -0.01),
        "max_capacity_mAh": sizes(0.01, 1e6),
        "delay_s": sizes(0.001, 10.0),
    }
    safety = draw(st.fixed_dictionaries({}, optional=limits))
    return {"sample": sample, "record": record, "safety": safety, "method": draw(methods())}


def there_and_back(plain: dict[str, object]) -> tuple[object, object]:
    document = read_document(json.dumps(plain), "x.json")
    imported = import_document(document, "x.json")
    exported = export_protocol(parse_protocol(imported.text, "x.yaml"), "unicycler")
    assert unfaithful(imported, exported.document) == []
    return imported, exported


@settings(max_examples=60, deadline=None)
@given(plain=documents())
def test_a_unicycler_protocol_comes_back_equal(plain: dict[str, object]) -> None:
    original = unicycler.CyclingProtocol.from_dict(plain)
    imported, exported = there_and_back(json.loads(original.to_json()))
    assert imported.report.of("no", "never") == []
    assert exported.report.of("no", "never") == []
    back = unicycler.CyclingProtocol.from_dict(exported.document.plain())
    assert back == original


@settings(max_examples=40, deadline=None)
@given(numbers=st.lists(st.floats(1e-3, 1e4), min_size=4, max_size=4))
def test_numbers_of_any_length_come_back(numbers: list[float]) -> None:
    current, second, volt, rate = numbers
    method = [
        {"step": "constant_current", "current_mA": current, "until_time_s": second},
        {"step": "constant_current", "rate_C": -rate / 100.0, "until_voltage_V": volt / 20.0},
    ]
    plain = {"record": {"time_s": second}, "method": method}
    _, exported = there_and_back(plain)
    back = facts(exported.document)
    assert back["method[1].until_time_s"] == second
    assert back["method[2].rate_C"] == -rate / 100.0
    assert back["method[2].until_voltage_V"] == volt / 20.0
    assert math.isclose(back["method[1].current_mA"], current, rel_tol=5e-16)


ZEROS = {
    "record": {"time_s": 1},
    "safety": {"min_voltage_V": 0.0, "max_voltage_V": 1.0},
    "sample": {"name": "zeros", "capacity_mAh": 2},
    "method": [
        {"step": "constant_current", "rate_C": -0.1, "until_voltage_V": 0.0, "until_time_s": 36000},
        {"step": "constant_voltage", "voltage_V": 0.0, "until_rate_C": -0.05},
    ],
}


def test_zeros_survive() -> None:
    imported, exported = there_and_back(ZEROS)
    assert "low: 0 V" in imported.text
    assert "until: 0 V" in imported.text
    assert "hold: 0 V" in imported.text
    given_ = facts(read_document(json.dumps(ZEROS), ""))
    assert differences(given_, facts(exported.document)) == []


def test_an_end_at_zero_volts_alone_survives_though_unicycler_takes_it_for_none() -> None:
    step = {"step": "constant_current", "rate_C": -0.1, "until_voltage_V": 0.0}
    plain = {**ZEROS, "method": [step]}
    with pytest.raises(ValueError, match="must be set and non-zero"):
        unicycler.CyclingProtocol.from_dict(plain)
    imported, exported = there_and_back(plain)
    assert "discharge: C/10, until: 0 V" in imported.text
    assert [finding.item.name for finding in exported.report.of("as")] == ["zero-voltage-end-alone"]
    back = unicycler.CyclingProtocol.from_dict(exported.document.plain()).method[0]
    assert (back.until_voltage_V, back.until_time_s) == (0.0, 54000.0)


TAGGED = [
    {"step": "tag", "tag": "a"},
    {"step": "open_circuit_voltage", "until_time_s": 1},
    {"step": "loop", "loop_to": "a", "cycle_count": 2},
    {"step": "open_circuit_voltage", "until_time_s": 2},
]


@pytest.mark.parametrize("back", ["a", 1, 2])
def test_loops_that_begin_at_one_step_are_repeats_in_repeats(back: object) -> None:
    loop = {"step": "loop", "loop_to": back, "cycle_count": 5}
    plain = {"record": {"time_s": 1}, "method": [*TAGGED, loop]}
    imported, _ = there_and_back(plain)
    assert imported.text.count("repeat:") == 2
    assert imported.text.index("repeat: 5") < imported.text.index("repeat: 2")


def test_a_loop_by_number_over_one_step_comes_back_with_a_tag_that_unicycler_asks_for() -> None:
    loop = {"step": "loop", "loop_to": 1, "cycle_count": 5}
    plain = {"record": {"time_s": 1}, "method": [TAGGED[1], loop]}
    with pytest.raises(ValueError, match="cannot be on or after the loop"):
        unicycler.CyclingProtocol.from_dict(plain)
    _, exported = there_and_back(plain)
    back = unicycler.CyclingProtocol.from_dict(exported.document.plain())
    assert [step.step for step in back.method] == ["tag", "open_circuit_voltage", "loop"]
    assert "got the tag" in exported.report.notes[0]
