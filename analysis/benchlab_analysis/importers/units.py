"""Labels as cyclers write them: the words, and the unit behind them."""

from __future__ import annotations

import re

__all__ = ["SCALES", "split_slash", "split_unit"]

SCALES = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0, "mins": 60.0,
    "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "a": 1.0, "amp": 1.0, "amps": 1.0, "ma": 1e-3, "ua": 1e-6,
    "µa": 1e-6, "v": 1.0, "volts": 1.0, "mv": 1e-3, "w": 1.0, "mw": 1e-3, "ah": 1.0, "a.h": 1.0,
    "amp-hr": 1.0, "mah": 1e-3, "ma.h": 1e-3, "uah": 1e-6, "µah": 1e-6, "wh": 1.0, "w.h": 1.0,
    "watt-hr": 1.0, "mwh": 1e-3, "mw.h": 1e-3, "ohm": 1.0, "ohms": 1.0, "mohm": 1e-3, "c": 1.0,
    "degc": 1.0, "°c": 1.0, "\u2103": 1.0, "": 1.0,
}  # fmt: skip
"""To seconds, amperes, volts, watts, Ah, Wh, ohms, degrees Celsius; keys in lower case."""


def split_unit(label: str) -> tuple[str, str]:
    """Return ``("charge capacity", "ah")`` for ``Charge_Capacity(Ah)``; a number may follow.

    ``Aux_Temperature_1 (C)`` and ``Aux_Temperature(C)_1`` both give ``aux temperature 1``;
    brackets may be square.
    """
    match = re.fullmatch(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*(.*)", label.strip())
    name, unit, tail = match.groups() if match else (label, "", "")
    words = re.sub(r"[\s_]+", " ", f"{name} {tail}").strip().lower()
    return words, unit.strip().lower()


def split_slash(label: str) -> tuple[str, str]:
    """Return ``("q charge/discharge", "ma.h")`` for ``Q charge/discharge/mA.h``."""
    words = re.sub(r"\s+", " ", label.strip().lower().replace("\u03bc", "µ"))
    name, slash, unit = words.rpartition("/")
    if slash and unit.strip() in SCALES:
        return name.strip(), unit.strip()
    return words, ""
