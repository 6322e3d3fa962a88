"""The commands of a simulated RP7900: which header reads or changes which setting.

Headers from the RP7900 Series Operating and Service Guide. Seen on an N6974A of the same dialect by
others: numbers as ``+8.160000E+01``, flags as 0 and 1, whole numbers signed, and that a query of a
level or limit in the line that changes it answers with the value before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchlab_drivers.sim._rp7900_settings import OVP_OF_RATING, Settings
from benchlab_drivers.sim.scpi import boolean, choice, number
from benchlab_drivers.wire.rp7900_models import OVERRANGE

if TYPE_CHECKING:
    from benchlab_drivers.sim._rp7900 import SimulatedRp7900

__all__ = ["install"]


def _text(value: float) -> str:
    return f"{value:+.6E}"


def _flag(value: bool) -> str:
    return "1" if value else "0"


def install(k: SimulatedRp7900) -> None:
    """Put every command into the tree of `k`."""
    _common(k)
    _levels(k)
    _protection(k)
    _output(k)
    _measure(k)


def _common(k: SimulatedRp7900) -> None:
    def reset(args: list[str]) -> None:
        k.settings = Settings(k.model)

    k.add("*IDN", query=lambda a: k.identity)
    k.add("*RST", set=reset)
    k.add("*TST", query=lambda a: "+0")
    k.add("*STB", query=lambda a: "+0")
    k.add("SYSTem:VERSion", query=lambda a: "1999.0")
    k.add("STATus:OPERation:CONDition", query=lambda a: f"{k.operation():+d}")
    k.add("STATus:QUEStionable[1]:CONDition", query=lambda a: f"{k.questionable():+d}")
    k.add("STATus:QUEStionable<2>:CONDition", query=lambda a: f"{k.tripped_2:+d}")


def _value(
    k: SimulatedRp7900,
    header: str,
    name: str,
    low: float,
    high: float,
    *,
    level: str = "",
    limit: bool = False,
    late: bool = False,
) -> None:
    """Add a number that is a field of the settings."""

    def change(args: list[str]) -> None:
        value = number(args, low=low, high=high, default=low)
        if level:
            k.settings.set_level(level, value)
        elif limit:
            k.settings.set_limit(name, value)
        else:
            setattr(k.settings, name, value)

    def ask(args: list[str]) -> str:
        if args:
            return _text(number(args, low=low, high=high, default=low))
        return _text(getattr(k.shown if late else k.settings, name))

    k.add(header, set=change, query=ask)


def _switch(k: SimulatedRp7900, header: str, name: str) -> None:
    def change(args: list[str]) -> None:
        setattr(k.settings, name, boolean(args))

    k.add(header, set=change, query=lambda a: _flag(getattr(k.settings, name)))


def _word(k: SimulatedRp7900, header: str, name: str, words: tuple[str, ...]) -> None:
    def change(args: list[str]) -> None:
        setattr(k.settings, name, choice(args, words))

    k.add(header, set=change, query=lambda a: str(getattr(k.settings, name)))


def _levels(k: SimulatedRp7900) -> None:
    volt, ampere = OVERRANGE * k.model.volt, OVERRANGE * k.model.ampere
    source, end = "[:SOURce]", "[:IMMediate][:AMPLitude]"
    _value(k, f"{source}:VOLTage[:LEVel]{end}", "volt", 0.0, volt, level="VOLT", late=True)
    _value(k, f"{source}:CURRent[:LEVel]{end}", "ampere", -ampere, ampere, level="CURR", late=True)
    for header, name, low, high in (
        ("VOLTage:LIMit[:POSitive]", "volt_limit", 0.0, volt),
        ("CURRent:LIMit[:POSitive]", "ampere_limit", 0.0, ampere),
        ("CURRent:LIMit:NEGative", "ampere_limit_negative", -ampere, 0.0),
    ):
        _value(k, f"{source}:{header}{end}", name, low, high, limit=True, late=True)
    k.add(
        f"{source}:FUNCtion",
        set=lambda a: k.settings.choose(choice(a, ("VOLTage", "CURRent"))),
        query=lambda a: k.settings.function,
    )
    modes = ("FIXed", "STEP", "LIST", "ARB")
    _word(k, f"{source}:CURRent:MODE", "ampere_mode", modes)
    _word(k, f"{source}:VOLTage:MODE", "volt_mode", modes)
    _switch(k, f"{source}:CURRent:SLEW:MAXimum", "slew_max")


def _protection(k: SimulatedRp7900) -> None:
    volt = k.model.volt
    source = "[:SOURce]"
    low = f"{source}:VOLTage:PROTection:LOW"
    _value(k, f"{source}:VOLTage:PROTection[:LEVel]", "over_volt", 0.0, OVP_OF_RATING * volt)
    _value(k, f"{low}[:LEVel]", "under_volt", 0.0, OVERRANGE * volt)
    _value(k, f"{low}:DELay", "under_volt_delay", 20.48e-6, 2611.0)
    _switch(k, f"{low}:STATe", "under_volt_on")
    _switch(k, f"{source}:CURRent:PROTection:STATe", "over_current_on")
    _value(k, f"{source}:CURRent:PROTection:DELay", "over_current_delay", 0.0, 0.255)

    def delay(args: list[str]) -> None:
        k.settings.watchdog_delay = int(number(args, low=1, high=3600, default=60))

    watchdog = "OUTPut:PROTection:WDOG"
    k.add(f"{watchdog}:DELay", set=delay, query=lambda a: f"{k.settings.watchdog_delay:+d}")
    _switch(k, f"{watchdog}[:STATe]", "watchdog")
    k.add("OUTPut:PROTection:CLEar", set=lambda a: k.clear_protection())


def _output(k: SimulatedRp7900) -> None:
    _switch(k, "OUTPut[:STATe]", "output")
    _value(k, "OUTPut:DELay:RISE", "delay_rise", 0.0, 1.023)
    _value(k, "OUTPut:DELay:FALL", "delay_fall", 0.0, 1.023)
    _word(k, "OUTPut:INHibit:MODE", "inhibit", ("LATChing", "LIVE", "OFF"))


def _measure(k: SimulatedRp7900) -> None:
    def fresh(name: str) -> Callable[[list[str]], str]:
        def ask(args: list[str]) -> str:
            k.acquire(name)
            return _text(k.acquired(name))

        return ask

    def fetched(name: str) -> Callable[[list[str]], str]:
        return lambda args: _text(k.acquired(name))

    for word, name in (("VOLTage", "volt"), ("CURRent", "ampere"), ("POWer", "watt")):
        k.add(f"MEASure[:SCALar]:{word}[:DC]", query=fresh(name), measures=True)
        k.add(f"FETCh[:SCALar]:{word}[:DC]", query=fetched(name))
    _switch(k, "SENSe:FUNCtion:VOLTage", "measure_volt")
    _switch(k, "SENSe:FUNCtion:CURRent", "measure_ampere")
    _value(k, "SENSe:SWEep:NPLCycles", "nplc", 0.0003, 50.0)
    _word(k, "FORMat[:DATA]", "number_format", ("ASCii", "REAL"))
