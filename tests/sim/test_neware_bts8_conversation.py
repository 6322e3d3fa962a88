"""The simulated BTS 8 answers what other people's clients send, and refuses what a unit refuses."""

import re

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim.neware_bts8 import make

HEAD, END = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">', "\n\n#\r\n"
CHANNEL = 'ip="127.0.0.1" devtype="27" devid="21" subdevid="1" chlid="{}"'
FILE = """<root><config type="Step File" version="17">
<Head_Info><Start_Step Value="1" /></Head_Info>
<Whole_Prt>{protect}<Record><Main><Time Value="1000" /></Main></Record></Whole_Prt>
<Step_Info Num="{count}">{steps}<Step{count} Step_ID="{count}" Step_Type="6" /></Step_Info>
</config></root>"""
CHARGE = '<Limit><Main><Curr Value="100" /><Time Value="{ms}" />{more}</Main></Limit>'


class Unit:
    def __init__(self, folder, **spec):
        self.clock = VirtualClock()
        self.box = make(self.clock, TwinSpec("nmc811_graphite_pouch", 0.2, **spec))
        self.folder = folder

    def ask(self, body):
        answer = self.box.exchange(f"{HEAD}{body}</bts>{END}".encode()).decode()
        assert answer.endswith(END)
        return answer

    def start(self, *steps, channel=1, protect="", stray='"'):
        elements = [
            f'<Step{k} Step_ID="{k}" Step_Type="{kind}">{limit}</Step{k}>'
            for k, (kind, limit) in enumerate(steps, 1)
        ]
        text = FILE.format(steps="".join(elements), count=len(steps) + 1, protect=protect)
        path = self.folder / f"{channel}.xml"
        path.write_text(text, encoding="utf-8")
        chosen = CHANNEL.format(channel)
        body = (
            f'<cmd>start</cmd><list count = "1"><start {chosen} barcode="c">{path}</start></list>'
        )
        return ">ok<" in self.ask(body + stray)

    def word(self, name, channel=1):
        chosen = f'<inquire {CHANNEL.format(channel)} aux="0" barcode="1">true</inquire>'
        answer = self.ask(f'<cmd>inquire</cmd><list count = "1">{chosen}</list>')
        return re.search(f' {name}="([^"]*)"', answer)[1]

    def rows(self, channel=1, start=1, count=1000):
        chosen = CHANNEL.format(channel).partition(" ")[2]
        answer = self.ask(
            f'<cmd>download</cmd><download {chosen} auxid="0" testid="0" startpos="{start}"'
            f' count="{count}"/>'
        )
        assert "<cmd>donwload_resp</cmd>" in answer  # the vendor's own spelling
        return [dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in answer.split("<data")[1:]]

    def pass_by(self, second):
        self.clock.sleep_until(self.clock.now + second)


@pytest.fixture
def unit(tmp_path):
    return Unit(tmp_path)


def test_a_charge_records_each_second_and_its_end_to_the_tenth(unit):
    assert unit.start((1, CHARGE.format(ms=10400, more="")))
    unit.pass_by(20.0)
    rows = unit.rows()
    assert [int(row["testtime"]) for row in rows] == [*range(0, 10001, 1000), 10400]
    assert [int(row["seqid"]) for row in rows] == list(range(1, 13))
    assert float(rows[-1]["cap"]) == pytest.approx(0.1 * 10.4 / 3600.0, rel=1e-3)
    assert unit.word("workstatus") == "finish"


def test_a_voltage_end_is_found_between_two_looks(unit):
    more = '<Stop_Volt Value="39000" />'
    assert unit.start((1, CHARGE.format(ms=36000000, more=more)))
    unit.pass_by(36000.0)
    count = len(unit.box.channel(1).rows)
    first, last = unit.rows(start=count - 1)
    assert float(first["volt"]) < 3.9 <= float(last["volt"]) + 1e-4
    assert int(last["testtime"]) % 100 == 0
    assert float(last["volt"]) < 3.9005  # a tenth of a second at C/2 moves it by far less


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (1, '<Limit><Main><Curr Value="100" /></Main></Limit>'),  # nothing ends it
        (1, '<Limit><Main><Curr Value="13000" /><Time Value="1000" /></Main></Limit>'),
        (1, '<Limit><Main><Curr Value="0" /><Time Value="1000" /></Main></Limit>'),
        (4, ""),
        (25, '<Limit><Main><Time Value="1000" /></Main></Limit>'),
        (
            3,
            '<Limit><Main><Curr Value="1" /><Volt Value="60000" /><Time Value="9" /></Main>'
            "</Limit>",
        ),
        (5, '<Limit><Other><Start_Step Value="3" /><Cycle_Count Value="2" /></Other></Limit>'),
    ],
)
def test_a_file_that_it_cannot_run_is_not_started(unit, kind, limit):
    assert not unit.start((kind, limit))
    assert unit.word("workstatus") == "finish"


def test_a_busy_channel_refuses_and_its_neighbours_do_not(unit):
    step = (1, CHARGE.format(ms=100000, more=""))
    assert unit.start(step)
    assert not unit.start(step)
    assert unit.start(step, channel=8)
    assert not unit.start(step, channel=9)
    unit.pass_by(50.0)
    assert unit.word("workstatus", 8) == "working"
    assert unit.word("workstatus", 2) == "finish"
    assert float(unit.word("current", 2)) == 0.0


def test_a_protection_at_zero_volts_is_one(unit):
    # a discharge that nothing else would end before the cell is turned round
    protect = (
        '<Protect><Main><Volt><Upper Value="43000" /><Lower Value="0" /></Volt></Main></Protect>'
    )
    assert unit.start((2, CHARGE.format(ms=360000000, more="")), protect=protect)
    unit.pass_by(36000.0)
    assert unit.word("workstatus") == "protect"
    volts = [float(row["volt"]) for row in unit.rows(start=len(unit.box.channel(1).rows))]
    assert volts[-1] <= 0.0


def test_loops_count_every_round_also_inside_each_other(unit):
    rest = (4, '<Limit><Main><Time Value="1000" /></Main></Limit>')

    def loop(first, count):
        other = f'<Start_Step Value="{first}" /><Cycle_Count Value="{count}" />'
        return (5, f"<Limit><Other>{other}</Other></Limit>")

    assert unit.start(rest, loop(1, 3), rest, loop(1, 2))
    unit.pass_by(60.0)
    assert unit.word("workstatus") == "finish"
    ends = [unit.box.channel(1).rows[last - 1].step for _, last in unit.box.channel(1).layers]
    assert ends == [1, 1, 1, 3, 1, 1, 1, 3]


def test_a_stop_takes_effect_and_opens_the_circuit(unit):
    assert unit.start((1, CHARGE.format(ms=36000000, more="")))
    unit.pass_by(100.0)
    stop = f"<stop {CHANNEL.format(1)}>true</stop>"
    assert ">ok<" in unit.ask(f'<cmd>stop</cmd><list count = "1">{stop}</list>')
    unit.pass_by(1.0)
    assert unit.word("workstatus") == "stop"
    truth = unit.box.channel(1).cell.truth().charged_ah
    unit.pass_by(100.0)
    unit.box.channel(1)
    assert unit.box.channel(1).cell.truth().charged_ah == pytest.approx(truth, abs=1e-12)
    assert ">false<" in unit.ask(f'<cmd>stop</cmd><list count = "1">{stop}</list>')


def test_a_download_of_nothing_has_a_head_only(unit):
    assert unit.rows(start=0, count=0) == []


def test_it_does_the_same_however_often_it_is_asked(tmp_path):
    step = (1, CHARGE.format(ms=3600000, more='<Stop_Volt Value="39000" />'))
    seldom, often = Unit(tmp_path), Unit(tmp_path)
    for unit in (seldom, often):
        assert unit.start(step)
    seldom.clock.sleep_until(3000.0)
    for second in range(1, 3000, 7):
        often.clock.sleep_until(float(second))
        often.box.channel(1)
    often.clock.sleep_until(3000.0)
    a, b = seldom.box.channel(1).rows, often.box.channel(1).rows
    assert len(a) == len(b)
    assert [row.step_ms for row in a] == [row.step_ms for row in b]
    assert a[-1].ah == pytest.approx(b[-1].ah, rel=1e-9)
