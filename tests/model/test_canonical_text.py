"""The canonical text of given protocols, and its digest."""

import hashlib
import re

import pytest

from benchlab.model.canonical import canonical, canonical_sha256
from benchlab.model.protocol_text import parse_protocol, read_protocol

CSV = "test_time_second,current_ampere\n0,0.1\n1,-0.1\n2,0\n"
WAYS = """\
name: t
cell: {type: nmc811_graphite_pouch}
steps: [%s]
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rest for 10 min", "{output: open, rest: 600 s}"),
        ("Charge at C/20 until 4200 mV", "{until: 4.2 V, charge: 0.05 C}"),
        ("{repeat: 1, steps: [Rest for 1 h]}", "{repeat: '1', steps: [{rest: 1 hour}]}"),
        ("{discharge: 5 W, until: [2.8 V]}", "Discharge at 5000 mW until 2.80 V"),
    ],
)
def test_one_meaning_is_one_text_and_one_digest(one, other):
    first, second = (parse_protocol(WAYS % way, "p.yaml") for way in (one, other))
    assert canonical(first) == canonical(second)
    assert canonical_sha256(first) == canonical_sha256(second)


def test_another_meaning_is_another_digest():
    found = {
        canonical_sha256(parse_protocol(WAYS % way, "p.yaml"))
        for way in ("Charge at 1C until 4.2 V", "Charge at 1C until 4.200000000000001 V",
                    "{charge: 1C, to: 4.2 V, then_hold_until: C/20}")
    }  # fmt: skip
    assert len(found) == 3


def test_a_profile_is_named_with_its_content(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(WAYS % "{profile: us06.csv}")
    (tmp_path / "us06.csv").write_text(CSV)
    digest = hashlib.sha256(CSV.encode()).hexdigest()
    first = canonical(read_protocol(path))
    assert f"# profile us06.csv sha256 {digest}\n" in first
    (tmp_path / "us06.csv").write_text(CSV.replace("0.1", "0.2"))
    assert canonical(read_protocol(path)) != first


def test_files_that_are_run_become_procedures(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "name: t\nprocedures: {check: [Rest for 1 s], file_check: [Rest for 9 s]}\n"
        "steps: [{run: check.yaml}, {run: check}, {run: file_check}]\n"
    )
    (tmp_path / "check.yaml").write_text(
        "name: c\nprocedures: {check: [Rest for 2 s]}\nsteps: [{run: check}, Rest for 3 s]\n"
    )
    text = canonical(read_protocol(path))
    alone = parse_protocol(text, "alone.yaml")
    assert canonical(alone) == text
    assert list(alone.procedures) == ["check", "file_check", "file_check_2", "file_check_check"]
    seconds = {name: re.findall(r"rest: (\S+)", text.partition(f"  {name}:\n")[2])[0]
               for name in ("check", "file_check", "file_check_check")}  # fmt: skip
    assert seconds == {"check": "1.0", "file_check": "9.0", "file_check_check": "2.0"}
