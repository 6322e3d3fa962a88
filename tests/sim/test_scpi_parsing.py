"""SCPI as clients really send it, on an instrument of three commands."""

import pytest

from benchlab_drivers.sim.scpi import ScpiError, ScpiInstrument, boolean, choice, number, text


@pytest.fixture
def toy():
    toy = ScpiInstrument()
    toy.log = []
    toy.add(
        "SOURce[1]:VOLTage[:LEVel][:IMMediate]",
        set=lambda a: toy.log.append(("volt", number(a, low=-21, high=21, default=0))),
        query=lambda a: "4.2",
    )
    toy.add("SOURce[1]:VOLTage:RANGe:AUTO", set=lambda a: toy.log.append(("auto", boolean(a))))
    toy.add("SOURce[1]:VOLTage:RANGe", set=lambda a: toy.log.append(("range", a[0])))
    toy.add("[:SENSe]:FUNCtion", set=lambda a: toy.log.append(("sense", text(a, 0, 1))))
    toy.add("TRACe:DATA", query=lambda a: "|".join(text(a, k) for k in range(len(a))))
    toy.add(
        "OUTPut:SMODe", set=lambda a: toy.log.append(("off", choice(a, ("HIMPedance", "ZERO"))))
    )
    toy.add("DISPlay:USER<n>:TEXT", set=lambda a: toy.log.append(("text", text(a, 0, 1))))
    return toy


@pytest.mark.parametrize(
    "line",
    [
        b"SOUR:VOLT 4.2",
        b":SOURce1:VOLTage:LEVel:IMMediate 4.2",
        b"sour:voltage 4.2",
        b":SOUR:VOLT:LEV +4.2E0 ;",
        b"  :SOUR:VOLT   4.2;;",
        b":SOUR1:VOLT:IMM 42e-1",
    ],
)
def test_spellings_of_one_command(toy, line):
    assert toy.execute(line) == b""
    assert toy.log == [("volt", pytest.approx(4.2))]
    assert toy.execute(b"SYST:ERR?") == b'0,"No error"\n'


def test_header_paths(toy):
    toy.execute(b":SOUR:VOLT:RANG:AUTO 0;:SOUR:VOLT:RANG 20;LEV 1;*CLS;RANG 2;:SENS:FUNC 'CURR'")
    assert toy.log == [
        ("auto", False),
        ("range", "20"),
        ("volt", 1.0),
        ("range", "2"),
        ("sense", "CURR"),
    ]
    toy.execute(b"SOUR:VOLT 1;SOUR:VOLT 2")
    assert toy.log[-1] == ("volt", 1.0)
    assert toy.execute(b"SYST:ERR?").startswith(b"-113,")


def test_queries_of_one_line_are_joined(toy):
    assert toy.execute(b":SOUR:VOLT?;:SYST:ERR:COUN?;*OPC?") == b"4.2;0;1\n"


def test_strings_keep_separators(toy):
    assert toy.execute(b"TRAC:DATA? 1, 'a;b,c' ,\"d\"") == b"1|a;b,c|d\n"
    toy.execute(b'DISP:USER2:TEXT "x:y?"')
    assert toy.log == [("text", "x:y?")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"FOO", -113),
        (b"SOUR:VOLT:RANG?", -113),
        (b"TRAC:DATA 1", -113),
        (b"SOUR2:VOLT 1", -113),
        (b"SOUR:VOLT", -109),
        (b"SOUR:VOLT 1,2", -108),
        (b"SOUR:VOLT four", -104),
        (b"SOUR:VOLT 22", -222),
        (b"SOUR:VOLT nan", -222),
        (b"OUTP:SMOD HIM", -224),
        (b'SENS:FUNC "CURR', -151),
        (b"= 1", -102),
    ],
)
def test_what_is_wrong_goes_into_the_queue(toy, line, code):
    assert toy.execute(line) == b""
    assert toy.log == []
    assert toy.execute(b"SYST:ERR?").startswith(str(code).encode() + b",")
    event_bit = 32 if code > -200 else 16
    assert int(toy.execute(b"*ESR?")) & event_bit
    assert toy.execute(b"*ESR?") == b"0\n"


def test_queue_is_first_in_first_out_and_bounded(toy):
    for _ in range(105):
        toy.execute(b"FOO")
    assert toy.execute(b"SYST:ERR:COUN?") == b"100\n"
    entries = [toy.execute(b"SYST:ERR:CODE?") for _ in range(100)]
    assert entries == [b"-113\n"] * 99 + [b"-350\n"]
    toy.execute(b"FOO")
    toy.execute(b"SYST:CLE")
    assert toy.execute(b"SYST:ERR:CODE?") == b"0\n"


def test_min_max_and_default(toy):
    for word in (b"MIN", b"MAXimum", b"def"):
        toy.execute(b"SOUR:VOLT " + word)
    assert [value for _, value in toy.log] == [-21.0, 21.0, 0.0]


def test_bytes_that_are_no_text_are_an_error_and_nothing_worse(toy):
    for line in (b"\xff\xfe", b"\x00", b":::", b"?", b"*", b"SOUR:", b":", b"'", b'";"'):
        toy.execute(line)
    assert toy.log == []
    assert int(toy.execute(b"SYST:ERR:COUN?")) > 0


def test_a_line_is_parsed_once(toy):
    first = toy.plan(b"SOUR:VOLT?")
    assert toy.plan(b"SOUR:VOLT?") is first
    for k in range(10_000):
        toy.plan(b"SOUR:VOLT %d" % k)
    assert len(toy._plans) <= 4096


def test_choice_names_short_forms():
    assert choice(["himpedance"], ("HIMPedance",)) == "HIMP"
    with pytest.raises(ScpiError):
        choice(["HIMPED"], ("HIMPedance",))
