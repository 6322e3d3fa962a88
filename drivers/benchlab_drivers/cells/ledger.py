"""The two-electrode ledger: what a simulated cell holds, loses, and shows at its terminals.

State: cyclable ions in each electrode, RC voltages, one hysteresis state, two temperatures.

    dn_neg/dt = I - i_neg - i_sd        dn_pos/dt = -I + i_pos + i_sd        (I > 0 charges)
    V = U_pos(n_pos) - U_neg(n_neg) + hysteresis + I R0 + sum of RC voltages

so the discharge end point slips by the integral of i_neg, the charge end point by that of i_pos,
and capacity fades by their difference. Temperature, side currents, resistance and lost sites
change at the grid points of `circuit` only, so that every integral is exact in between.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from benchlab.bench.twin import Truth
from benchlab.errors import UsageError
from benchlab_drivers.cells.balance import Balance, balance
from benchlab_drivers.cells.circuit import GRID_SECOND, HIGH, LOW, Circuit
from benchlab_drivers.cells.electrodes import GRID, OFFSET, mean_volts, summed
from benchlab_drivers.cells.held import weights

if TYPE_CHECKING:
    from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["LedgerCell"]

FORMATION_SHARE = 0.6
"""Part of the first charging current that builds the film on the negative electrode."""
BARE_VOLT = 1.2
"""Above this potential of the negative electrode no film grows."""
GAS_CONSTANT = 8.314462618
KELVIN = 273.15
REFERENCE_KELVIN = 298.15


class LedgerCell(Circuit):
    """A simulated cell, driven by a source and looked at at any time.

    Parameters
    ----------
    parameters : CellParameters
        At its real size.
    fresh : bool
        As assembled; else formed and at 30 % of charge.
    start : float
        Clock seconds of its birth; every time below is on the same clock and never runs backwards.
    sizes : Balance, optional
        Of both electrodes, where they are not those of a new cell.

    Attributes
    ----------
    cycles : float
        Equivalent full cycles.
    plating : bool
        Whether it was ever charged below 5 degrees Celsius or faster than 2C.
    formation : float
        Coulombs that building the film will still take.
    core_kelvin, surface_kelvin : float
        Temperatures at the last grid point.
    """

    def __init__(
        self,
        parameters: CellParameters,
        *,
        fresh: bool = False,
        start: float = 0.0,
        sizes: Balance | None = None,
    ) -> None:
        super().__init__(parameters, start)
        self._sums_negative = summed(self._negative)
        self._sums_positive = summed(self._positive)
        sizes = sizes or balance(parameters, parameters.capacity_ah)
        self.sites_negative = sizes.sites_negative * 3600.0
        self.sites_positive = sizes.sites_positive * 3600.0
        self.formation = 0.0
        self._film_sign = -1.0 if parameters.made_charged else 1.0
        if fresh:
            self.ions_negative = sizes.fresh_negative * 3600.0
            self.ions_positive = sizes.fresh_positive * 3600.0
            self.formation = sizes.formation_ah * 3600.0
        else:
            moved = parameters.formed_charge * parameters.capacity_ah
            self.ions_negative = (sizes.empty_negative + moved) * 3600.0
            self.ions_positive = (sizes.empty_positive - moved) * 3600.0
        self._ambient = parameters.ambient_celsius + KELVIN
        self.core_kelvin = self.surface_kelvin = self._surface_before = self._ambient
        self._heat = self._throughput = self.cycles = 0.0
        self._charged = self._discharged = self._energy_in = self._energy_out = 0.0
        self._lost_negative = self._lost_positive = self._leaked = self._i_film = 0.0
        self.plating = False
        self._full_step = tuple(math.exp(-GRID_SECOND / tau) for _, tau in parameters.elements)
        self._slow_changes()
        self._begin(0.0)

    @property
    def segment_second(self) -> tuple[float, float]:
        """Clock seconds between which the cell may be looked at in any order."""
        return self._start + self._beginning, self._start + self._end

    def truth(self) -> Truth:
        """Return the exact integrals at the time last looked at."""
        span = self._now - self._beginning
        charge_in, charge_out, energy_in, energy_out = self._flow(span)[:4]
        return Truth(
            time_second=self._now,
            charged_ah=(self._charged + charge_in) / 3600.0,
            discharged_ah=(self._discharged + charge_out) / 3600.0,
            charged_wh=(self._energy_in + energy_in) / 3600.0,
            discharged_wh=(self._energy_out + energy_out) / 3600.0,
            negative_side_ah=(self._lost_negative + self._i_neg * span) / 3600.0,
            positive_side_ah=(self._lost_positive + self._i_pos * span) / 3600.0,
            reversible_side_ah=(self._leaked + self._i_sd * span) / 3600.0,
            core_temperature_celsius=self.core_kelvin - KELVIN,
        )

    # --- what is around the cell --------------------------------------------------------------

    def set_ambient_celsius(self, time: float, celsius: float) -> None:
        """Let the air around the cell have this temperature from clock seconds `time` on."""
        self.advance(time)
        self._ambient = celsius + KELVIN

    def surface_celsius(self, time: float) -> float:
        """Return the temperature of the surface as a sensor on it shows, 20 s late."""
        self.advance(time)
        part = self._now / GRID_SECOND - (self._grid_count - 1)
        before = self._surface_before
        return before + min(part, 1.0) * (self.surface_kelvin - before) - KELVIN

    def impedance(self, hertz: float) -> complex:
        """Return the impedance in ohm of what pulses are made of, as the cell stands now.

        Z = R0 + sum of R / (1 + j w tau) + (dU/dq) / (j w): the differential capacity in series.
        The hysteresis, which a small amplitude does not pass through, is left out.
        """
        omega = 2j * math.pi * hertz
        slope = self._open_circuit(self.ions_negative, self.ions_positive)[1]
        elements = sum(ohm / (1.0 + omega * tau) for ohm, tau in self.parameters.elements)
        return self._ohm + self._resistance_scale * elements + slope / omega

    def pressure_pa(self, time: float) -> float | None:
        """Return the pressure on the stack; None where the cell stands in no press."""
        self.advance(time)
        return None

    def set_pressure_pa(self, time: float, pascal: float) -> None:
        """Set the press at clock seconds `time`.

        Raises
        ------
        benchlab.errors.UsageError
            The cell stands in no press.
        """
        raise UsageError(
            f"{self.parameters.name} stands in no press.",
            remedy="Only solid-state cells do; take the pressure out.",
        )

    # --- what a chemistry may have of its own -------------------------------------------------

    def _own_changes(self, hours: float) -> float:
        """Change what only this chemistry has, `hours` after the last time.

        Returns
        -------
        float
            A factor on every resistance.
        """
        return 1.0

    def _leak(self, current: float) -> float:
        """Return the reversible side current (A) until the next grid point or change of source."""
        return self.parameters.leak_per_hour * self.parameters.capacity_ah

    # --- bookkeeping --------------------------------------------------------------------------

    def _flow(self, span: float) -> tuple[float, float, float, float]:
        """Return coulombs and joules in and out during the first `span` of the segment."""
        if span <= 0.0:
            return 0.0, 0.0, 0.0, 0.0
        if not self.held:
            current = self._constant[11]
            if current == 0.0:
                return 0.0, 0.0, 0.0, 0.0
            energy = current * (self._open_circuit_integral(span) + self._overvoltage(span))
            if current > 0.0:
                return current * span, 0.0, energy, 0.0
            return 0.0, -current * span, 0.0, -energy
        _, _, i0, b, c, volts, series = self._parabola
        cuts = [0.0, span]
        inner = b * b - 4.0 * c * i0
        if i0 * (i0 + span * (b + span * c)) < 0.0 <= inner:
            q = -0.5 * (b + math.copysign(math.sqrt(inner), b))
            roots = (q / c if c else -1.0, i0 / q if q else -1.0)
            cuts[1:1] = [root for root in roots if 0.0 < root < span][:1]
        result = [0.0, 0.0, 0.0, 0.0]

        def charge(t: float) -> float:
            return t * (i0 + t * (b / 2.0 + t * c / 3.0))

        def square(t: float) -> float:
            cubic = (b * b + 2.0 * i0 * c) / 3.0 + t * (b * c / 2.0 + t * c * c / 5.0)
            return t * (i0 * i0 + t * (i0 * b + t * cubic))

        for early, late in itertools.pairwise(cuts):
            moved = charge(late) - charge(early)
            energy = volts * moved - series * (square(late) - square(early))
            way = 0 if moved > 0.0 else 1
            result[way] += abs(moved)
            result[way + 2] += energy if moved > 0.0 else -energy
        return result[0], result[1], result[2], result[3]

    def _open_circuit_integral(self, span: float) -> float:
        _, xp, rp, xn, rn = self._constant[:5]
        up = mean_volts(self._positive, self._sums_positive, xp, xp + rp * span)
        return span * (up - mean_volts(self._negative, self._sums_negative, xn, xn + rn * span))

    def _overvoltage(self, span: float) -> float:
        """Integral of everything but the open-circuit voltage, at constant current."""
        p0, p1, p2, p3, fast, rate = self._constant[5:11]
        total = span * (p0 + span * (p1 / 2.0 + span * (p2 / 3.0 + span * p3 / 4.0)))
        return total - fast * math.expm1(-rate * span) / rate if rate else total

    def _commit(self, now: float) -> None:
        span = now - self._beginning
        if span <= 0.0:
            return
        if self.held:
            self._commit_held(span if now < self._end else self._parabola[1])
        else:
            self._commit_constant(span)
        if self._i_sd:
            volts = self._open_circuit(self.ions_negative, self.ions_positive)[0]
            self._heat += self._i_sd * volts * span
        self._lost_negative += self._i_neg * span
        self._lost_positive += self._i_pos * span
        self._leaked += self._i_sd * span
        self.formation -= self._i_film * span
        self._beginning = now

    def _move(self, charge: float, span: float) -> None:
        leak = self._i_sd * span
        self.ions_negative = _inside(
            self.ions_negative + charge - self._i_neg * span - leak, self.sites_negative
        )
        self.ions_positive = _inside(
            self.ions_positive + self._i_pos * span + leak - charge, self.sites_positive
        )
        self._throughput += abs(charge)

    def _commit_constant(self, span: float) -> None:
        current = self._constant[11]
        charge = current * span
        if current:
            energy_over = self._overvoltage(span)
            energy = current * (self._open_circuit_integral(span) + energy_over)
            kelvin = self.core_kelvin * self.parameters.entropy_volt_per_kelvin
            self._heat += current * energy_over + charge * kelvin
            if current > 0.0:
                self._charged += charge
                self._energy_in += energy
            else:
                self._discharged -= charge
                self._energy_out -= energy
            if self.parameters.hysteresis_volt:
                self._branch = self._branch_after(charge)[0]
        scale = self._resistance_scale * current
        decays = (
            self._full_step
            if span == GRID_SECOND
            else [math.exp(-span / tau) for _, tau in self.parameters.elements]
        )
        for k, (ohm, _) in enumerate(self.parameters.elements):
            end = ohm * scale
            self._elements[k] = end + (self._elements[k] - end) * decays[k]
        self._move(charge, span)

    def _commit_held(self, span: float) -> None:
        begin, step, _, _, _, volts, _ = self._parabola
        i0, im, i1 = self._nodes
        if span != step:
            im, i1 = self._held_step(span, i0, volts)
            self._set_parabola(begin, span, i0, im, i1)
            step = span
        charge_in, charge_out, energy_in, energy_out = self._flow(step)
        self._charged += charge_in
        self._discharged += charge_out
        self._energy_in += energy_in
        self._energy_out += energy_out
        charge = step * (i0 + 4.0 * im + i1) / 6.0
        middle = self._open_circuit(
            self.ions_negative + 0.5 * charge, self.ions_positive - 0.5 * charge
        )[0]
        kelvin = self.core_kelvin * self.parameters.entropy_volt_per_kelvin
        self._heat += energy_in - energy_out - charge * (middle - kelvin)
        each = weights(step, self.parameters.elements)[3]
        f = self._resistance_scale
        for k, (decay, w0, wm, w1) in enumerate(each):
            self._elements[k] = decay * self._elements[k] + f * (w0 * i0 + wm * im + w1 * i1)
        if self.parameters.hysteresis_volt:
            self._branch = self._branch_after(charge)[0]
        self._move(charge, step)

    # --- what changes at grid points ----------------------------------------------------------

    def _slow_changes(self) -> None:
        p = self.parameters
        power, self._heat = self._heat / GRID_SECOND, 0.0
        core_rate = p.heat_capacity_core / GRID_SECOND
        surface_rate = p.heat_capacity_surface / GRID_SECOND
        across, out = p.conductance_core_surface, p.conductance_surface_ambient
        a = core_rate * self.core_kelvin + power
        b = surface_rate * self.surface_kelvin + out * self._ambient
        det = (core_rate + across) * (surface_rate + across + out) - across * across
        self.core_kelvin = (a * (surface_rate + across + out) + across * b) / det
        self._surface_before = self.surface_kelvin
        self.surface_kelvin = ((core_rate + across) * b + across * a) / det
        self._age_by(self._throughput / (7200.0 * p.capacity_ah))
        self._throughput = 0.0
        inverse = (1.0 / self.core_kelvin - 1.0 / REFERENCE_KELVIN) / GAS_CONSTANT
        hours = self._beginning / 3600.0
        self._resistance_scale = math.exp(p.activation_energy_j_per_mol * inverse) * (
            1.0 + p.resistance_per_cycle * self.cycles + p.resistance_per_root_hour * hours**0.5
        )
        self._resistance_scale *= self._own_changes(GRID_SECOND / 3600.0 if hours else 0.0)
        # What the resistance changes by is taken over by the fastest element, which relaxes: the
        # voltage (or the current, where that is held) does not jump at the cell's own grid.
        current = self._present_current()
        before, self._ohm = self._ohm, p.resistance_ohm * self._resistance_scale
        self._elements[0] -= current * (self._ohm - before)
        rate = math.exp(-p.side_activation_j_per_mol * inverse) * p.capacity_ah
        self._rate_negative = (
            p.side_negative_per_hour * rate / math.sqrt(1.0 + hours / p.side_fading_hour)
        )
        self._rate_positive = p.side_positive_per_hour * rate
        self._side_currents()

    def _present_current(self) -> float:
        return self._held_current() if self.held else self._source[0][self.stair]

    def _age_by(self, cycles: float) -> None:
        p = self.parameters
        self.cycles += cycles
        if p.loss_negative_per_cycle:
            left = 1.0 - p.loss_negative_per_cycle * cycles
            self.sites_negative *= left
            self.ions_negative *= left
        if p.loss_positive_per_cycle:
            left = 1.0 - p.loss_positive_per_cycle * cycles
            self.sites_positive *= left
            self.ions_positive *= left

    def _side_currents(self) -> None:
        p = self.parameters
        x = self.ions_negative * GRID / self.sites_negative + OFFSET
        self._i_neg = self._rate_negative if self._negative[int(x)][0] < BARE_VOLT else 0.0
        self._i_pos = 0.0
        if self._rate_positive:
            x = self.ions_positive * GRID / self.sites_positive + OFFSET
            up = min(self._positive[int(x)][0], 5.0)
            self._i_pos = self._rate_positive * 2.0 ** ((up - 4.2) / 0.05)
        current = self._present_current()
        self._i_sd = self._leak(current)
        if current > 0.0:
            self._i_neg += p.lost_per_charged * current
        else:
            self._i_pos += p.lost_per_discharged * current
        if current > 0.0 and (current > 2.0 * p.capacity_ah or self.core_kelvin < KELVIN + 5.0):
            self.plating = True
        self._i_film = 0.0
        if self.formation > 0.0 and current * self._film_sign > 0.0:
            left = self._grid_count * GRID_SECOND - self._beginning
            most = self.formation / left if left > 0.0 else 0.0
            self._i_film = min(FORMATION_SHARE * abs(current), most)
            if p.film_on_positive:
                self._i_pos += self._film_sign * self._i_film
            else:
                self._i_neg += self._i_film


def _inside(ions: float, sites: float) -> float:
    """Return the ions that an electrode can hold: what is beyond has decomposed something."""
    return min(max(ions, (LOW - OFFSET) / GRID * sites), (HIGH - OFFSET) / GRID * sites)
