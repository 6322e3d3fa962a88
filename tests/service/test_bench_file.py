"""bench.yaml: what fits is read, what does not is told with its line and field."""

import re
from pathlib import Path

import pytest

from benchlab.errors import BenchFileError
from benchlab.model.validate import Strict
from benchlab.service import bench_entries
from benchlab.service.bench_file import BenchFile, parse_bench, read_bench

ROOT = Path(__file__).parents[2]
SMALL = """\
instruments:
  a: {driver: keithley2450, resource: "TCPIP::h::1::SOCKET"}
  b: {driver: keithley2450, resource: sim, worker: w}
  c: {driver: neware_bts8, resource: sim, worker: w}
  oven: {driver: espec_p300, resource: "TCPIP::o::1::SOCKET"}
channels:
  "1": {instrument: a, chamber: oven}
  "2": {instrument: b}
  "3": {instrument: c, number: 2}
"""


def test_the_example_is_read():
    bench = read_bench(ROOT / "sample_data/bench/bench.yaml")
    assert bench.channels["A1"].limits.voltage == (2.5, 4.3)
    assert bench.devices() == ("thermo", "oven")
    assert bench.group_of("A1") == bench.group_of("A2") == "oven"


def test_instruments_are_grouped_into_workers():
    bench = parse_bench(SMALL, "b.yaml")
    assert bench.workers() == {"a": ("a",), "w": ("b", "c")}
    assert set(bench.channels_of("w")) == {"2", "3"}
    assert bench.worker_of("3") == "w"
    assert bench.channel("3").number == "2"
    assert bench.channel("2").simulated
    assert not bench.channel("1").simulated


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("keithley2450", "keithley245", 2, "driver: found 'keithley245', expected one of"),
        ("instrument: a,", "instrument: x,", 7, "channels.1.instrument: found 'x', expected one"),
        ("chamber: oven", "chamber: a", 7, "channels.1.chamber: found 'a', expected one of"),
        ("instrument: b}", "instrument: a}", 8, "place of channel '1'"),
        ('"2":', '"../2":', 8, "expected a name of at most 40"),
        ("number: 2", "numbr: 2", 9, "unknown key 'numbr'"),
        ("instrument: b", "instrument: b, limits: {charge: C/3}", 8, "a current in amperes"),
        ("instrument: b", "instrument: b, limits: {voltage: 4 V to 2 V}", 8, "voltage"),
        ("instrument: b", "instrument: b, calibrated: soon", 8, "a day such as"),
        ("instrument: b", "instrument: b, on_interruption: go", 8, "'resume' or 'hold'"),
        ("channels:", "hooks: {ping: ftp://x}\nchannels:", 6, "begins with http"),
        ('"TCPIP::o::1::SOCKET"', "sim", 7, "'oven', which is simulated, beside a real instrument"),
        ("channels:", "interlocks: {e: {instrument: a, input: 1}}\nchannels:", 6, "drives no cell"),
        ("channels:", "interlocks: {e: {instrument: oven}}\nchannels:", 6, "one of: input, above"),
        (
            "channels:",
            "interlocks: {e: {instrument: oven, alarms: yes, trips: group x}}\nchannels:",
            6,
            "bench, channel NAME, or one of the groups: oven",
        ),
        (
            "channels:",
            "interlocks: {e: {instrument: oven, alarms: yes, trips: x}}\nchannels:",
            6,
            "expected bench, group NAME or channel NAME",
        ),
        ("resource: sim, worker: w", 'resource: "TCPIP::H::1::SOCKET"', 3, "resource of 'a'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(old, new, line, says):
    text = SMALL.replace(old, new, 1)
    assert text != SMALL
    with pytest.raises(BenchFileError) as caught:
        parse_bench(text, "b.yaml")
    assert str(caught.value).startswith(f"b.yaml:{line}, ")
    assert says in str(caught.value)


def test_every_key_is_documented_and_the_documented_example_is_read():
    page = (ROOT / "docs/bench_file.md").read_text("utf-8")
    for text in re.findall(r"```yaml\n(.*?)```", page, re.S):
        assert parse_bench(text, "docs").channels
    for model in {**vars(bench_entries), "bench": BenchFile}.values():
        if isinstance(model, type) and issubclass(model, Strict) and model is not Strict:
            for key in model.model_fields:
                assert (
                    f"`{key}`" in page
                    or f"{key}:" in page
                    or f"{key}}}" in page
                    or (f", {key}" in page)
                ), key
    assert set(BenchFile.model_fields) == {
        "name",
        "data",
        "instruments",
        "channels",
        "hooks",
        "hub",
        "interlocks",
        "reserve",
    }
