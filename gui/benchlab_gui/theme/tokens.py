"""Four tones for what is abnormal, each with a glyph, and colours for curves; one place for all.

The tones keep apart under normal, protan, deutan and tritan vision and against the background;
colour is never the only cue, so each has its glyph. Curves take colours of Okabe and Ito
("Color Universal Design", 2008) with a marker or dash of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DARK", "LIGHT", "Theme", "Tone"]


class Tone(StrEnum):
    """How much attention something wants."""

    NEUTRAL = "neutral"
    RUN = "run"
    ATTENTION = "attention"
    ALARM = "alarm"

    @property
    def glyph(self) -> str:
        """The sign that stands beside the tone."""
        return {"neutral": "○", "run": "▶", "attention": "!", "alarm": "✕"}[self.value]


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one appearance, as ``#rrggbb``."""

    tones: dict[Tone, str]
    background: str
    text: str
    voltage: str
    current: str
    charge: str
    discharge: str
    efficiency: str


def _theme(tones: tuple[str, str, str, str], background: str, text: str, voltage: str) -> Theme:
    return Theme(
        tones=dict(zip(Tone, tones, strict=True)),
        background=background,
        text=text,
        voltage=voltage,
        current="#D55E00",
        charge="#0072B2" if voltage == "#0072B2" else "#56B4E9",
        discharge="#D55E00",
        efficiency="#009E73",
    )


LIGHT = _theme(("#5F6368", "#1F77D0", "#B8860B", "#9B0019"), "#ffffff", "#202124", "#0072B2")
DARK = _theme(("#7D838C", "#6CB8FF", "#FFD24A", "#E5383B"), "#1e1f22", "#e8eaed", "#56B4E9")
