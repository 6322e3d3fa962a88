"""The commands of a simulated 2450, 2460 or 2461: which header reads or changes which setting.

Facts from the reference manuals 2450-901-01 and 2461-901-01, section 6. Unconfirmed: the answers of
set-value queries (``4.200000E+00``), the status byte, and that commands after a wrong one in the
same line are still carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchlab_drivers.sim._keithley_buffers import Buffer
from benchlab_drivers.sim._keithley_settings import (
    SENSE_LONG,
    Sense,
    Settings,
    Source,
)
from benchlab_drivers.sim.scpi import BAD_VALUE, Handler, ScpiError, boolean, choice, number, text
from benchlab_drivers.wire.keithley_sheets import OVERRANGE, range_index

if TYPE_CHECKING:
    from benchlab_drivers.sim._keithley_smu import SimulatedKeithley

__all__ = ["install"]

OFF_STATES = ("NORMal", "HIMPedance", "ZERO", "GUARd")


def _text(value: float) -> str:
    return f"{value:.6E}"


def _flag(value: bool) -> str:
    return "1" if value else "0"


def install(k: SimulatedKeithley) -> None:
    """Put every command into the tree of `k`."""
    _common(k)
    for function in ("VOLT", "CURR"):
        _source(k, function)
    for function in ("VOLT", "CURR", "RES"):
        _sense(k, function)
    _output(k)
    _trace(k)
    _display(k)


def _common(k: SimulatedKeithley) -> None:
    def language(args: list[str]) -> None:
        choice(args, ("SCPI", "TSP", "SCPI2400"))  # takes effect at the next power-up

    def reset(args: list[str]) -> None:
        k.settings = Settings(k.sheet)
        k.trigger.stop()
        k.buffers = {"defbuffer1": Buffer(), "defbuffer2": Buffer()}

    def ascii_only(args: list[str]) -> None:
        choice(args, ("ASCii",))

    def precision(args: list[str]) -> None:
        k.settings.precision = int(number(args, low=0, high=16, default=0))

    k.add("*IDN", query=lambda a: k.identity)
    k.add("*RST", set=reset)
    k.add("*LANG", set=language, query=lambda a: "SCPI")
    k.add("*TST", query=lambda a: "0")
    k.add("*STB", query=lambda a: str(k.status_byte()))
    k.add("*SRE", set=lambda a: None, query=lambda a: "0")
    k.add("*ESE", set=lambda a: None, query=lambda a: "0")
    k.add("*TRG", set=lambda a: None)
    k.add("SYSTem:VERSion", query=lambda a: "1996.0")
    k.add("SYSTem:LFRequency", query=lambda a: "50")
    k.add("SYSTem:TIME", set=lambda a: None, query=lambda a: str(k.unix_second()))
    k.add("SYSTem:BEEPer[:IMMediate]", set=lambda a: None)
    k.add("SYSTem:PRESet", set=reset)
    k.add("STATus:PRESet", set=lambda a: None)
    k.add("STATus:CLEar", set=lambda a: None)
    for register in ("OPERation", "QUEStionable"):
        k.add(f"STATus:{register}[:EVENt]", query=lambda a: "0")
        k.add(f"STATus:{register}:CONDition", query=lambda a: "0")
        k.add(f"STATus:{register}:ENABle", set=lambda a: None, query=lambda a: "0")
    k.add("FORMat[:DATA]", set=ascii_only, query=lambda a: "ASC")
    k.add("FORMat:ASCii:PRECision", set=precision, query=lambda a: str(k.settings.precision))
    k.add(
        "ROUTe:TERMinals",
        set=lambda a: k.choose_terminals(choice(a, ("FRONt", "REAR"))),
        query=lambda a: k.settings.terminals,
    )


def _source(k: SimulatedKeithley, function: str) -> None:
    long = {"VOLT": "VOLTage", "CURR": "CURRent"}[function]
    ranges = k.settings.source_ranges(function)
    top = ranges[-1].full_scale * OVERRANGE
    root = f"SOURce[1]:{long}"
    limit = {"VOLT": "ILIMit", "CURR": "VLIMit"}[function]
    limited = k.settings.source_ranges("CURR" if function == "VOLT" else "VOLT")
    limit_top = limited[-1].full_scale * OVERRANGE
    limit_default = Settings(k.sheet).source[function].limit

    def level(args: list[str]) -> None:
        value = number(args, low=-top, high=top, default=0.0)
        k.settings.set_level(function, value)

    def set_range(args: list[str]) -> None:
        value = abs(number(args, low=-top, high=top, default=0.02))
        k.settings.set_source_range(function, range_index(ranges, value))

    def auto(args: list[str]) -> None:
        k.settings.source[function].auto = boolean(args)

    def set_limit(args: list[str]) -> None:
        value = abs(number(args, low=-limit_top, high=limit_top, default=limit_default))
        k.settings.set_limit(function, value)

    def readback(args: list[str]) -> None:
        k.settings.source[function].readback = boolean(args)

    def protection(args: list[str]) -> None:
        word = text(args, 0, 1).upper()
        if word not in k.settings.protections:
            raise BAD_VALUE
        k.settings.source[function].protection = word

    def delay(args: list[str]) -> None:
        k.settings.source[function].delay = number(args, low=0.0, high=9999.0, default=0.0)
        k.settings.source[function].delay_auto = False

    def delay_auto(args: list[str]) -> None:
        k.settings.source[function].delay_auto = boolean(args)

    def capacitance(args: list[str]) -> None:
        k.settings.source[function].high_capacitance = boolean(args)

    def mine() -> Source:
        return k.settings.source[function]

    k.add(
        f"{root}[:LEVel][:IMMediate][:AMPLitude]",
        set=level,
        query=lambda a: _text(mine().level),
    )
    k.add(
        f"{root}:RANGe",
        set=set_range,
        query=lambda a: _text(ranges[mine().range].full_scale),
    )
    k.add(f"{root}:RANGe:AUTO", set=auto, query=lambda a: _flag(mine().auto))
    k.add(f"{root}:{limit}[:LEVel]", set=set_limit, query=lambda a: _text(mine().limit))
    k.add(f"{root}:{limit}[:LEVel]:TRIPped", query=lambda a: _flag(k.limited(function)))
    k.add(f"{root}:READ:BACK", set=readback, query=lambda a: _flag(mine().readback))
    k.add(f"{root}:PROTection[:LEVel]", set=protection, query=lambda a: mine().protection)
    k.add(
        f"{root}:PROTection[:LEVel]:TRIPped",
        query=lambda a: _flag(k.settings.protecting(function)),
    )
    k.add(f"{root}:DELay", set=delay, query=lambda a: _text(mine().delay))
    k.add(f"{root}:DELay:AUTO", set=delay_auto, query=lambda a: _flag(mine().delay_auto))
    k.add(
        f"{root}:HIGH:CAPacitance",
        set=capacitance,
        query=lambda a: _flag(mine().high_capacitance),
    )


def _sense(k: SimulatedKeithley, function: str) -> None:
    root = f"[:SENSe[1]]:{SENSE_LONG[function]}[:DC]"
    ranges = k.settings.sense_ranges(function)
    top = ranges[-1] * OVERRANGE

    def mine() -> Sense:
        return k.settings.sense[function]

    def set_range(args: list[str]) -> None:
        value = abs(number(args, low=-top, high=top, default=ranges[0]))
        k.settings.set_sense_range(function, value)

    def auto(args: list[str]) -> None:
        mine().auto = boolean(args)

    def cycles(args: list[str]) -> None:
        mine().nplc = number(args, low=0.01, high=10.0, default=1.0)

    def four_wire(args: list[str]) -> None:
        k.choose_sensing(function, boolean(args))

    def auto_zero(args: list[str]) -> None:
        mine().auto_zero = boolean(args)

    def average(args: list[str]) -> None:
        mine().average = boolean(args)

    def average_count(args: list[str]) -> None:
        mine().average_count = int(number(args, low=1, high=100, default=10))

    def average_type(args: list[str]) -> None:
        mine().average_type = choice(args, ("REPeat", "MOVing"))

    natural = {"VOLT": "VOLT", "CURR": "AMP"}.get(function, "OHM")

    def unit(args: list[str]) -> None:
        chosen = choice(args, ("VOLT", "AMP", "OHM", "WATT"))
        if chosen in ("VOLT", "AMP") and chosen != natural:
            raise BAD_VALUE
        mine().unit = chosen

    def relative(args: list[str]) -> None:
        mine().relative = number(args, low=-top, high=top, default=0.0)

    def relative_on(args: list[str]) -> None:
        mine().relative_on = boolean(args)

    k.add(f"{root}:UNIT", set=unit, query=lambda a: mine().unit or natural)
    k.add(f"{root}:RELative", set=relative, query=lambda a: _text(mine().relative))
    k.add(f"{root}:RELative:STATe", set=relative_on, query=lambda a: _flag(mine().relative_on))
    k.add(f"{root}:RANGe[:UPPer]", set=set_range, query=lambda a: _text(k.sense_range(function)))
    k.add(f"{root}:RANGe:AUTO", set=auto, query=lambda a: _flag(mine().auto))
    k.add(f"{root}:NPLCycles", set=cycles, query=lambda a: _text(mine().nplc))
    k.add(f"{root}:RSENse", set=four_wire, query=lambda a: _flag(mine().four_wire))
    k.add(f"{root}:AZERo[:STATe]", set=auto_zero, query=lambda a: _flag(mine().auto_zero))
    k.add(f"{root}:AVERage[:STATe]", set=average, query=lambda a: _flag(mine().average))
    k.add(f"{root}:AVERage:COUNt", set=average_count, query=lambda a: str(mine().average_count))
    k.add(f"{root}:AVERage:TCONtrol", set=average_type, query=lambda a: mine().average_type)


def _output(k: SimulatedKeithley) -> None:
    def off_state(functions: tuple[str, ...]) -> None:
        name = {"VOLT": "VOLTage", "CURR": "CURRent"}
        header = (
            "OUTPut[1]:SMODe" if len(functions) > 1 else f"OUTPut[1]:{name[functions[0]]}:SMODe"
        )

        def change(args: list[str]) -> None:
            state = choice(args, OFF_STATES)
            for function in functions:
                k.settings.source[function].off_state = state

        k.add(header, set=change, query=lambda a: k.settings.source[functions[0]].off_state)

    def source_function(args: list[str]) -> None:
        k.choose_function(choice(args, ("VOLTage", "CURRent")))

    def sense_function(args: list[str]) -> None:
        word = text(args, 0, 1).upper().removesuffix(":DC")
        k.settings.sense_function = choice([word], tuple(SENSE_LONG.values()))

    def count(args: list[str]) -> None:
        k.settings.count = int(number(args, low=1, high=300_000, default=1))

    off_state(("VOLT", "CURR"))
    off_state(("VOLT",))
    off_state(("CURR",))
    k.add(
        "OUTPut[1][:STATe]",
        set=lambda a: k.switch(boolean(a)),
        query=lambda a: _flag(k.settings.output),
    )
    k.add("OUTPut[1]:INTerlock:TRIPped", query=lambda a: "0")
    k.add("SOURce[1]:FUNCtion[:MODE]", set=source_function, query=lambda a: k.settings.function)
    k.add(
        "[:SENSe[1]]:FUNCtion[:ON]",
        set=sense_function,
        query=lambda a: {"VOLT": '"VOLT:DC"', "CURR": '"CURR:DC"', "RES": '"RES"'}[
            k.settings.sense_function
        ],
    )
    k.add("[:SENSe[1]]:COUNt", set=count, query=lambda a: str(k.settings.count))
    k.add("[:SENSe[1]]:AZERo:ONCE", set=lambda a: None)
    k.add("READ", query=k.read, measures=True)
    k.add("MEASure", query=k.read, measures=True)
    for function, long in SENSE_LONG.items():
        k.add(f"MEASure:{long}[:DC]", query=_measure(k, function), measures=True)
    k.add("FETCh", query=k.fetch)


def _measure(k: SimulatedKeithley, function: str) -> Handler:
    def measure(args: list[str]) -> str:
        k.settings.sense_function = function
        k.reconnect()
        return k.read(args)

    return measure


def _trace(k: SimulatedKeithley) -> None:
    def make(args: list[str]) -> None:
        name = text(args, 0, 3)
        points = int(number(args, 1, low=1, high=6_875_000, default=1, count=3))
        if name in k.buffers:
            raise ScpiError(1115, "Parameter 1, name already exists")
        k.buffers[name] = Buffer(points, round_and_round=False, is_ring=True)

    def delete(args: list[str]) -> None:
        name = text(args, 0, 1)
        if name.startswith("defbuffer"):
            raise BAD_VALUE
        k.buffer(args, 0)
        del k.buffers[name]

    def points(args: list[str]) -> None:
        size = int(number(args, 0, low=1, high=6_875_000, default=100_000, count=2))
        k.buffer(args, 1).resize(size)

    def fill(args: list[str]) -> None:
        mode = choice(args, ("CONTinuous", "ONCE"), 0, 2)
        k.buffer(args, 1).round_and_round = mode == "CONT"

    k.add("TRACe:MAKE", set=make)
    k.add("TRACe:DELete", set=delete)
    k.add("TRACe:CLEar", set=lambda a: k.buffer(a, 0).clear())
    k.add("TRACe:POINts", set=points, query=lambda a: str(k.buffer(a, 0).entries.maxlen))
    k.add("TRACe:ACTual", query=lambda a: str(len(k.buffer(a, 0).entries)))
    k.add("TRACe:ACTual:STARt", query=lambda a: str(k.buffer(a, 0).start))
    k.add("TRACe:ACTual:END", query=lambda a: str(k.buffer(a, 0).end))
    k.add("TRACe:FILL:MODE", set=fill, query=lambda a: k.fill_mode(a))
    k.add("TRACe:DATA", query=k.trace_data)
    k.add("TRACe:TRIGger", set=lambda a: k.store_readings(k.buffer(a, 0)))
    for word in ("AVERage", "MAXimum", "MINimum", "STDDev", "PK2Pk"):
        short = "".join(c for c in word if not c.islower())
        k.add(f"TRACe:STATistics:{word}", query=_statistic(k, short))


def _statistic(k: SimulatedKeithley, name: str) -> Handler:
    return lambda args: _text(k.buffer(args, 0).statistic(name))


def _display(k: SimulatedKeithley) -> None:
    for header in (
        "DISPlay:CLEar",
        "DISPlay:SCReen",
        "DISPlay:USER<n>:TEXT[:DATA]",
        "DISPlay:READing:FORMat",
        "DISPlay:VOLTage[:DC]:DIGits",
        "DISPlay:CURRent[:DC]:DIGits",
        "DISPlay:RESistance:DIGits",
    ):
        k.add(header, set=lambda a: None)
    k.add("DISPlay:LIGHt:STATe", set=lambda a: None, query=lambda a: "ON100")
