"""What one type of cell is made of."""

from __future__ import annotations

from dataclasses import dataclass

from benchlab_drivers.cells.electrodes import Electrode

__all__ = ["CellParameters"]


@dataclass(frozen=True, slots=True)
class CellParameters:
    """A cell type at its nominal size and 25 degrees Celsius.

    Attributes
    ----------
    filling_negative_full : float
        Filling of the negative electrode at the upper voltage; of no use with a `reserve`.
    filling_negative_fresh, filling_positive_fresh : float
        Fillings as assembled; beside a `reserve` that of the negative electrode is of no use.
    resistance_ohm : float
        In series; follows `activation_energy_j_per_mol`, as do the elements.
    elements : tuple of (ohm, second)
        RC elements; the first is the only one that may be faster than 50 s.
    side_negative_per_hour, side_positive_per_hour, leak_per_hour : float
        Side currents as fractions of the capacity per hour; that of the positive electrode at
        4.2 V against lithium, doubling every 50 mV.
    side_fading_hour : float
        The negative side current falls with 1 / sqrt(1 + t / this).
    lost_per_charged : float
        Part of each charged ampere hour that the negative electrode loses as it is plated.
    lost_per_discharged : float
        Part of each discharged ampere hour that the positive electrode loses as it takes it up.
    first_efficiency : float
        Discharged over charged in the first cycle of a fresh cell; where it is made charged,
        charged over discharged. Beside a `reserve`, 1 means that there is no film.
    reserve : float or None
        Where the negative electrode is of lithium: what it holds when the positive one is full, in
        capacities. None where the filling of both electrodes limits.
    made_charged : bool
        Whether a fresh cell is discharged first.
    film_on_positive : bool
        Whether what formation takes is lost on the positive electrode instead.
    ends_positive : tuple of (float or None)
        Fillings of the positive electrode at the upper and lower voltage where no voltage tells.
    formed_charge : float
        State of charge of a cell that is not fresh.
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
    lost_per_charged: float = 0.0
    lost_per_discharged: float = 0.0
    reserve: float | None = None
    made_charged: bool = False
    film_on_positive: bool = False
    ends_positive: tuple[float | None, float | None] = (None, None)
    formed_charge: float = 0.3
    filling_negative_fresh: float = 0.0
