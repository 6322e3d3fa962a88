"""What one type of cell is made of, and how its two electrodes are balanced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchlab_drivers.cells.electrodes import Electrode
from benchlab_drivers.cells.roots import root

__all__ = ["Balance", "CellParameters", "balance"]


@dataclass(frozen=True, slots=True)
class CellParameters:
    """A cell type at its nominal size and 25 degrees Celsius.

    Attributes
    ----------
    filling_negative_full : float
        Filling of the negative electrode at the upper voltage.
    filling_positive_fresh : float
        Filling of the positive electrode as assembled: all the lithium there is.
    resistance_ohm : float
        In series; follows `activation_energy_j_per_mol`, as do the elements.
    elements : tuple of (ohm, second)
        RC elements; the first is the only one that may be faster than 50 s.
    side_negative_per_hour, side_positive_per_hour, leak_per_hour : float
        Side currents as fractions of the capacity per hour; that of the positive electrode at
        4.2 V against lithium, doubling every 50 mV.
    side_fading_hour : float
        The negative side current falls with 1 / sqrt(1 + t / this).
    first_efficiency : float
        Discharged over charged in the first cycle of a fresh cell.
    hysteresis_volt, hysteresis_rate : float
        Half the gap between the branches, and how often per capacity it is forgotten.
    loss_negative_per_cycle, loss_positive_per_cycle : float
        Active sites lost per equivalent full cycle, at the filling they have then.
    resistance_per_cycle, resistance_per_root_hour : float
        Relative growth of the resistance with equivalent full cycles and with sqrt(time).
    heat_capacity_core, heat_capacity_surface : float
        J/K.
    conductance_core_surface, conductance_surface_ambient : float
        W/K.
    entropy_volt_per_kelvin : float
        dU/dT of the whole cell.
    """

    name: str
    capacity_ah: float
    voltage_low_volt: float
    voltage_high_volt: float
    negative: Electrode
    positive: Electrode
    filling_negative_full: float
    filling_positive_fresh: float
    resistance_ohm: float
    elements: tuple[tuple[float, float], ...]
    activation_energy_j_per_mol: float
    side_negative_per_hour: float
    side_positive_per_hour: float
    side_activation_j_per_mol: float
    first_efficiency: float
    heat_capacity_core: float
    heat_capacity_surface: float
    conductance_core_surface: float
    conductance_surface_ambient: float
    leak_per_hour: float = 0.0
    side_fading_hour: float = 8766.0
    hysteresis_volt: float = 0.0
    hysteresis_rate: float = 20.0
    loss_negative_per_cycle: float = 0.0
    loss_positive_per_cycle: float = 0.0
    resistance_per_cycle: float = 0.0
    resistance_per_root_hour: float = 0.0
    entropy_volt_per_kelvin: float = 0.0
    ambient_celsius: float = 25.0


@dataclass(frozen=True, slots=True)
class Balance:
    """Sites of both electrodes and the ions in them when empty, Ah; and what formation takes."""

    sites_negative: float
    sites_positive: float
    empty_negative: float
    empty_positive: float
    fresh_positive: float
    formation_ah: float


def balance(cell: CellParameters, capacity_ah: float) -> Balance:
    """Size both electrodes so that C/20 between the voltage ends moves `capacity_ah`.

    The upper end fixes the filling of the positive electrode, the lower end that of the negative
    one; the ends of the open-circuit window are those of the terminals less the drop at C/20. The
    first efficiency counts what formation takes and what stays in the negative electrode.
    """

    def volts(electrode: Electrode, filling: float) -> float:
        return float(electrode(np.array([filling]))[0])

    drop = cell.capacity_ah / 20.0 * (cell.resistance_ohm + sum(r for r, _ in cell.elements))
    drop += cell.hysteresis_volt
    high, low = cell.voltage_high_volt - drop, cell.voltage_low_volt + drop
    full = cell.filling_negative_full
    top = root(
        lambda y: volts(cell.positive, y) - volts(cell.negative, full) - high, 1e-6, 0.9, 1e-12
    )
    # Per unit of capacity: first charge = sites_positive * (fresh - top) = 1 / first efficiency.
    sites_positive = 1.0 / cell.first_efficiency / (cell.filling_positive_fresh - top)
    bottom = top + 1.0 / sites_positive
    empty = root(
        lambda x: volts(cell.positive, bottom) - volts(cell.negative, x) - low, 1e-4, full, 1e-12
    )
    sites_negative = 1.0 / (full - empty)
    formation = 1.0 / cell.first_efficiency - 1.0 - empty * sites_negative
    return Balance(
        sites_negative=sites_negative * capacity_ah,
        sites_positive=sites_positive * capacity_ah,
        empty_negative=empty * sites_negative * capacity_ah,
        empty_positive=bottom * sites_positive * capacity_ah,
        fresh_positive=cell.filling_positive_fresh * sites_positive * capacity_ah,
        formation_ah=formation * capacity_ah,
    )
