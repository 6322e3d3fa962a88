"""Import of Arbin csv and of the Battery Data Format: whole, damaged, mixed, and back again."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchlab.errors import FileMissing, ForeignDataError, UsageError
from benchlab.model.columns import COLUMNS, ROW_COLUMNS
from benchlab_analysis.importers import read
from benchlab_analysis.importers.bdf import machine_name
from benchlab_analysis.importers.dates import start_of, to_utc

NEW = (
    "Data Point,Date Time,Test Time (s),Step Time (s),Cycle Index,Step Index,Current (A),"
    "Voltage (V),Charge Capacity (Ah),Discharge Capacity (Ah),Charge Energy (Wh),"
    "Discharge Energy (Wh),Internal Resistance (Ohm),Aux_Temperature_1 (C)"
)
OLD = (
    "Data_Point,Date_Time,Test_Time(s),Step_Time(s),Cycle_Index,Step_Index,Current(A),"
    "Voltage(V),Charge_Capacity(Ah),Discharge_Capacity(Ah),Charge_Energy(Wh),"
    "Discharge_Energy(Wh),Internal_Resistance(Ohm),Aux_Temperature_1(C)"
)
BDF = "Test Time / s,Voltage / V,Current / A,Cycle Count / 1,Charging Capacity / Ah"


def arbin_rows(count=40, *, start=0, newer=True):
    lines = []
    for row in range(start, start + count):
        cycle, within = 1 + row // 10, row % 10
        up = within < 5
        charge = min(within + 1, 5) * 0.25
        discharge = max(within - 4, 0) * 0.2475
        date = (
            f'"\t03/14/2024 10:00:{row % 60:02d}.250"' if newer else f"2024-03-14 10:00:{row:02d}"
        )
        lines.append(
            f"{row + 1},{date},{row}.125,{within % 5}.5,{cycle},{2 if up else 3},"
            f"{900 if up else -891},{3.1 + 0.1 * within:.3f},{charge:.6f},{discharge:.6f},"
            f"{charge * 3.7:.6f},{discharge * 3.5:.6f},{'' if within else 0.0312},{24.5 + row:.2f}"
        )
    return lines


def put(folder, name, header, lines, *, end="\n"):
    path = folder / name
    path.write_bytes(("\ufeff" + "\n".join([header, *lines]) + end).encode())
    return path


@pytest.mark.parametrize(("header", "newer"), [(NEW, True), (OLD, False)])
def test_arbin_both_header_styles(tmp_path, header, newer):
    path = put(tmp_path, "a.csv", header, arbin_rows(newer=newer))
    found = read([path])
    rows = found.rows
    assert found.meta["origin"] == "arbin csv"
    assert list(rows)[: len(ROW_COLUMNS)] == list(ROW_COLUMNS)
    assert all(rows[name].dtype == np.dtype("<" + COLUMNS[name].dtype) for name in rows)
    np.testing.assert_allclose(rows["test_time_second"], np.arange(40) + 0.125)
    assert rows["current_ampere"][:6].tolist() == [900] * 5 + [-891]
    assert rows["cycle_count"].tolist() == [1 + row // 10 for row in range(40)]
    assert rows["step_count"].tolist() == [1 + row // 5 for row in range(40)]
    assert rows["step_id"][:6].tolist() == [2] * 5 + [3]
    # the cycler's counters as they were, and their rises summed across the resets
    np.testing.assert_allclose(rows["schedule_charging_capacity_ah"][9:11], [1.25, 0.25])
    np.testing.assert_allclose(rows["charging_capacity_ah"][[9, 10, 39]], [1.25, 1.5, 5.0])
    assert found.meta["counter_reset_scope"] == "each cycle"
    assert found.meta["counter_resets"] == 3
    assert rows["internal_resistance_ohm"][0] == 0.0312
    assert np.isnan(rows["internal_resistance_ohm"][1])
    assert rows["temperature_t1_celsius"][0] == 24.5
    assert found.meta["sources"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.meta["first_row_local_time"].startswith("2024-03-14T10:00:00")
    assert not rows["unix_time_nanosecond"].any()  # no time zone, no UTC
    assert found.meta["warnings"] == []


def test_a_new_cycle_is_a_new_step_even_where_the_step_index_stays(tmp_path):
    lines = []
    for row, line in enumerate(arbin_rows(20)):
        fields = line.split(",")
        fields[3], fields[5] = f"{row}.5", "2"
        lines.append(",".join(fields))
    rows = read([put(tmp_path, "a.csv", NEW, lines)]).rows
    assert rows["step_count"].tolist() == [1] * 10 + [2] * 10


def test_time_zone_gives_utc(tmp_path):
    path = put(tmp_path, "a.csv", OLD, arbin_rows(newer=False))
    rows = read([path], timezone="Europe/Berlin").rows
    assert rows["unix_time_nanosecond"][0] == 1_710_406_800_000_000_000  # 09:00:00 UTC
    assert rows["unix_time_nanosecond"][1] - rows["unix_time_nanosecond"][0] == 10**9
    with pytest.raises(UsageError, match="Nowhere/Land"):
        read([path], timezone="Nowhere/Land")


def test_two_files_of_one_test_are_put_in_order(tmp_path):
    later = put(tmp_path, "x_1.csv", NEW, arbin_rows(20, start=20))
    first = put(tmp_path, "x_2.csv", NEW, arbin_rows(20))
    whole = read([put(tmp_path, "whole.csv", NEW, arbin_rows(40))])
    found = read([later, first])
    assert [item["name"] for item in found.meta["sources"]] == ["x_2.csv", "x_1.csv"]
    for name, values in whole.rows.items():
        np.testing.assert_array_equal(found.rows[name], values, err_msg=name)


def test_overlapping_files_are_joined_where_their_rows_are_the_same(tmp_path):
    first = put(tmp_path, "x_1.csv", NEW, arbin_rows(20))
    second = put(tmp_path, "x_2.csv", NEW, arbin_rows(20, start=15))
    whole = read([put(tmp_path, "whole.csv", NEW, arbin_rows(35))])
    found = read([second, first])
    for name, values in whole.rows.items():
        np.testing.assert_array_equal(found.rows[name], values, err_msg=name)
    assert found.meta["rows_odd"]["repeated_rows"] == 5
    other = [line.replace(",900,", ",899,") for line in arbin_rows(20, start=12)]
    changed = put(tmp_path, "x_3.csv", NEW, other)
    with pytest.raises(ForeignDataError, match=r"x_3\.csv.*before x_1\.csv ends"):
        read([first, changed])
    with pytest.raises(ForeignDataError, match="the same as"):
        read([first, first])


def test_mixed_channels_are_refused(tmp_path):
    lines = [f"{line},{1 + (row > 20)}" for row, line in enumerate(arbin_rows())]
    with pytest.raises(ForeignDataError, match="several channels"):
        read([put(tmp_path, "a.csv", NEW + ",Channel_ID", lines)])
    one = put(tmp_path, "t_Channel_1_Wb_1.csv", NEW, arbin_rows(20))
    two = put(tmp_path, "t_Channel_2_Wb_1.csv", NEW, arbin_rows(20, start=20))
    with pytest.raises(ForeignDataError, match="several channels"):
        read([one, two])
    with pytest.raises(ForeignDataError, match=r"line 42.*backwards"):
        read([put(tmp_path, "b.csv", NEW, arbin_rows() + arbin_rows())])


@pytest.mark.parametrize("missing", ["Voltage (V)", "Current (A)", "Cycle Index", "Test Time (s)"])
def test_missing_column_is_named(tmp_path, missing):
    place = NEW.split(",").index(missing)
    lines = [",".join(f for i, f in enumerate(x.split(",")) if i != place) for x in arbin_rows()]
    header = ",".join(name for name in NEW.split(",") if name != missing)
    with pytest.raises(ForeignDataError) as caught:
        read([put(tmp_path, "a.csv", header, lines)])
    assert "a.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Voltage (V)", "overload"),
        ("Current (A)", "1_0"),
        ("Current (A)", "inf"),
        ("Charge Capacity (Ah)", "--"),
        ("Cycle Index", "1.5"),
        ("Cycle Index", "-1"),
    ],
)
def test_what_is_no_number_is_named_with_line_and_field(tmp_path, column, text):
    lines = arbin_rows()
    fields = lines[17].split(",")
    fields[NEW.split(",").index(column)] = text
    lines[17] = ",".join(fields)
    with pytest.raises(ForeignDataError) as caught:
        read([put(tmp_path, "a.csv", NEW, lines)])
    assert "line 19" in caught.value.where
    assert column in caught.value.where
    assert repr(text) in caught.value.what


def test_a_decimal_comma_is_refused(tmp_path):
    lines = arbin_rows()
    lines[5] = lines[5].replace("3.600", "3,600")
    with pytest.raises(ForeignDataError, match=r"line 7.*15 fields and the header 14"):
        read([put(tmp_path, "a.csv", NEW, lines)])


def test_units_are_converted_and_unknown_ones_refused(tmp_path):
    header = NEW.replace("Current (A)", "Current (mA)")
    path = put(tmp_path, "a.csv", header, arbin_rows())
    with pytest.raises(ForeignDataError, match=r"mAh.*--accept unit"):  # the counters are in Ah
        read([path])
    rows = read([path], accept=["unit"]).rows
    assert rows["current_ampere"][0] == pytest.approx(0.9)
    with pytest.raises(ForeignDataError, match="furlong"):
        read([put(tmp_path, "b.csv", NEW.replace("(V)", "(furlong)"), arbin_rows())])


def test_tables_beside_the_rows_are_refused(shared_data):
    for pattern in ("arbin_25r/*StatisticByCycle.CSV", "arbin_25r/*GlobalInfo.CSV"):
        with pytest.raises(ForeignDataError, match="beside the rows"):
            read([shared_data(pattern)])


def test_other_files_are_refused(tmp_path):
    for name, content in {
        "empty.csv": b"",
        "header.csv": (NEW + "\n").encode(),
        "one_line.csv": NEW.encode(),
        "strange.csv": b"a,b,c\n1,2,3\n",
        "binary.csv": bytes(range(256)) * 10,
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ForeignDataError, match=name):
            read([path])
    with pytest.raises(FileMissing):
        read([tmp_path / "nothing.csv"])
    with pytest.raises(UsageError):
        read([])
    arbin = put(tmp_path, "a.csv", NEW, arbin_rows())
    bdf = put(tmp_path, "b.bdf.csv", BDF, ["0,3.5,1,1,0", "10,3.6,1,1,0.1"])
    with pytest.raises(ForeignDataError, match="different formats"):
        read([arbin, bdf])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0.0, 1.0))
def test_a_file_cut_at_any_byte_gives_an_error_or_a_correct_prefix(tmp_path, end, share):
    whole = tmp_path / "whole.csv"
    data = (end.join([NEW, *arbin_rows(12)]) + end).encode()
    whole.write_bytes(data)
    truth = read([whole]).rows
    path = tmp_path / "cut.csv"
    path.write_bytes(data[: int(share * len(data))])
    try:
        found = read([path])
    except ForeignDataError:
        assert share < 0.4  # some rows are always left of a longer stretch
        return
    count = len(found.rows["test_time_second"])
    for name, values in found.rows.items():
        np.testing.assert_array_equal(values, truth[name][:count], err_msg=name)
    if count < 12 and not data[: int(share * len(data))].endswith(b"\n"):
        assert any("has no end" in text for text in found.meta["warnings"])


def test_blank_lines_at_the_end_are_left_out_and_said(tmp_path):
    found = read([put(tmp_path, "a.csv", NEW, [*arbin_rows(), "," * 13, "," * 13, ""])])
    assert found.meta["rows_read"] == 40
    assert any("3 blank lines" in text for text in found.meta["warnings"])
    assert found.meta["rows_dropped"] == {"blank rows": 3}


def test_a_flipped_sign_is_refused_or_accepted_and_never_changed(tmp_path):
    lines = []
    for line in arbin_rows():
        fields = line.split(",")
        fields[6] = str(-float(fields[6]))
        lines.append(",".join(fields))
    path = put(tmp_path, "a.csv", NEW, lines)
    with pytest.raises(
        ForeignDataError, match=r"a\.csv, line 3.*SIGN OF THE CURRENT.*--accept sign"
    ):
        read([path])
    found = read([path], accept=["sign"])
    assert any("SIGN OF THE CURRENT" in text for text in found.meta["warnings"])
    assert found.rows["current_ampere"][0] == -900


def test_dates_month_and_day_are_told_apart_by_the_test_time():
    first, warning = start_of("\t07/03/2023 16:54:43.343", "\t07/04/2023 01:37:24.533", 31361.19)
    assert (first.year, first.month, first.day, warning) == (2023, 7, 3, "")
    first, warning = start_of("03/07/2023 23:00:00", "04/07/2023 01:00:00", 7200.0)
    assert (first.month, first.day, warning) == (7, 3, "")
    first, warning = start_of("03/07/2023 10:00:00", "03/07/2023 11:00:00", 3600.0)
    assert (first.month, first.day) == (3, 7)
    assert "could be 2023-07-03" in warning
    first, warning = start_of("2013-10-03 12:24:28", "2013-10-03 12:34:28", 300.0)
    assert first.month == 10
    assert "dates span" in warning
    assert start_of("noon", "evening", 1.0)[0] is None
    assert to_utc(first, "UTC") == 1_380_803_068_000_000_000


# Battery Data Format


@pytest.mark.parametrize("labels", [True, False])
def test_bdf_there_and_back(tmp_path, labels):
    """Rows written by us come back the same, by preferred label and by machine name."""
    rng = np.random.default_rng(1)
    truth = {
        "test_time_second": np.arange(50) * 7.3,
        "voltage_volt": np.sort(rng.uniform(2.5, 4.2, 50)),
        "current_ampere": np.repeat([36 / 7.3, -36 / 7.3], 25),
        "cycle_count": np.ones(50, dtype=int),
        "step_count": np.repeat([1, 2], 25),
        "step_id": np.repeat([4, 9], 25),
        "charging_capacity_ah": np.cumsum(np.repeat([0.01, 0.0], 25)),
        "discharging_capacity_ah": np.cumsum(np.repeat([0.0, 0.01], 25)),
        "unix_time_second": 1.7e9 + np.arange(50) * 7.3,
        "ambient_temperature_celsius": rng.uniform(24, 26, 50),
    }
    header = ",".join(COLUMNS[name].label if labels else name for name in truth)
    lines = [",".join(repr(values[row].item()) for values in truth.values()) for row in range(50)]
    found = read([put(tmp_path, "a.bdf.csv", header, lines)])
    for name, values in truth.items():
        np.testing.assert_array_equal(found.rows[name], values, err_msg=name)
    nanoseconds = found.rows["unix_time_nanosecond"]
    assert nanoseconds[1] == 1_700_000_007_300_000_000
    assert found.meta["warnings"] == []


def test_every_term_of_the_format_has_its_machine_name(shared_data):
    terms = shared_data("../bdf_terms_1.3.0.tsv").read_text(encoding="utf-8").splitlines()[1:]
    from benchlab_analysis.importers.bdf import _TERMS

    names = {line.split("\t")[1]: line.split("\t")[2] for line in terms}
    assert {label: machine_name(label) for label in names} == names
    assert set(names.values()) - _TERMS == {"step_type"}  # text, reported as left out


def test_deprecated_step_index_is_mapped_by_what_it_holds(tmp_path):
    header = "test_time_second,voltage_volt,current_ampere,step_index"
    steps = [f"{row},3.5,1,{1 + row // 5}" for row in range(20)]
    found = read([put(tmp_path, "a.csv", header, steps)])
    assert found.rows["step_id"].tolist() == [1 + row // 5 for row in range(20)]
    assert any("deprecated" in text for text in found.meta["warnings"])
    counts = [f"{row},3.5,1,{1 + row % 5}" for row in range(20)]
    found = read([put(tmp_path, "b.csv", header, counts)])
    assert found.rows["step_record_index"].tolist() == [1 + row % 5 for row in range(20)]
    assert found.rows["step_count"].tolist() == [1 + row // 5 for row in range(20)]


def test_bdf_required_columns_and_whole_cycle_counts(tmp_path):
    with pytest.raises(ForeignDataError, match=r"no column Voltage / V"):
        read([put(tmp_path, "a.csv", "Test Time / s,Current / A", ["0,1", "1,1"])])
    header = "Test Time / s,Voltage / V,Current / A,Cycle Count / 1"
    with pytest.raises(ForeignDataError) as caught:
        read([put(tmp_path, "b.csv", header, ["0,3.5,1,1", "1,3.5,1,6.283"])])
    assert "line 3, 'Cycle Count / 1'" in caught.value.where


def test_bdf_counters_that_reset_are_summed_and_said(tmp_path):
    header = (
        "test_time_second,voltage_volt,current_ampere,charging_capacity_ah,discharging_capacity_ah"
    )
    lines = [f"{row},3.5,3600,{1 + row % 5},0" for row in range(20)]
    found = read([put(tmp_path, "a.csv", header, lines)])
    assert found.rows["charging_capacity_ah"].tolist() == list(range(1, 21))
    assert found.rows["schedule_charging_capacity_ah"][:6].tolist() == [1, 2, 3, 4, 5, 1]
    assert any("never resets" in text for text in found.meta["warnings"])
    header = header.replace("charging_capacity_ah,", "step_charging_capacity_ah,", 1)
    found = read([put(tmp_path, "b.csv", header, lines)])
    assert found.rows["charging_capacity_ah"].tolist() == list(range(1, 21))


def test_a_wrong_time_unit_is_reported(shared_data):
    found = read([shared_data("bdf/DLR*")])
    assert any("UNIT OF THE TEST TIME" in text for text in found.meta["warnings"])
    assert found.meta["sign_check"].startswith("the voltage follows")


def test_published_files_keep_every_row(shared_data):
    for pattern in ("arbin_25r/*Wb_1.csv", "arbin_k2_lfp/*.csv", "bdf/SINTEF*", "bdf/DLR*"):
        path = shared_data(pattern)
        found = read(path)
        assert found.meta["rows_read"] == path.read_bytes().count(b"\n") - 1
        assert found.run().row_count == found.meta["rows_read"]
