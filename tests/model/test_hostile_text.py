"""What no laboratory writes is refused at once, with its line, before anything is started."""

import sys
import time
from pathlib import Path

import pytest

from benchlab.errors import BenchError, CellError, ProtocolError
from benchlab.model.cell import read_cell
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol, read_protocol
from benchlab.model.yaml_text import load_text

GOOD = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
control: {period: 1 s}
record: {or_change: 5 mV}
steps:
  - {rest: 10 min, label: look}
  - repeat: 3
    steps:
      - {charge: C/2, until: 4.2 V, at_most: 3 h}
"""


def refusal(text):
    with pytest.raises((ProtocolError, CellError)) as caught:
        expand(parse_protocol(text, "p.yaml"))
    assert caught.value.remedy
    return caught.value


def test_the_text_that_the_others_are_made_of_is_good():
    assert expand(parse_protocol(GOOD, "p.yaml")).executions() == 4


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("name: t", 'name: "a\\0b"', 1, "U+0000"),
        ("name: t", 'name: "\\ud800"', 1, "U+D800"),
        ("name: t", 'name: "\\e[31m"', 1, "U+001B"),
        ("name: t", 'name: "\\x85"', 1, "U+0085"),
        ("name: t", "name: a\0b", 1, "U+0000"),
        ("label: look", "label: \x1b[31m", 7, "U+001B"),
        ("label: look", 'label: "\\udfff"', 7, "U+DFFF"),
        ("label: look", '"la\\0bel": look', 7, "U+0000"),
        ("name: t", 'name: "\\UFFFFFFFF"', None, "not valid YAML"),
        ("name: t", f"name: {'x' * 70_000}", 1, "70,000 characters"),
        ("name: t", "name:", 1, "expected a name of one line"),
        ("name: t", "name: '  '", 1, "expected a name of one line"),
        ("name: t", 'name: "a\\nb"', 1, "expected a name of one line"),
        ("rest: 10 min", "rest: 1e300 h", 7, "from 1 ms to 10 years"),
        ("rest: 10 min", "rest: 3653 d", 7, "from 1 ms to 10 years"),
        ("rest: 10 min", "rest: 1e-320 ms", 7, "from 1 ms to 10 years"),
        ("repeat: 3", "repeat: 1000001", 8, "at most 1000000"),
        ("repeat: 3", f"repeat: {'9' * 5000}", 8, "at most 1000000"),
        ("period: 1 s", "period: 61 s", 4, "at most 60 s"),
        ("or_change: 5 mV", "or_change: 0 V", 5, "above zero"),
        ("or_change: 5 mV", "or_change: -5 mV", 5, "above zero"),
        ("charge: C/2", "charge: 11 kA", 10, "to 10 kA"),
        ("charge: C/2", "charge: 1e308 kA", 10, "to 10 kA"),
        ("charge: C/2", "charge: 1001C", 10, "to 1000C"),
        ("charge: C/2", "charge: C/1e300", 10, "from C/1000000"),
        ("charge: C/2", "charge: 1e-320 A", 10, "from 1e-12 A"),
        ("charge: C/2, until: 4.2 V, at_most: 3 h", "charge: 1e-9 A, until: 4.2 V", 10, "10 years"),
        ("until: 4.2 V", "until: 1.1 kV", 10, "at most 1 kV"),
        ("until: 4.2 V", "until: 101 kAh", 10, "to 100 kAh"),
        ("until: 4.2 V", "until: 1e300 % of C", 10, "to 10000 %"),
        ("C: 0.2 Ah", "C: 1e-320 Ah", 3, "from 1e-12 Ah"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused_with_its_line(old, new, line, words):
    assert GOOD.count(old) == 1
    error = refusal(GOOD.replace(old, new))
    assert error.where.partition(",")[0] == ("p.yaml" if line is None else f"p.yaml:{line}")
    assert words in error.what
    assert len(str(error)) < 400, "a sentence that nobody can read"
    assert not any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in str(error))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rest: 10 min", "rest: 3652 d"),
        ("repeat: 3", "repeat: 1000000"),
        ("repeat: 3", "repeat: 007"),
        ("period: 1 s", "period: 60 s"),
        ("name: t", "name: 电池 µ € 🔋"),
        ("name: t", "name: >\n  folded\n  into one line"),
        ("repeat: 3", "phase: 'a\ttab'"),
    ],
)
def test_the_largest_that_is_meant_is_taken(old, new):
    assert expand(parse_protocol(GOOD.replace(old, new), "p.yaml")).executions() >= 2


def test_repeats_inside_each_other_that_no_counter_could_count():
    inner = "{repeat: 1000000, steps: [{repeat: 5000, steps: [Rest for 1 s]}]}"
    error = refusal(GOOD.replace("{rest: 10 min, label: look}", inner))
    assert error.where == "p.yaml:6, steps"
    assert "5e+09 steps" in error.what


def test_a_cell_file_is_held_to_the_same(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text('type: nmc811_graphite_pouch\nid: "A\\0"\n')
    with pytest.raises(CellError, match=r"U\+0000") as caught:
        read_cell(path)
    assert caught.value.where == f"{path}:2"
    path.write_text("type: nmc811_graphite_pouch\nactive_mass: 1e300 g\n")
    with pytest.raises(CellError, match="1000 kg"):
        read_cell(path)
    path.write_text(
        "type:\n  first_half_cycle: charge\n  nominal_capacity: 90 % of C\n"
        "  window: {low: 2 V, high: 4 V}\n"
        "  hard_limits: {voltage: {low: 2 V, high: 4 V}, current: {charge: 2C, discharge: 2C}}\n"
    )
    with pytest.raises(CellError, match="expected a capacity such as") as caught:
        read_cell(path)
    assert caught.value.where == f"{path}:3, cell.type.nominal_capacity"


def nested(depth):
    lines = ["steps:"]
    for level in range(depth):
        lines += [f"{'  ' * (2 * level + 1)}- repeat: 2", f"{'  ' * (2 * level + 2)}steps:"]
    lines.append(f"{'  ' * (2 * depth + 1)}- Rest for 1 s")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD.replace(GOOD[GOOD.index("steps:") :], nested(400)), 7 + 2 * 24),
        ("name: t\nsteps: " + "[" * 5000, 2),
        ("name: t\nsteps: " + "[" * 5000 + "]" * 5000, 2),
        ("name: t\nsteps: " + "{a: " * 5000, 2),
    ],
    ids=["repeats", "open brackets", "brackets", "mappings"],
)
def test_what_lies_too_deep_names_its_line(text, line):
    error = refusal(text)
    assert error.where == f"p.yaml:{line}"
    assert "more than 50 deep" in error.what


def test_repeats_just_too_deep_are_told_so_in_their_own_words():
    error = refusal(GOOD.replace(GOOD[GOOD.index("steps:") :], nested(21)))
    assert "repeats stand more than 20 deep" in error.what


def test_aliases_that_write_themselves_out_to_billions_are_refused_at_once():
    lines = ["name: t", "a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]")
    began = time.process_time()
    error = refusal("\n".join(lines))
    assert time.process_time() - began < 1.0
    assert error.where == "p.yaml:6"
    assert "100,000 values" in error.what


def test_aliases_that_write_themselves_out_deeper_and_deeper():
    lines = ["name: t", "k0: &k0 x"]
    lines += [f"k{n}: &k{n} [*k{n - 1}]" for n in range(1, 300)]
    assert "more than 50 deep" in refusal("\n".join(lines)).what


def test_an_alias_in_itself():
    error = refusal("name: t\nsteps: &s\n  - repeat: 2\n    steps: *s\n")
    assert error.where == "p.yaml:4"
    assert "contains itself" in error.what


def test_honest_aliases_are_kept():
    root = load_text("a: &a [1, 2]\nb: [*a, *a]\n", "x", ProtocolError)
    assert root.plain() == {"a": ["1", "2"], "b": [["1", "2"], ["1", "2"]]}


def test_a_stack_that_is_nearly_used_up_is_no_traceback():
    def deeper(left):
        if left:
            return deeper(left - 1)
        with pytest.raises(BenchError, match="not valid YAML"):
            load_text("[" * 45 + "]" * 45, "x", ProtocolError)
        return None

    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    deeper(sys.getrecursionlimit() - used - 100)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless file here")
def test_a_file_without_an_end():
    with pytest.raises(ProtocolError, match="larger than 1 MB"):
        read_protocol(Path("/dev/zero"))


def test_the_text_of_a_file_keeps_its_lines(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_protocol(path).text == GOOD
