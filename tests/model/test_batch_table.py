"""A pasted table becomes cells with their channels, or says line by line why not."""

import pytest

from benchlab.errors import CellError
from benchlab.model.batch_table import read_batch
from benchlab.model.cell import parse_cell
from benchlab.model.yaml_text import load_text

BASE = "type: lfp_graphite_26650\nlot: L7\n"


def test_units_in_the_head_or_behind_the_number():
    for table in (
        "channel,id,active_mass_mg\n1,A1,12.3\n2,A2,11.9\n",
        "Channel\tcell\tActive mass [mg]\n1\tA1\t12,3\n\n2\tA2\t11,9\n",
        '\ufeffchannel;barcode;mass\r\n1;A1;"12,3 mg"\r\n2;A2;11,9 mg\r\n',
        "channel,ID,active_mass (g)\n1,A1,0.0123\n2,A2,.0119\n",
        "channel,cell id,active mass / mg\n1,A1,12.3\n2,A2,1.19e1\n",
    ):
        found = read_batch(table, "t.csv", cell_text=BASE)
        assert [(line.channel, line.cell.id) for line in found] == [("1", "A1"), ("2", "A2")]
        assert [line.cell.active_mass for line in found] == pytest.approx([0.0123, 0.0119])
        assert {line.cell.lot for line in found} == {"L7"}


def test_the_text_that_is_sent_is_the_cell_that_was_checked():
    (line,) = read_batch(
        "channel,type,id,lot,comment,nominal_capacity_mah,area_cm2,name\n"
        '3,lfp_graphite_26650,"A, 1",L8,"no: 7 #x",2300,180,run 3\n',
        "t.csv",
    )
    again = parse_cell(load_text(line.cell_text, "x", CellError), "x")
    assert again.record() == line.cell.record()
    assert (line.name, line.cell.id, line.cell.comment) == ("run 3", "A, 1", "no: 7 #x")
    assert line.cell.capacity_ah == pytest.approx(2.3)
    assert line.cell.area_cm2 == 180


@pytest.mark.parametrize(
    ("table", "where", "words"),
    [
        ("", "t.csv", "empty"),
        ("channel,id\n", "t.csv", "no line"),
        ("id\nA1\n", "t.csv:1", "no column 'channel'"),
        ("channel,weight\n1,3\n", "t.csv:1", "'weight'"),
        ("channel,mass [V]\n1,3\n", "t.csv:1", "no unit"),
        ("channel,id,cell\n1,A,A\n", "t.csv:1", "'id' twice"),
        ("channel,mass\n1,12.3\n", "t.csv:2", "without a unit"),
        ("channel,mass_mg\n1,-4\n", "t.csv:2, cell.active_mass", "above zero"),
        ("channel,type\n1,nosuch\n", "t.csv:2", "'nosuch'"),
        ("channel,id\n1,A\n1,B\n", "t.csv:3, channel", "again"),
        ("channel,id\n1,A\n\n2,A\n", "t.csv:4, cell", "line 2"),
        ("channel,id\n,A\n", "t.csv:2", "channel is missing"),
        ("channel,id\n1,A,B\n", "t.csv:2", "3 values"),
        ('channel,id\n1,"A\n', "t.csv", "cannot be read"),
        ("channel,id\n1,A\x07\n", "t.csv:2", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line(table, where, words):
    with pytest.raises(CellError) as refused:
        read_batch(table, "t.csv", cell_text="" if "type" in table else BASE)
    assert words in refused.value.what
    assert refused.value.where.startswith(where)


def test_every_wrong_line_is_told_at_once():
    with pytest.raises(CellError) as refused:
        read_batch("channel,mass_mg\n1,0\n2,5\n3,x\n", "t.csv", cell_text=BASE)
    told = [refused.value, *refused.value.others]
    assert [error.where for error in told] == [
        "t.csv:2, cell.active_mass",
        "t.csv:4, cell.active_mass",
    ]
