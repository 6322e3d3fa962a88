"""The electrical side of a simulated cell: segments between kinks, and how a look evaluates them.

Time is cut into segments at the cell's own grid of 20 s, at changes of the source and at the kinks
between constant current and constant voltage (found by root finding), never where somebody looks:
a look evaluates the segment under way. Constant current is analytic inside a segment; constant
voltage has its own steps (`held`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchlab_drivers.cells.electrodes import GRID, OFFSET, tabulate
from benchlab_drivers.cells.held import weights
from benchlab_drivers.cells.roots import root
from benchlab_drivers.cells.sources import OPEN, Staircase

if TYPE_CHECKING:
    from benchlab_drivers.cells.parameters import CellParameters

__all__ = ["GRID_SECOND", "Circuit"]

GRID_SECOND = 20.0
FILLING_STEP = 0.02
"""No segment moves an electrode further than this part of its sites."""
LONGEST_HELD_SECOND = 10.0
LOW, HIGH = float(OFFSET - 200), float(OFFSET + GRID + 200)
"""Grid indices of fillings -0.05 and 1.05: beyond them a current only decomposes the cell."""


class Circuit:
    """Two electrodes, a resistance and RC elements, driven by a source.

    Attributes
    ----------
    held : bool
        Whether the source regulates voltage in the segment under way.
    stair : int
        Index of the current (or, where `held`, of the voltage) of the staircase that holds.
    ions_negative, ions_positive, sites_negative, sites_positive : float
        Coulombs.
    """

    def __init__(self, parameters: CellParameters, start: float) -> None:
        self.parameters = parameters
        self._start = start
        self._negative = tabulate(parameters.negative)
        self._positive = tabulate(parameters.positive)
        self.ions_negative = self.ions_positive = 0.0
        self.sites_negative = self.sites_positive = 1.0
        self._elements = [0.0] * len(parameters.elements)
        self._branch = 0.0
        self._ohm = parameters.resistance_ohm
        self._resistance_scale = 1.0
        self._i_neg = self._i_pos = self._i_sd = 0.0
        self._source: Staircase = OPEN
        self._series = 0.0
        self.held, self.stair = False, 0
        self._next: tuple[bool, int] | None = None
        self._cut = self._beginning = self._end = self._now = 0.0
        self._grid_count = 1
        self._constant: tuple[float, ...] = ()
        self._parabola: tuple[float, ...] = ()

    def _commit(self, now: float) -> None:
        """Book the segment under way up to `now`."""
        raise NotImplementedError

    def _slow_changes(self) -> None:
        """Change what changes at grid points only."""
        raise NotImplementedError

    def _side_currents(self) -> None:
        """Set the side currents until the next grid point or change of the source."""
        raise NotImplementedError

    def sample(self, time: float, lag: float = 0.0) -> tuple[float, float]:
        """Return voltage (V) at the terminals and current (A) at clock seconds `time`.

        With a `lag` the voltage is that of `lag` seconds earlier and the current of as much later,
        as in a meter that takes one after the other.
        """
        now = time - self._start
        self._now = now
        if now > self._end:
            self._advance(now)
        if not self.held:
            begin, xp, rp, xn, rn, p0, p1, p2, p3, fast, rate, current = self._constant
            t = now - lag - begin
            x = xp + rp * t
            i = int(x)
            up, slope = self._positive[i]
            up += (x - i) * slope
            x = xn + rn * t
            i = int(x)
            un, slope = self._negative[i]
            return (
                up
                - un
                - (x - i) * slope
                + p0
                + t * (p1 + t * (p2 + t * p3))
                + fast * math.exp(-rate * t)
            ), current
        begin, _, i0, b, c, volts, series = self._parabola
        t = now + lag - begin
        current = i0 + t * (b + t * c)
        return volts - series * current, current

    def set_source(self, time: float, source: Staircase, series_ohm: float = 0.0) -> None:
        """Connect a source at clock seconds `time`; `series_ohm` lies between it and the cell."""
        now = time - self._start
        self._advance(now)
        if source == self._source and series_ohm == self._series:
            return
        self._commit(now)
        self._now = now
        self._source, self._series = source, series_ohm
        self._cut = now
        self._choose()
        self._side_currents()
        self._begin(now)

    def advance(self, time: float) -> None:
        """Let clock seconds pass up to `time`."""
        self._now = time - self._start
        self._advance(self._now)

    def _advance(self, now: float) -> None:
        while now > self._end:
            end = self._end
            self._commit(end)
            if self._next is not None:
                self.held, self.stair = self._next
                self._cut = end
            if end >= self._grid_count * GRID_SECOND:
                self._grid_count += 1
                self._slow_changes()
            self._begin(end)

    def _open_circuit(self, ions_negative: float, ions_positive: float) -> tuple[float, float]:
        """Return the difference of the electrodes (V) and its slope (V per coulomb charged)."""
        k = GRID / self.sites_positive
        x = min(max(ions_positive * k + OFFSET, LOW), HIGH)
        i = int(x)
        up, slope_p = self._positive[i]
        up += (x - i) * slope_p
        m = GRID / self.sites_negative
        x = min(max(ions_negative * m + OFFSET, LOW), HIGH)
        i = int(x)
        un, slope_n = self._negative[i]
        un += (x - i) * slope_n
        return up - un, -slope_p * k - slope_n * m

    def _choose(self) -> None:
        """Find where the cell's line meets the staircase."""
        currents, voltages = self._source
        ohm = self._ohm + self._series
        emf = self._emf()
        for k, volts in enumerate(voltages):
            if emf + currents[k] * ohm <= volts:
                self.held, self.stair = False, k
                return
            if emf + currents[k + 1] * ohm <= volts:
                self.held, self.stair = True, k
                return
        self.held, self.stair = False, len(voltages)

    def _emf(self) -> float:
        return (
            self._open_circuit(self.ions_negative, self.ions_positive)[0]
            + self.parameters.hysteresis_volt * self._branch
            + sum(self._elements)
        )

    def _begin(self, now: float) -> None:
        """Lay out the next segment, up to the grid, a kink or a large step of filling."""
        self._beginning = now
        self._next = None
        currents, voltages = self._source
        grid = self._grid_count * GRID_SECOND
        if self.held:
            high, low = currents[self.stair : self.stair + 2]
            slack = 1e-9 * (high - low)  # a kink is found to rounding, not exactly
            if not low - slack <= self._held_current() <= high + slack:
                self._choose()
        if self.held:
            self._begin_held(now, grid, self._held_current())
            return
        self._begin_constant(now, grid, currents[self.stair])
        drop = self._series * currents[self.stair]
        span = self._end - now
        fresh = now - self._cut < 2.0 * GRID_SECOND
        for held, sign in ((self.stair, 1.0), (self.stair - 1, -1.0)):
            if not 0 <= held < len(voltages):
                continue
            limit = voltages[held] - drop
            if not fresh and sign * (self._constant_voltage(span) - limit) <= 0.0:
                continue
            kink = self._kink(span, limit, sign)
            if kink is None:
                continue
            if kink > 1e-9:
                self._end = now + kink
                self._next = (True, held)
            else:
                self.held, self.stair, self._cut = True, held, now
                self._begin_held(now, grid, self._held_current())
            return

    def _kink(self, span: float, limit: float, sign: float) -> float | None:
        """Return when, within `span`, the voltage first goes beyond `limit` for good."""

        def beyond(t: float) -> float:
            return sign * (self._constant_voltage(t) - limit)

        before = 0.0
        for part in (0.03, 0.1, 0.3, 0.6, 1.0):
            if beyond(part * span) > 0.0:
                if beyond(before) >= 0.0:
                    return before
                return root(beyond, before, part * span, 1e-12)
            before = part * span
        return None

    def _held_current(self) -> float:
        return (self._source[1][self.stair] - self._emf()) / (self._ohm + self._series)

    def _begin_constant(self, now: float, grid: float, current: float) -> None:
        p = self.parameters
        kp, kn = GRID / self.sites_positive, GRID / self.sites_negative
        rate_p = (self._i_pos + self._i_sd - current) * kp
        rate_n = (current - self._i_neg - self._i_sd) * kn
        p1 = p2 = p3 = 0.0
        p0 = current * self._ohm
        fast = rate = 0.0
        scale = self._resistance_scale * current
        for k, (ohm, tau) in enumerate(p.elements):
            gap = self._elements[k] - ohm * scale
            if tau < 50.0:
                p0 += ohm * scale
                fast, rate = gap, 1.0 / tau
                continue
            p0 += self._elements[k]
            w = gap / tau
            p1 -= w
            w /= 2.0 * tau
            p2 += w
            p3 -= w / (3.0 * tau)
        if p.hysteresis_volt and current:
            branch = 1.0 if current > 0.0 else -1.0
            w = p.hysteresis_rate * abs(current) / (3600.0 * p.capacity_ah)
            gap = p.hysteresis_volt * (self._branch - branch)
            p1 -= gap * w
            p2 += gap * w * w / 2.0
            p3 -= gap * w * w * w / 6.0
        p0 += p.hysteresis_volt * self._branch
        xp = self.ions_positive * kp + OFFSET
        xn = self.ions_negative * kn + OFFSET
        if (xp <= LOW and rate_p < 0.0) or (xp >= HIGH and rate_p > 0.0):
            rate_p = 0.0  # nothing left to take or give: the current decomposes the cell
        if (xn <= LOW and rate_n < 0.0) or (xn >= HIGH and rate_n > 0.0):
            rate_n = 0.0
        span = grid - now
        fastest = max(abs(rate_p), abs(rate_n)) * span
        if fastest > FILLING_STEP * GRID:
            span *= FILLING_STEP * GRID / fastest
            self._end = now + span
        else:
            self._end = grid
        self._constant = (
            now,
            xp,
            rate_p,
            xn,
            rate_n,
            p0,
            p1,
            p2,
            p3,
            fast,
            rate,
            current,
        )

    def _constant_open_circuit(self, t: float) -> float:
        _, xp, rp, xn, rn = self._constant[:5]
        x = xp + rp * t
        i = int(x)
        up, slope = self._positive[i]
        up += (x - i) * slope
        x = xn + rn * t
        i = int(x)
        un, slope = self._negative[i]
        return up - un - (x - i) * slope

    def _constant_voltage(self, t: float) -> float:
        p0, p1, p2, p3, fast, rate = self._constant[5:11]
        poly = p0 + t * (p1 + t * (p2 + t * p3))
        return self._constant_open_circuit(t) + poly + fast * math.exp(-rate * t)

    def _begin_held(self, now: float, grid: float, current: float) -> None:
        span = grid - now
        target = 0.02 + 0.25 * (now - self._cut)
        step = LONGEST_HELD_SECOND
        while step > target:
            step /= 2.0
        step = min(step, span)
        volts = self._source[1][self.stair]
        high, low = self._source[0][self.stair : self.stair + 2]
        slack = 1e-9 * (high - low)
        middle, last = self._held_step(step, current, volts)
        for bound, stair, out in (
            (high, self.stair, last > high + slack),
            (low, self.stair + 1, last < low - slack),
        ):
            if not out:
                continue
            early, late = 0.0, step
            while late - early > 1e-9 * step:
                half = 0.5 * (early + late)
                beyond = self._held_step(half, current, volts)[1] - bound
                if (beyond > 0.0) == (bound == high):
                    late = half
                else:
                    early = half
            step = max(late, 1e-3 * min(step, 1.0))
            middle, last = self._held_step(step, current, volts)
            self._next = (False, stair)
        self._end = grid if step == span else now + step
        self._set_parabola(now, step, current, middle, last)

    def _set_parabola(self, now: float, step: float, i0: float, im: float, i1: float) -> None:
        self._parabola = (
            now,
            step,
            i0,
            (4.0 * im - 3.0 * i0 - i1) / step,
            2.0 * (i0 - 2.0 * im + i1) / (step * step),
            self._source[1][self.stair],
            self._series,
        )
        self._nodes = (i0, im, i1)

    def _held_step(self, step: float, i0: float, volts: float) -> tuple[float, float]:
        """Return the currents in the middle and at the end of a step at constant voltage."""
        decays, wm, we, each = weights(step, self.parameters.elements)
        f = self._resistance_scale
        ohm = self._ohm + self._series
        base_m = f * wm[0] * i0 - volts
        base_e = f * we[0] * i0 - volts
        for k, volt in enumerate(self._elements):
            base_m += decays[k] * volt
            base_e += each[k][0] * volt
        leak = (self._i_neg + self._i_sd) * step
        gain = (self._i_pos + self._i_sd) * step
        im = i1 = i0
        small = 1e-11 * (abs(i0) + 0.01 * self.parameters.capacity_ah)
        for _ in range(20):
            charge = step * (5.0 * i0 + 8.0 * im - i1) / 24.0
            um, sm = self._electrodes(charge, 0.5 * leak, 0.5 * gain)
            charge = step * (i0 + 4.0 * im + i1) / 6.0
            ue, se = self._electrodes(charge, leak, gain)
            fm = um + base_m + (ohm + f * wm[1]) * im + f * wm[2] * i1
            fe = ue + base_e + f * we[1] * im + (ohm + f * we[2]) * i1
            a = ohm + f * wm[1] + sm * step / 3.0
            b = f * wm[2] - sm * step / 24.0
            c = f * we[1] + se * step / 1.5
            d = ohm + f * we[2] + se * step / 6.0
            det = a * d - b * c
            dm = (fm * d - fe * b) / det
            de = (fe * a - fm * c) / det
            im -= dm
            i1 -= de
            if abs(dm) + abs(de) < small:
                break
        return im, i1

    def _electrodes(self, charge: float, leak: float, gain: float) -> tuple[float, float]:
        """Return open-circuit voltage with hysteresis, and its slope, after `charge` coulombs."""
        volts, slope = self._open_circuit(
            self.ions_negative + charge - leak, self.ions_positive - charge + gain
        )
        p = self.parameters
        if p.hysteresis_volt:
            branch, per_coulomb = self._branch_after(charge)
            volts += p.hysteresis_volt * branch
            slope += p.hysteresis_volt * per_coulomb
        return volts, slope

    def _branch_after(self, charge: float) -> tuple[float, float]:
        p = self.parameters
        target = 1.0 if charge > 0.0 else -1.0
        per_coulomb = p.hysteresis_rate / (3600.0 * p.capacity_ah)
        left = (self._branch - target) * math.exp(-per_coulomb * abs(charge))
        return target + left, per_coulomb * abs(left)
