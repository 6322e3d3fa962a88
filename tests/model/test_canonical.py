"""One meaning, one text: what is written out reads back as the same protocol, digit for digit."""

import hashlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab.errors import ProtocolError
from benchlab.model.actions import If, Result
from benchlab.model.blocks import Block, Every
from benchlab.model.canonical import canonical, canonical_sha256
from benchlab.model.canonical_values import percents
from benchlab.model.conditions import condition, end
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.quantity import percent

CSV = "test_time_second,current_ampere\n0,0.1\n1,-0.1\n2,0\n"


def load(name):
    return CSV


# what a protocol means, without the words it was written in


def asked(found):
    try:
        return replace(found, by=end(found.by)) if found.by else found
    except ValueError:
        return found


def meaning(steps):
    return [_meaning(at.step) for at in steps]


def _meaning(step):
    fields = {name: getattr(step, name) for name in type(step).model_fields}
    if isinstance(step, Block | Every):
        fields["steps"] = meaning(step.steps)
    if isinstance(step, Block):
        until = step.repeat.until
        fields["repeat"] = (
            step.repeat.rounds,
            step.repeat.variable,
            step.repeat.values,
            asked(condition(until)) if until else None,
        )
    if isinstance(step, If):
        fields["if_"], fields["in_"] = asked(step.condition), None
    if isinstance(step, Result):
        fields["result"] = {name: " ".join(text.split()) for name, text in step.result.items()}
    if fields.get("if_ended_by"):
        fields["if_ended_by"] = [(end(text), to) for text, to in step.if_ended_by.items()]
    return type(step).__name__, fields


def whole(protocol):
    procedures = {
        name: (found.counts_as, meaning(found.steps)) for name, found in protocol.procedures.items()
    }
    return (
        protocol.header,
        protocol.cell,
        procedures,
        meaning(protocol.steps),
        protocol.profiles,
    )


# protocols of every kind of step, end, action and block

number = st.floats(0.0011, 9.9, allow_subnormal=False)
label = st.from_regex(r"[a-bD-E_][a-c0-9_-]{0,5}", fullmatch=True).filter(
    lambda name: name not in ("first",)
)
word = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12
)
plain = word.filter(lambda text: text.strip() == text and text)


def sized(*units):
    return st.builds(
        lambda size, unit, gap: f"{size!r}{gap}{unit}",
        number,
        st.sampled_from(units),
        st.sampled_from(["", " "]),
    )


volts = sized("V", "mV") | sized("mV").map(lambda text: f"-{text}")
seconds = sized("s", "min", "h", "d") | st.just("1 h 30 min")
share = st.builds(lambda size, of: f"{size!r} % of {of}", number, label | st.just("C"))
moved = st.builds(
    lambda size, sign, name, of: f"({size!r} % {sign} {name}) of {of}",
    number,
    st.sampled_from("+-"),
    label,
    label,
)
amperes = sized("C", "mA", "A", "mA/cm2", "mA/g") | number.map(lambda size: f"C/{size!r}")
charges = sized("mAh", "Ah", "mAh/cm2") | share | moved
drives = amperes | sized("W", "mW", "ohm", "kohm")
sensed = st.sampled_from(
    ["surface temperature above 45.5 degC", "ambient temperature below 1 degC"]
)
ends = st.one_of(
    volts,
    volts.map(lambda text: f"above {text}"),
    volts.map(lambda text: f"voltage below {text}"),
    sized("C", "mA"),
    sized("mA").map(lambda text: f"|I| below {text}"),
    seconds,
    share.map(lambda text: text.replace(" of ", " of duration of ").replace("of C", "of cc")),
    charges,
    sized("Wh", "mWh"),
    st.builds(
        lambda way, mark, size: f"net {way} since {mark} reaches {size}",
        st.sampled_from(["charge", "discharge"]),
        label,
        charges,
    ),
    sensed,
    st.sampled_from(["clock 06:00 UTC", "clock 2026-11-23T06:00 UTC"]),
    st.builds(lambda size, time: f"change below {size} in {time}", sized("mV", "K", "mA"), seconds),
    st.builds(lambda size: f"dV/dt below -{size}/min over 90 s", sized("mV")),
    st.builds(lambda size: f"dT/dt above {size}/h", sized("K")),
    sized("mV").map(lambda size: f"drop of {size} from peak"),
)
many = st.lists(ends, min_size=1, max_size=3)
record = st.fixed_dictionaries(
    {"every": seconds},
    optional={
        "or_change": st.sampled_from(["5 mV", ["1.5 mV", "2 mA", "3 mAh"]]),
        "log_time": st.just("20 per decade"),
        "at": st.just("0.1 s 1 s 2 min"),
    },
)
common = {"label": label, "record": record}
ending = {**common, "at_most": seconds, "for": seconds}
repeated = st.builds(lambda text, to: {text: to}, ends, st.just("flag a: b"))
times = st.integers(1, 30).map(str)


def step(first, optional=None, **required):
    return st.fixed_dictionaries({**first, **required}, optional=optional or {})


driven = st.sampled_from(["charge", "discharge", "lithiate", "delithiate", "plate", "strip"])
items = st.one_of(
    st.builds(
        lambda verb, drive, rest: {verb: drive, **rest},
        driven,
        amperes,
        step(
            {},
            {
                **ending,
                "until": many,
                "to": volts,
                "then_hold_until": amperes,
                "hold_at_most": seconds,
                "stop_at": volts,
                "skip_rest_of_loop_if": volts.map(lambda text: f"below {text}"),
            },
        ),
    ),
    step(
        {"discharge": sized("W", "ohm")}, {**ending, "until_all": many, "current_at_most": amperes}
    ),
    step({"hold": volts}, {**ending, "until": many, "current_at_most": amperes}),
    step({"rest": seconds}, {**common, "until": many, "output": st.just("zero current")}),
    st.builds(
        lambda rest, text, action: {**rest, "until": [text], "if_ended_by": {text: action}},
        step({"rest": seconds}),
        ends,
        st.sampled_from(["flag odd: one", "go to b"]),
    ),
    step(
        {"sweep": st.lists(volts, min_size=2, max_size=4) | st.just("2.5 V to 4 V to 3 V")},
        {**ending, "times": times},
        rate=sized("mV/s", "V/h"),
        current_at_most=amperes,
    ),
    step(
        {"profile": st.sampled_from(["us06.csv", "a b: c.csv", "µ.csv"])},
        {**ending, "times": times, "scale": number.map(repr), "current_at_most": amperes},
    ),
    step(
        {"eis": st.just("10 kHz to 3 mHz")},
        {**common, "points_per_decade": times},
        amplitude=sized("mV", "mA"),
    ),
    step(
        {"chamber": sized("degC", "°C")}, {**common, "wait": st.just("within 0.5 degC for 3 min")}
    ),
    step(
        {"operator": plain},
        {
            **common,
            "ask": st.lists(label, min_size=1, max_size=3),
            "cell_may_leave": st.sampled_from(["yes", "no"]),
            "resume_if": st.sampled_from(
                ["same barcode", "within 5.5 mV", "within 1 V and same barcode"]
            ),
        },
    ),
    step({"run": label}, {"label": label, "counts_as": st.just("no cycle")}),
    step({"arm": st.just("low_once_formed")}, {"label": label}),
    step(
        {"set": st.just("C")},
        {"otherwise": st.sampled_from(["go to b", "alarm and go on"])},
        to=label.map(lambda name: f"charge capacity of first {name}"),
        only_if=st.builds(lambda a: f"{a!r} % to 120.25 % of nominal", number),
    ),
    step({"keep": label}, {}, **{"as": label.map(lambda name: f"capacity  of {name}")}),
    step({"zero": label}, {"label": label}),
    step(
        {
            "if": st.one_of(
                st.builds(
                    lambda name, size: f"discharge  capacity of {name} below {size}", label, charges
                ),
                st.builds(lambda name, text: f"{name} ended by {text}", label, ends),
                st.builds(
                    lambda name, size: f"end voltage of first {name} above {size}", label, volts
                ),
                label.map(lambda name: f"duration of {name} below 90 min"),
                sensed,
                volts.map(lambda size: f"voltage above {size}"),
            )
        },
        {"in": st.just("3 complete cycles in a row"), "at_most": st.just("6 times")},
        then=label.map(lambda name: f"go to {name}"),
    ),
    step({"end": label}, {"label": label}),
    step(
        {"result": st.dictionaries(label, st.just("(sum of a  + b) / 2"), min_size=1, max_size=2)}
    ),
    st.sampled_from(
        [
            "Charge at C/3 to 4.2 V then hold until C/20 for at most 2 h",
            "Rest for 10 min or until change below 1 mV in 1 h (30 second period)",
            "Sweep from 2.5 V to 4 V and back at 0.1 mV/s with at most 10 mA",
        ]
    ),
)
kinds = st.sampled_from(["cycle", "formation cycle", "check-up", "imposed cycle", "no cycle"])
counts = st.one_of(
    times,
    st.builds(
        lambda name, step: {name: f"90 % to 10 % in steps of {step!r} %"}, label, st.floats(0.5, 30)
    ),
    st.builds(lambda name: {name: ["90 %", "33.3333 %", "0.07 %"]}, label),
    st.builds(
        lambda n, name: {"at_most": f"{n} times", "until": f"{name} ended by 2.80 V"}, times, label
    ),
)


def blocks(inner):
    steps = st.lists(inner, min_size=1, max_size=3)
    named = {"label": label, "counts_as": kinds}
    return st.one_of(
        st.fixed_dictionaries(
            {"repeat": counts, "steps": steps}, optional={**named, "phase": plain}
        ),
        st.fixed_dictionaries({"phase": plain, "steps": steps}, optional=named),
        st.fixed_dictionaries({"every": st.just("50 iterations"), "steps": steps}, optional=named),
    )


trees = st.lists(st.recursive(items, blocks, max_leaves=4), min_size=1, max_size=4)
protocols = st.fixed_dictionaries(
    {"name": plain, "steps": trees},
    optional={
        "cell": st.sampled_from(
            [
                {"type": "nmc811_graphite_pouch", "id": "A: 17", "active_mass": "12.3 mg"},
                {
                    "comment": 'say "so" \\ or not',
                    "type": {
                        "first_half_cycle": "discharge",
                        "area": "1.54 cm²",
                        "nominal_capacity": "2.1 mAh",
                        "window": {"low": "2.5 V", "high": "4.2 V"},
                        "hard_limits": {
                            "voltage": {"low": "0 V", "high": "4.3 V"},
                            "current": {"charge": "2C", "discharge": "5 mA/cm2"},
                            "temperature": {
                                "when_charging": "5 to 45 degC",
                                "otherwise": "-10 to 60 degC",
                                "rise_in_a_minute": "2 K",
                            },
                        },
                    },
                },
            ]
        ),
        "capacity": st.sampled_from([{"C": "0.2 Ah"}, {"C": "150.1 mAh/g", "basis": "mass"}]),
        "control": st.just({"period": "100 ms"}),
        "record": record,
        "limits": st.fixed_dictionaries(
            {},
            optional={
                "voltage": st.just({"low": "-50 mV", "low_once_formed": "2.4 V"}),
                "current": st.just({"charge": "C/3"}),
                "charge_in_one_step": charges,
                "temperature": st.just({"always": "-5.5 to 60 degC", "no_reading_for": "20 s"}),
                "must_last": st.just("0.25 s"),
                "fast_steps": st.just("4 steps in a row shorter than 2.5 s"),
                "cell_contact": st.just("by current only"),
            },
        ),
        "procedures": st.dictionaries(
            label,
            st.lists(items, min_size=1, max_size=2)
            | st.fixed_dictionaries(
                {"counts_as": kinds, "steps": st.lists(items, min_size=1, max_size=2)}
            ),
            min_size=1,
            max_size=2,
        ),
    },
)


def written(data):
    """Return YAML with every text in double quotes."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{written(k)}: {written(v)}" for k, v in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(written, data)) + "]"
    return (
        '"' + "".join(f"\\U{ord(c):08X}" if c in '"\\' or ord(c) > 126 else c for c in data) + '"'
    )


@settings(max_examples=120, deadline=None)
@given(protocols)
def test_what_is_written_out_is_the_same_protocol(data):
    refused = None
    try:
        first = parse_protocol(written(data), "p.yaml", load=load)
    except ProtocolError as problem:
        refused = problem.what
    if refused is not None:  # two ends of one kind are drawn now and then
        assert "only one can ever" in refused or "beside the time" in refused
        return
    text = canonical(first)
    second = parse_protocol(text, "canonical.yaml", load=load)
    assert whole(second) == whole(first)
    assert canonical(second) == text
    assert canonical_sha256(second) == hashlib.sha256(text.encode()).hexdigest()


@given(st.floats(1e-9, 1e6))
def test_a_percentage_keeps_every_digit(size):
    assert percent(percents(size).removesuffix(" %")) == size
