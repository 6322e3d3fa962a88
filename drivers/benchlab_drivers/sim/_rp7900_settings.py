"""What is set on a simulated RP7900, and which settings it refuses.

Defaults after ``*RST`` and ranges from the RP7900 Series Operating and Service Guide. Seen on an
N6974A of the same dialect by others: a level or limit of the other priority is accepted and ignored
(``CURR``) or refused with +315 (``VOLT:LIM``), and a change of priority switches the output off and
reverts the output's settings. Unconfirmed: 1 % of the rating as the voltage limit after a reset,
120 % as the highest overvoltage protection.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchlab_drivers.sim.scpi import ScpiError
from benchlab_drivers.wire.rp7900_models import OVERRANGE, Rp7900Model

__all__ = ["Settings"]

OVP_OF_RATING = 1.2


@dataclass
class Settings:
    """Everything that ``*RST`` resets.

    Attributes
    ----------
    output : bool
        As programmed: a protection that switched off leaves it as it was.
    """

    model: Rp7900Model
    function: str = "VOLT"
    output: bool = False
    volt: float = 0.0
    volt_limit: float = 0.0
    ampere: float = 0.0
    ampere_limit: float = 0.0
    ampere_limit_negative: float = 0.0
    over_volt: float = 0.0
    under_volt: float = 0.0
    under_volt_on: bool = False
    under_volt_delay: float = 20.48e-6
    over_current_on: bool = False
    over_current_delay: float = 0.02
    watchdog: bool = False
    watchdog_delay: int = 60
    nplc: float = 1.0
    ampere_mode: str = "FIX"
    volt_mode: str = "FIX"
    slew_max: bool = True
    delay_rise: float = 0.0
    delay_fall: float = 0.0
    inhibit: str = "OFF"
    measure_volt: bool = True
    measure_ampere: bool = True
    number_format: str = "ASC"

    def __post_init__(self) -> None:
        self.over_volt = OVP_OF_RATING * self.model.volt
        self.revert()

    def revert(self) -> None:
        """Set levels and limits to what they are after a reset or a change of priority."""
        self.output = False
        self.volt = self.ampere = 0.0
        self.volt_limit = 0.01 * self.model.volt
        self.ampere_limit = OVERRANGE * self.model.ampere
        self.ampere_limit_negative = -self.ampere_limit

    def choose(self, function: str) -> None:
        """Select the priority; another one switches the output off."""
        if function != self.function:
            self.function = function
            self.revert()

    def set_level(self, function: str, value: float) -> None:
        """Set the level of a priority; that of the other one is ignored without a word."""
        if function != self.function:
            return
        if function == "VOLT":
            self.volt = value
        else:
            self.ampere = value

    def set_limit(self, name: str, value: float) -> None:
        """Set a limit, which must belong to the priority.

        Raises
        ------
        ScpiError
            +315.
        """
        if (name == "volt_limit") != (self.function == "CURR"):
            raise ScpiError(315, "Settings conflict error")
        setattr(self, name, value)
