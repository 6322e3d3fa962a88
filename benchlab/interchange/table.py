"""What each format can carry: the one place where it is said; docs/interchange.md prints it.

A cell begins with one word: ``yes``; ``as`` (carried in another form, listed, no error); ``no``
(lost: an error unless waived by the item's name); ``never`` (refused, no waiver: what is left would
be another experiment, or the exporter refuses it). Facts of aurora-unicycler 0.4.6.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXPORTS", "IMPORTS", "TARGETS", "Item", "markdown"]

TARGETS = ("unicycler", "neware", "biologic", "tomato", "pybamm")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a protocol may state.

    Attributes
    ----------
    name : str
        By which it is waived.
    meaning : str
    cells : mapping of str to str
        For each format what becomes of it.
    """

    name: str
    meaning: str
    cells: dict[str, str]


def _row(name: str, meaning: str, *cells: str) -> Item:
    """Return an item; one cell alone holds for every target."""
    all_cells = cells * len(TARGETS) if len(cells) == 1 else cells
    return Item(name, meaning, dict(zip(TARGETS, all_cells, strict=True)))


_OUT = "no: left out"
_PLAIN = "no: the step is written without it"
_ROWS = (
    # the head of a protocol
    _row("sample-name", "the cell's id, else the protocol's name", *["yes"] * 4, _OUT),
    _row("protocol-name", "the protocol's name beside the cell's id",
         "no: one name only, the cell's id"),
    _row("placeholder-name", "a sample called $NAME, or with characters beyond the file's encoding",
         "yes", *["never: the exporter asks for a name"] * 3, "yes"),
    _row("cell-description", "type, role, mass, area, lot and comment of the cell", _OUT),
    _row("capacity", "what C is", *["yes"] * 4, "no: 1C is that of the model's parameters"),
    _row("no-capacity", "a C-rate where nothing says what C is",
         "yes", *["never: the exporter asks for a capacity"] * 3, "yes"),
    _row("capacity-basis", "nominal, rated, by mass or measured", _OUT),
    _row("control-period", "how often the bench decides", "no: the cycler's own"),
    _row("hard-limits", "the limits of the cell type, beyond which the output goes off at once",
         "no: one set of limits only: the protocol's, or where it states none the cell type's"),
    _row("voltage-limits", "lowest and highest voltage", *["yes"] * 3, _OUT, _OUT),
    _row("current-limits", "largest currents in each direction", *["yes"] * 3, _OUT, _OUT),
    _row("one-current-limit", "limits of current that differ by direction, or only one of them",
         "yes", "yes", "no: one |I| for both, the larger", "yes", "yes"),
    _row("zero-current-limit", "a limit of current that is 0",
         "yes", "no: dropped, an empty <Curr/>", "yes", "yes", "yes"),
    _row("charge-limit", "charge_in_one_step", "yes", "yes", *[_OUT] * 3),
    _row("zero-charge-limit", "a limit of charge that is 0",
         "yes", "no: dropped, an empty <Cap/>", "yes", "yes", "yes"),
    _row("must-last", "how long a limit must be exceeded", *["yes"] * 3, _OUT, _OUT),
    _row("must-last-above-1-s", "a limit that must be exceeded for longer than 1 s",
         "yes", "yes", "no: the cycler caps it at 1 s", "yes", "yes"),
    _row("zero-delay", "a delay of the limits of 0 s",
         "yes", "no: dropped, the cycler's own holds", "yes", "yes", "yes"),
    _row("temperature-limits", "limits of the surface temperature, its rise and its silence", _OUT),
    _row("armed-limit", "low_once_formed, and the step that arms it", _OUT),
    _row("fast-steps", "steps that end too soon hold the run", _OUT),
    _row("cell-contact", "how a lost contact is told", _OUT),
    # records
    _row("record-time", "a row every so many seconds", *["yes"] * 4, _OUT),
    _row("record-voltage-change", "a row on a change of voltage",
         "yes", "yes", "no: only in rests and at constant current", "yes", _OUT),
    _row("record-current-change", "a row on a change of current",
         "yes", "yes", "no: only in holds", "yes", _OUT),
    _row("record-in-spectra", "the rule during a spectrum",
         "yes", "yes", "as: the points of the spectrum", "yes", "yes"),
    _row("record-charge-change", "a row on a change of charge", _OUT),
    _row("record-log-time", "so many rows a decade of time", _OUT),
    _row("record-at-times", "rows at given times of a step", _OUT),
    _row("record-without-time", "a rule without 'every'", "no: a row each 60 s is written"),
    _row("record-of-a-step", "a rule of one step", "no: one rule for all, the protocol's"),
    # steps
    _row("rest", "the circuit open for a time", "yes"),
    _row("constant-current", "charge or discharge", "yes"),
    _row("hold", "constant voltage, ended by a time or a current", "yes"),
    _row("role-words", "lithiate, delithiate, plate, strip", "as: charge or discharge"),
    _row("current-by-size", "a current per area or per mass", "as: mA of this very cell"),
    _row("one-step-hold", "constant current and the hold behind it as one step",
         "as: two steps"),
    _row("zero-current-rest", "a rest with the output on, at 0 A", "no: an open circuit"),
    _row("current-bound", "current_at_most", _PLAIN),
    _row("inherited-bound", "the bound that a hold takes from the current before it",
         "as: none, as that current does not end at the voltage of the hold"),
    _row("power", "constant power", "no: the step is left out"),
    _row("resistance", "constant resistance", "no: the step is left out"),
    _row("scan", "a sweep of the voltage", "yes", "yes", "yes",
         *["never: no such step"] * 2),
    _row("scan-corners", "a sweep with several corners or rounds", "as: one scan a stretch"),
    _row("profile", "a drive profile", "no: the step is left out"),
    _row("spectrum", "an impedance spectrum", "yes", "never: no such step", "yes",
         *["never: no such step"] * 2),
    _row("chamber", "a chamber's temperature", "no: the step is left out"),
    _row("operator", "a step that waits for somebody", "no: the step is left out"),
    _row("step-label", "the label of a step or a repeat (unicycler: its id)",
         "yes", *[_OUT] * 4),
    # ends
    _row("time-end", "for", "yes"),
    _row("at-most", "a bound in time that is no end of the step's own", "as: an end in time"),
    _row("at-most-over-hold", "a bound in time over a current and the hold behind it",
         "no: it bounds the constant current alone, and the hold comes after it all the same"),
    _row("stop-at", "a voltage that cuts a step short", "as: an end by voltage"),
    _row("zero-voltage-end", "an end at 0 V", "yes", "yes", *["no: dropped without a word"] * 3),
    _row("zero-voltage-end-alone", "an end at 0 V without a time",
         "as: with the step's bound in time beside it; alone it counts as not set"),
    _row("other-side-end", "an end above or below that is not where the current leads", _PLAIN),
    _row("charge-end", "an end by charge",
         "no: the time that the constant current needs for it, or nothing in a hold"),
    _row("net-charge-end", "an end by net charge since a mark", _PLAIN),
    _row("energy-end", "an end by energy", _PLAIN),
    _row("clock-end", "an end by the clock", _PLAIN),
    _row("sensor-end", "an end by temperature, pressure or another sensor", _PLAIN),
    _row("slope-end", "an end by dV/dt or dT/dt", _PLAIN),
    _row("change-end", "an end by a change within a time", _PLAIN),
    _row("drop-end", "an end by a drop from the peak", _PLAIN),
    _row("all-ends", "until_all", _PLAIN),
    _row("scan-end", "an end of a sweep before its last corner", _PLAIN),
    _row("measured-end", "an end by a share of what another step measured", _PLAIN),
    _row("second-cutoff", "more than one current that ends a hold", "no: the larger is written"),
    _row("cutoff-in-amperes", "a hold that ends by a current in mA",
         *["yes"] * 3, "no: dropped without a word", "yes"),
    _row("negative-cutoff", "a hold after a discharge, whose current is negative",
         "yes", "yes", "as: |I|", "yes", "no: a signed end, which may hold at once"),
    _row("flag", "a flag on how a step ended", _OUT),
    _row("no-end-left", "a step whose every end was waived and that has no bound in time",
         "never: it would not end"),
    # flow
    _row("repeat", "steps carried out several times", *["yes"] * 4, "as: written out"),
    _row("phase", "a heading, or the name of a repeat (unicycler: a tag)", "yes", *[_OUT] * 4),
    _row("phase-twice", "the same heading twice", "as: the second with a number"),
    _row("cycle-kind", "counts_as", _OUT),
    _row("procedure", "run", "as: its steps in this place"),
    _row("every", "steps every so many rounds",
         "no: left out; as repeats in repeats where they end a repeat and divide its rounds"),
    _row("loop-variable", "a repeat over the values of a variable", "no: so many equal rounds"),
    _row("loop-until", "a repeat that a condition ends", "no: as many rounds as it may have"),
    _row("skip-rest-of-loop", "skip_rest_of_loop_if", _OUT),
    _row("goto", "a branch or a jump", "no: never taken"),
    _row("set-c", "C set to a measured capacity", "no: C stays"),
    _row("kept-value", "a measured value under a name", _OUT),
    _row("net-charge-mark", "zero", _OUT),
    _row("result", "a value computed from others", _OUT),
    _row("named-end", "an end of the run under a name", "no: a run ends after its last step"),
    _row("after-the-end", "steps that only a jump can reach", _OUT),
    # what single exporters cannot write
    _row("fine-rounding", "a number that the file's decimals change by less than 0.01 %",
         "yes", "as: rounded to 6 decimals", "as: rounded to 3 decimals", "yes", "yes"),
    _row("coarse-rounding", "a number that the file's decimals change by more than 0.01 %",
         "yes", "no: rounded to 6 decimals", "no: rounded to 3 decimals", "yes", "yes"),
    _row("current-above-1-A", "a current above 1 A",
         "yes", "yes", "never: the exporter has no range for it", "yes", "yes"),
    _row("current-above-10-mA", "a current above 10 mA",
         "yes", "yes", "yes", "no: the range of 10 mA is written into every step", "yes"),
    _row("voltage-range", "a voltage beyond the range that the file states",
         "yes", "yes", "never: beyond -10 V to 10 V", "no: -5 V to 5 V is written", "yes"),
    _row("frequency-below-1-mHz", "a spectrum below 1 mHz",
         "yes", "yes", "never: the frequency is dropped without a word", "yes", "yes"),
    _row("too-many-steps", "more than 10000 steps written out",
         *["yes"] * 4, "never: the exporter refuses"),
)  # fmt: skip
EXPORTS = {item.name: item for item in _ROWS}
"""What our protocols may state, by name, and what becomes of it in each target."""


def _in(name: str, meaning: str, cell: str) -> Item:
    return Item(name, meaning, {"benchlab": cell})


IMPORTS = {
    item.name: item
    for item in (
        _in("unicycler-version", "which unicycler wrote the file", "as: a comment"),
        _in("unusable-name", "a sample's name that is empty, of several lines or framed by spaces",
            "no: cleaned, or the file's name"),
        _in("zero-current-limit", "max_current_mA or min_current_mA of 0",
            "no: left out; a limit of current is above zero"),
        _in("current-limit-sign", "a highest current below 0, or a lowest above 0",
            "no: left out; limits are magnitudes of charge and discharge"),
        _in("zero-charge-limit", "max_capacity_mAh of 0",
            "no: left out; a limit of charge is above zero"),
        _in("charge-limit", "max_capacity_mAh", "as: charge_in_one_step"),
        _in("zero-delay", "delay_s of 0", "no: 0.2 s, two readings"),
        _in("long-delay", "delay_s above 10 s or below 1 ms", "no: 0.2 s, which is stricter"),
        _in("unusable-id", "an id that is no word, names steps of two kinds, or is a tag's",
            "no: left out"),
        _in("second-current", "current_mA beside rate_C", "no: rate_C holds, as in unicycler"),
        _in("zero-current", "rate_C or current_mA of 0 beside the other", "no: counts as not set"),
        _in("zero-time", "until_time_s of 0 beside another end", "no: counts as not set"),
        _in("zero-cutoff", "until_rate_C or until_current_mA of 0 beside another end",
            "no: counts as not set"),
        _in("second-cutoff", "until_current_mA beside until_rate_C",
            "no: until_rate_C holds, as in unicycler"),
        _in("cutoff-sign", "a cut-off whose sign is not that of the current before the hold",
            "no: a magnitude"),
        _in("measures-per-point", "measures_per_point above 1", _OUT),
        _in("drift-correction", "drift_correction", _OUT),
        _in("single-frequency", "a spectrum that begins and ends at one frequency",
            "never: a spectrum has two ends"),
        _in("empty-tag", "a tag without a step behind it", "no: left out"),
        _in("loop-spelling", "a loop to a tag or number that means the same step as another",
            "as: the same repeat, spelled in one way"),
    )
}  # fmt: skip
"""What a unicycler protocol may state that ours cannot, by name."""


def markdown() -> str:
    """Return both tables as they stand in docs/interchange.md."""
    lines = [f"| item | what it is | {' | '.join(TARGETS)} |", "|---" * (len(TARGETS) + 2) + "|"]
    lines += [
        f"| `{item.name}` | {item.meaning} | {' | '.join(item.cells[t] for t in TARGETS)} |"
        for item in EXPORTS.values()
    ]
    lines += ["", "| item | what it is | what becomes of it |", "|---|---|---|"]
    lines += [
        f"| `{item.name}` | {item.meaning} | {item.cells['benchlab']} |"
        for item in IMPORTS.values()
    ]
    return "\n".join(lines).replace("|I|", "\\|I\\|") + "\n"
