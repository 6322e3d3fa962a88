"""Small files of each variant, made here: their signs, units, times, notes and restarts."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import benchlab
from benchlab.errors import BenchError, ForeignDataError, SetupError, UsageError
from benchlab.model.columns import ROW_COLUMNS
from benchlab.model.flags import RowFlag
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import write_closed
from benchlab.store.export import export_run
from benchlab_analysis.importers import read


def cell(count=40, *, scale=1.0):
    """Return rows of 0.1 A, 60 s apart: half of them charge, half of them discharge."""
    half = count // 2
    for row in range(count):
        up = row < half
        done = 0.1 * 60.0 / 3600.0 * ((row if up else row - half) + 1)
        yield row, up, done * scale, 3.2 + 0.02 * (row if up else count - row)


def put(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def maccor(path, *, comma=False, time="Test (Min)", dates=True, count=40):
    lines = [
        "Today's Date 03/14/2024",
        "",
        f"Rec#\tCyc#\tStep\t{time}\tAmp-hr\tAmps\tVolts\tState\tDPt Time",
    ]
    for row, up, done, volts in cell(count):
        hour, minute = divmod(row, 60)
        date = f"03/14/2024 {12 if hour == 0 else hour}:{minute:02d}:00 PM" if dates else ""
        text = f"{row + 1}\t1\t{1 if up else 2}\t{row:.4f}\t{done:.8f}\t0.1000\t{volts:.4f}\t"
        lines.append((text.replace(".", ",") if comma else text) + f"{'C' if up else 'D'}\t{date}")
    return put(path, lines)


def check(found, count=40):
    rows = found.rows
    assert rows["current_ampere"].tolist() == [0.1] * (count // 2) + [-0.1] * (count // 2)
    np.testing.assert_allclose(rows["test_time_second"], 60.0 * np.arange(count))
    moved = 0.1 * 60.0 / 3600.0 * (count // 2)
    assert rows["charging_capacity_ah"][-1] == pytest.approx(moved, rel=1e-5)
    assert rows["discharging_capacity_ah"][-1] == pytest.approx(moved, rel=1e-5)


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize(
    ("time", "dates"), [("Test (Min)", True), ("TestTime", True), ("TestTime", False)]
)
def test_maccor_variants(tmp_path, comma, time, dates):
    found = read(maccor(tmp_path / "a.001", comma=comma, time=time, dates=dates))
    check(found)
    assert any("minus was given to the 20 rows" in text for text in found.meta["warnings"])


@pytest.mark.parametrize("signed", [True, False])
def test_neware_record_layer(tmp_path, signed):
    header = (
        "DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,Current(mA),Voltage(V),"
        "Capacity(mAh)"
    )
    lines = [header]
    for row, up, done, volts in cell(scale=1e3):
        clock = f"{row // 60:02d}:{row % 60:02d}:00"
        amperes = 100.0 if up or not signed else -100.0
        kind = "CC Chg" if up else "CC DChg"
        lines.append(
            f"{row + 1},1,{1 if up else 2},{kind},{clock},{clock},{amperes},{volts},{done}"
        )
    check(read(put(tmp_path / "a.csv", lines)))


def test_biologic_text(tmp_path):
    lines = ["EC-Lab ASCII FILE", "Nb header lines : 4", ""]
    lines.append("Ns\ttime/s\t(Q-Qo)/mA.h\tEwe/V\t<I>/mA\tcycle number")
    net = 0.0
    for row, up, _, volts in cell():
        net += (1.0 if up else -1.0) * 100.0 * 60.0 / 3600.0
        lines.append(
            f"{1 if up else 2}\t{60.0 * row}\t{net}\t{volts}\t{100.0 if up else -100.0}\t1.0E+00"
        )
    found = read(put(tmp_path / "a.mpt", lines))
    check(found)
    assert found.meta["origin"] == "biologic txt"


MAP = """\
time: {column: Zeit, unit: min}
voltage: {column: U, unit: mV}
current: {column: I, unit: mA, positive: discharge}
charge_capacity: {column: Ql, unit: mAh, resets: step}
discharge_capacity: {column: Qe, unit: mAh, resets: step}
step: Schritt
"""


def test_any_table_by_a_description(tmp_path):
    lines = ["Zeit;U;I;Ql;Qe;Schritt"]
    for row, up, done, volts in cell(scale=1e3):
        charged, discharged = (done, 0.0) if up else (0.0, done)
        text = (
            f"{row};{1e3 * volts};{-100.0 if up else 100.0};{charged};{discharged};{1 if up else 2}"
        )
        lines.append(text.replace(".", ","))
    path = put(tmp_path / "a.txt", lines)
    described = tmp_path / "map.yaml"
    described.write_text(MAP)
    check(read(path, columns=described))
    with pytest.raises(ForeignDataError, match="--columns"):
        read(path)
    described.write_text(MAP.replace("min", "fortnight"))
    with pytest.raises(UsageError, match="fortnight"):
        read(path, columns=described)
    described.write_text(MAP.replace("positive: discharge", "positive: charge"))
    with pytest.raises(ForeignDataError, match="SIGN OF THE CURRENT"):
        read(path, columns=described)
    described.write_text(MAP.replace("I, unit: mA", "I, unit: A"))
    with pytest.raises(ForeignDataError, match=r"line \d+.*mA.*--accept unit"):
        read(path, columns=described)


def bdf(path, *, start=0, count=40, offset=0.0, change=None):
    lines = ["Test Time / s,Voltage / V,Current / A,Step Count / 1"]
    for row, up, _, volts in cell():
        amperes = 0.1 if up else -0.1
        lines.append(f"{60.0 * row - offset},{volts},{amperes},{1 if up else 2}")
    lines = [lines[0], *lines[1 + start : 1 + start + count]]
    if change:
        lines[change[0]] = change[1]
    return put(path, lines)


def test_restarts_are_joined_and_the_gap_is_an_event(tmp_path):
    first = bdf(tmp_path / "a.csv", count=15)
    later = bdf(tmp_path / "b.csv", start=30)
    found = read([later, first])
    assert len(found.rows["voltage_volt"]) == 25
    texts = [
        text
        for kind, text in zip(found.events["kind"], found.events["text"], strict=True)
        if kind == "gap"
    ]
    assert len(texts) == 1
    assert "gap 960.000 s" in texts[0]
    anew = bdf(tmp_path / "c.csv", start=15, offset=900.0)
    found = read([first, anew])
    np.testing.assert_allclose(found.rows["test_time_second"], 60.0 * np.arange(40))
    assert any("HOW LONG THE GAPS WERE IS NOT KNOWN" in text for text in found.meta["warnings"])


def test_glitches_empty_fields_and_notes_are_kept_or_dropped_and_counted(tmp_path):
    path = bdf(tmp_path / "a.csv", change=(10, "540.0,-2.5,0.1,1"))
    text = path.read_text().splitlines()
    text[21] = "1200.0,,-0.1,2"
    text[30] = "1740.0,5.3,-0.1,2"
    path = put(tmp_path / "b.csv", [*text[:15], ",,,", *text[15:], "note: cell removed"])
    found = read(path)
    assert found.meta["rows_dropped"] == {"blank rows": 1, "footer lines": 1}
    assert found.meta["rows_odd"]["glitches"] == 2
    assert found.meta["rows_odd"]["rows_without_voltage"] == 1
    flagged = np.flatnonzero(found.rows["flags"] & int(RowFlag.SUSPECT))
    assert found.rows["voltage_volt"][flagged].tolist() == [-2.5, 5.3]
    with pytest.raises(ForeignDataError, match=r"line 13.*backwards"):
        read(bdf(tmp_path / "c.csv", change=(12, "500.0,3.4,0.1,1")))


def test_our_file_to_the_format_and_back(tmp_path):
    rows = read(bdf(tmp_path / "a.csv")).rows | {"flags": np.zeros(40, "<u4")}
    rows["voltage_volt"][7] = np.nan
    rows["charging_capacity_ah"][:] = np.linspace(0.0, 0.1 * 1200.0 / 3600.0, 40)
    rows["discharging_capacity_ah"][:] = rows["charging_capacity_ah"]
    rows["unix_time_nanosecond"][:] = 1_700_000_000_123_456_789 + 60 * 10**9 * np.arange(40)
    empty = read(bdf(tmp_path / "b.csv"))
    write_closed(
        tmp_path / "a.h5", rows=rows, steps=empty.steps, events=empty.events, cell={},
        protocol=ProtocolRecord(), instrument={}, meta={"origin": "benchlab"},
    )  # fmt: skip
    export_run(benchlab.open(tmp_path / "a.h5"), tmp_path / "x.bdf.csv", "bdf")
    (tmp_path / "x.bdf.gz").write_bytes(gzip.compress((tmp_path / "x.bdf.csv").read_bytes()))
    for name in ("x.bdf.csv", "x.bdf.gz"):
        back = read(tmp_path / name, accept=["unit", "sign"])
        for column in ROW_COLUMNS:
            np.testing.assert_array_equal(back.rows[column], rows[column], err_msg=column)
    pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet, is not installed")
    export_run(benchlab.open(tmp_path / "a.h5"), tmp_path / "x.parquet", "parquet")
    back = read(tmp_path / "x.parquet", accept=["unit", "sign"])
    for column in ROW_COLUMNS:
        np.testing.assert_array_equal(back.rows[column], rows[column], err_msg=column)


def test_arbin_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl, which writes it, is missing")
    pytest.importorskip("python_calamine", reason="python-calamine, which reads it, is missing")
    book = openpyxl.Workbook()
    book.active.append(["TEST REPORT", "x"])
    sheet = book.create_sheet("Channel_1-008_1")
    sheet.append(
        ["Data_Point", "Test_Time(s)", "Step_Index", "Cycle_Index", "Current(A)", "Voltage(V)"]
    )
    for row, up, _, volts in cell():
        sheet.append([row + 1, 60.0 * row, 1 if up else 2, 1, 0.1 if up else -0.1, volts])
    book.save(tmp_path / "a.xlsx")
    book.close()
    found = read(tmp_path / "a.xlsx")
    assert found.meta["origin"] == "arbin xlsx"
    np.testing.assert_allclose(found.rows["test_time_second"], 60.0 * np.arange(40))


def test_a_missing_reader_is_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a.res"
    path.write_bytes(b"\0\1\0\0Standard Jet DB\0" + bytes(100))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="mdbtools"):
        read(path)


HEADS = (
    b"", b"PK\x03\x04", b"NEWARE", b"PAR1", b"BIO-LOGIC MODULAR FILE\x1a", b"\x1f\x8b\x08",
    b"\x89HDF\r\n\x1a\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"Test Time / s,Voltage / V,Current / A\n", b"Rec\tTestTime\tAmps\tVolts\tMd\n",
    b"time/s\tEwe/V\tI/mA\n", b"DataPoint,Step Type,Time,Current(A),Voltage(V)\n",
    b"Test_Time(s),Cycle_Index,Step_Index,Current(A),Voltage(V)\n",
)  # fmt: skip


@pytest.mark.parametrize(
    "tail",
    [
        b"1\t\"\t'\t1:2\tC\n",  # a quote that never ends
        b"1\t0\t1\r2\t3\tC\n",
        b"1\tinf\t1\t2\tC\n1\tinf\t1\t2\tC\n",
        b"1\t1e308\t1e308\t1e308\tC\n2\t1e308\t-1e308\t-1e308\tD\n",
    ],
)
def test_bytes_that_once_gave_a_traceback(tmp_path, tail):
    path = tmp_path / "a.txt"
    path.write_bytes(HEADS[9] + tail)
    with pytest.raises(ForeignDataError, match=r"a\.txt"):
        read(path)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
@given(
    head=st.sampled_from(HEADS),
    tail=st.one_of(
        st.binary(max_size=200),
        st.text(alphabet="0123456789.,;\t\n-eENna:CDR \"'", max_size=200).map(str.encode),
    ),
)
def test_any_bytes_give_rows_or_a_clear_error(tmp_path, head, tail):
    path = tmp_path / "a.bin"
    path.write_bytes(head + tail)
    try:
        read(path)
    except BenchError as error:
        said = str(error)
    else:
        said = str(path)
    assert str(path) in said
