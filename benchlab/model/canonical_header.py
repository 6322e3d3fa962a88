"""Writes a protocol's header, its limits and its cell in the one form."""

from __future__ import annotations

from benchlab.model import canonical_values as write
from benchlab.model.canonical_values import Data, given, given_amount, second, volt
from benchlab.model.cell import Cell, CellType, cell_types
from benchlab.model.protocol import Header, Limits
from benchlab.model.record_rule import RecordRule

__all__ = ["cell_data", "header_data", "record_data"]


def header_data(header: Header) -> dict[str, Data]:
    """Return what a header states, defaults left out."""
    default = Header(name="x")
    found: dict[str, Data] = {"format": header.format, "name": header.name}
    if header.capacity != default.capacity:
        stated = header.capacity.C
        found["capacity"] = {
            **({} if stated is None else {"C": write.amount(stated)}),
            **({} if header.capacity.basis == "nominal" else {"basis": header.capacity.basis}),
        }
    if header.limits != default.limits:
        found["limits"] = _limits(header.limits)
    if header.record != default.record:
        found["record"] = record_data(header.record)
    if header.control != default.control:
        found["control"] = {"period": write.value(header.control.period, "s")}
    return found


def _span(given: tuple[float, float] | None) -> str | None:
    return None if given is None else write.celsius_range(given)


def _limits(limits: Limits) -> Data:
    default = Limits()
    volts, amperes, warm = limits.voltage, limits.current, limits.temperature
    temperature: Data | None = None
    if warm is not None:
        rise = warm.rise_in_a_minute
        temperature = given(
            {
                "when_charging": _span(warm.when_charging),
                "otherwise": _span(warm.otherwise),
                "always": _span(warm.always),
                "rise_in_a_minute": None if rise is None else write.value(rise, "K"),
            }
        ) | {"no_reading_for": write.value(warm.no_reading_for, "s")}
    fast = f"{limits.fast_steps[0]} steps in a row shorter than {limits.fast_steps[1]!r} s"
    same = limits.fast_steps == default.fast_steps
    contact = limits.cell_contact
    return given(
        {
            "voltage": given(
                {
                    "low": volt(volts.low),
                    "high": volt(volts.high),
                    "low_once_formed": volt(volts.low_once_formed),
                }
            ),
            "current": given(
                {
                    "charge": given_amount(amperes.charge),
                    "discharge": given_amount(amperes.discharge),
                }
            ),
            "charge_in_one_step": given_amount(limits.charge_in_one_step),
            "temperature": temperature,
            "must_last": None
            if limits.must_last == default.must_last
            else write.value(limits.must_last, "s"),
            "fast_steps": None if same else fast,
            "cell_contact": None if contact == default.cell_contact else contact,
        }
    )


def record_data(rule: RecordRule) -> Data:
    """Return a record rule."""
    change = rule.or_change
    return given(
        {
            "every": second(rule.every),
            "or_change": None
            if change is None
            else [write.value(size, unit) for unit, size in sorted(change.items())],
            "log_time": None if rule.log_time is None else f"{rule.log_time} per decade",
            "at": None if rule.at is None else " ".join(f"{time!r} s" for time in rule.at),
        }
    )


def cell_data(cell: Cell) -> Data:
    """Return a cell; a type that is known under its name is named, any other is written out."""
    known = cell_types().get(cell.type.name)
    mass, area = cell.active_mass, cell.area
    return given(
        {
            "type": cell.type.name if known == cell.type else _cell_type(cell.type),
            "id": cell.id or None,
            "nominal_capacity": given_amount(cell.nominal_capacity),
            "active_mass": None if mass is None else write.value(mass, "g"),
            "area": None if area is None else write.value(area, "cm2"),
            "lot": cell.lot or None,
            "comment": cell.comment or None,
            "first_half_cycle": cell.first_half_cycle,
            "role": cell.role,
        }
    )


def _cell_type(kind: CellType) -> Data:
    hard, warm = kind.hard_limits, kind.hard_limits.temperature
    temperature: Data | None = None
    if warm is not None:
        rise = warm.rise_in_a_minute
        temperature = {
            "when_charging": write.celsius_range(warm.when_charging),
            "otherwise": write.celsius_range(warm.otherwise),
            **({} if rise is None else {"rise_in_a_minute": write.value(rise, "K")}),
        }
    return given(
        {
            "name": None if kind.name == "own" else kind.name,
            "description": kind.description or None,
            "role": None if kind.role == "full_cell" else kind.role,
            "first_half_cycle": kind.first_half_cycle,
            "nominal_capacity": write.amount(kind.nominal_capacity),
            "area": None if kind.area is None else write.value(kind.area, "cm2"),
            "window": {"low": volt(kind.window.low), "high": volt(kind.window.high)},
            "hard_limits": given(
                {
                    "voltage": {"low": volt(hard.voltage.low), "high": volt(hard.voltage.high)},
                    "low_once_formed": volt(hard.low_once_formed),
                    "temperature": temperature,
                    "current": {
                        "charge": write.amount(hard.current.charge),
                        "discharge": write.amount(hard.current.discharge),
                    },
                    "charge_in_one_step": write.amount(hard.charge_in_one_step),
                }
            ),
        }
    )
