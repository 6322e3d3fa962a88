"""The ring of the last exchanges: bounded, readable, and without passwords."""

from benchlab_drivers.wire.transcript import EXCHANGES, Transcript


def test_it_keeps_the_last_ones_and_never_many_bytes():
    ring = Transcript()
    for k in range(10 * EXCHANGES):
        ring.add(float(k), b"%d?\n" % k, b"x" * 100_000)
    assert len(ring) == EXCHANGES
    assert ring[0].request == b"%d?\n" % (9 * EXCHANGES)
    assert sum(len(e.answer) for e in ring) < 1000 * EXCHANGES
    assert b"99600 bytes" in ring[-1].answer


def test_its_text_tells_when_what_and_what_came_back():
    ring = Transcript()
    ring.add(10.0, b"MEAS:VOLT?\n", b"+3.7\n", 0.0021)
    ring.add(11.0, b"MEAS:CURR?\n", b"+0.", 0.3, "no answer within 0.3 s")
    ring.add(12.0, b"OUTP?\n", b"", 0.3, "gone")
    assert ring.text(12.5).splitlines() == [
        r"-2.500 s 'MEAS:VOLT?\n' -> '+3.7\n' after 2.1 ms",
        r"-1.500 s 'MEAS:CURR?\n' -> '+0.' after 300.0 ms; no answer within 0.3 s",
        r"-0.500 s 'OUTP?\n' -> nothing after 300.0 ms; gone",
    ]


def test_a_password_is_not_kept():
    ring = Transcript()
    ring.add(0.0, b'SYST:PASS:CEN "hunter2";*OPC?\n', b"1\n")
    ring.add(0.0, b"<username>admin</username><password>neware</password>", b"ok")
    text = ring.text(0.0)
    assert "hunter2" not in text
    assert "*OPC?" in text
    assert "neware" not in text
