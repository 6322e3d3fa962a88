"""A chamber that several tests share: its set point is what all of them have asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.bench.interlock import Interlock
from benchlab.errors import BenchError, ChannelBusy, Unsupported
from benchlab.service.devices.sharing import Sharing

WIDE = (-40.0, 100.0)
CELL = (-20.0, 60.0)


def shared(*names, points=(25.0, 45.0)):
    sharing = Sharing(WIDE)
    for name in names:
        sharing.join(name, points, CELL)
    return sharing


def test_it_waits_until_all_have_asked_for_the_same():
    sharing = shared("1", "2")
    sharing.want("1", 25.0)
    assert sharing.agreed() is None
    assert sharing.waits_for("1") == ("2",)
    sharing.want("2", 25.0)
    assert sharing.agreed() == 25.0
    sharing.target = 25.0
    assert sharing.waits_for("1") == sharing.waits_for("2") == ()
    sharing.want("1", 45.0)
    assert sharing.agreed() is None
    assert sharing.waits_for("1") == ("2",)
    assert sharing.waits_for("2") == ()  # it goes on at 25 degC, and waits for nobody
    sharing.leave("2")
    assert sharing.agreed() == 45.0


def test_another_temperature_is_refused_with_the_name_of_who_is_in_the_way():
    sharing = shared("1", "2", points=(25.0, 45.0, 60.0))
    for name in "12":
        sharing.want(name, 25.0)
    sharing.target = 25.0
    sharing.want("1", 45.0)
    with pytest.raises(ChannelBusy, match="channel 1 waits for 45 degC"):
        sharing.want("2", 60.0)
    assert sharing.members["2"].wish == 25.0
    sharing.want("2", 45.0)
    assert sharing.agreed() == 45.0


def test_a_test_that_never_asks_for_the_same_is_refused_at_its_start():
    sharing = shared("1")
    with pytest.raises(ChannelBusy, match="channel 1 is in this chamber and asks for 25, 45 degC"):
        sharing.join("2", (25.0,), CELL)
    with pytest.raises(ChannelBusy, match="for none"):
        sharing.join("2", (), CELL)
    assert list(sharing.members) == ["1"]


def test_no_cell_is_heated_beyond_what_it_stands():
    sharing = shared("1")
    with pytest.raises(Unsupported, match="stand -20 to 40 degC"):
        sharing.join("2", (25.0, 45.0), (-30.0, 40.0))
    sharing.join("2", (25.0, 45.0), (0.0, 50.0))
    assert sharing.span() == (0.0, 50.0)
    with pytest.raises(Unsupported, match="announced with 55"):
        sharing.want("2", 55.0)


def test_it_stands_as_it_was_recorded():
    sharing = shared("1", "2")
    sharing.want("1", 25.0)
    sharing.target = 45.0
    again = Sharing(WIDE)
    again.restore(sharing.record())
    assert again.record() == sharing.record()
    again.join("1", (45.0, 25.0), CELL)
    assert again.members["1"].wish == 25.0


@given(
    st.lists(st.sampled_from([25.0, 45.0, 60.0]), min_size=1, max_size=6),
    st.lists(st.integers(0, 2), min_size=1, max_size=60),
)
def test_tests_of_one_order_all_come_through_each_at_its_temperature(order, turns):
    """Whoever is asked next: nobody waits for ever, and nobody's cell is taken along."""
    sharing = shared("0", "1", "2", points=order)
    at = [0, 0, 0]

    def turn(k):
        name = str(k)
        if at[k] >= len(order):
            sharing.leave(name)
        elif not sharing.waits_for(name):
            sharing.want(name, order[at[k]])
        agreed = sharing.agreed()
        if agreed is not None:
            sharing.target = agreed
        if at[k] < len(order) and not sharing.waits_for(name):
            at[k] += 1  # its step is over: the chamber is there
        for other, member in sharing.members.items():
            if member.wish is not None and not sharing.waits_for(other):
                assert sharing.target == member.wish

    for k in turns:
        turn(k)
    for _ in range(3 * len(order) + 3):
        for k in range(3):
            turn(k)
    assert not sharing.members


def test_whoever_is_refused_changes_nothing():
    sharing = shared("1")
    before = sharing.record()
    for attempt in (
        lambda: sharing.join("2", (80.0,), CELL),
        lambda: sharing.want("3", 25.0),
        lambda: sharing.want("1", 99.0),
    ):
        with pytest.raises(BenchError):
            attempt()
        assert sharing.record() == before


@pytest.mark.parametrize(
    ("told", "age", "says"),
    [
        ({"inputs": [True, True]}, 0.1, ""),
        ({"inputs": [True, False]}, 0.1, "input 2 of d is open"),
        ({"inputs": [True]}, 0.1, "no input 2"),
        ({}, 0.1, ""),
        ({}, 11.0, "d is silent for 11.0 s"),
        ({"inputs": [True, True]}, 10.5, "silent"),
    ],
)
def test_an_input_must_carry_current(told, age, says):
    cause = Interlock("stop", "d", input=2).cause(told, age)
    assert says in cause
    assert bool(says) == bool(cause)


@pytest.mark.parametrize(
    ("value", "says"),
    [(20.0, ""), (90.1, "90.10 degC, above 90"), (-1.0, "below 0"), (None, "cannot be read")],
)
def test_a_temperature_must_be_read_and_within(value, says):
    lock = Interlock("fire", "d", column="t", low_celsius=0.0, high_celsius=90.0)
    cause = lock.cause({"values": {"t": value}}, 1.0)
    assert says in cause
    assert bool(says) == bool(cause)
    assert "cannot be read" in lock.cause({"values": {}}, 1.0)


def test_what_a_chamber_complains_of_counts_where_it_was_asked_for():
    lock = Interlock("oven", "d", alarms=True)
    assert lock.cause({"alarms": []}, 1.0) == ""
    assert "reports smoke, door" in lock.cause({"alarms": ["smoke", "door"]}, 1.0)
