"""Dates as cyclers write them; which number is the month is settled by the test time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from benchlab.errors import UsageError

__all__ = ["start_of", "to_utc"]

_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)


def _readings(text: str) -> dict[str, datetime]:
    text = text.strip().strip('"').strip().replace("T", " ", 1)
    found = {}
    for form in _FORMS:
        for variant in (form, form.replace("%S", "%S.%f", 1)):
            try:
                found[form] = datetime.strptime(text, variant)
            except ValueError:
                continue
    return found


def start_of(first: str, last: str, span_second: float) -> tuple[datetime | None, str]:
    """Return the local time of the first row, and a warning; either may be empty.

    Parameters
    ----------
    first, last : str
        The dates of the first and the last row.
    span_second : float
        The test time between them: the form whose dates lie closest to it is the right one.
    """
    begin, end = _readings(first), _readings(last)
    shared = [form for form in begin if form in end]
    if not shared:
        return None, f"the date {first.strip()!r} could not be read"
    off = {form: abs((end[form] - begin[form]).total_seconds() - span_second) for form in shared}
    best = min(shared, key=lambda form: off[form])
    chosen = begin[best]
    close = [form for form in shared if off[form] <= off[best] + 2.0 and begin[form] != chosen]
    if close:
        return chosen, (
            f"the date {first.strip()!r} is read as {chosen:%Y-%m-%d}; it could be "
            f"{begin[close[0]]:%Y-%m-%d} as well"
        )
    if off[best] > 60.0:
        return chosen, (
            f"the dates span {off[best]:.0f} s more or less than the test time: pauses, or a clock "
            "that was set"
        )
    return chosen, ""


def to_utc(local: datetime, timezone: str) -> int:
    """Return UTC in nanoseconds since 1970 of a local time.

    Raises
    ------
    benchlab.errors.UsageError
        Where the time zone is not known.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(
            f"there is no time zone {timezone!r}.", remedy="Name one such as Europe/Berlin or UTC."
        ) from error
    return round(local.replace(tzinfo=zone).timestamp() * 1e6) * 1000
