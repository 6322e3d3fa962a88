"""Keysight RP7900 regenerative power supply (20 V to 160 V), stepped by the host over TCP 5025.

Always in current priority: its manual forbids voltage priority on low-impedance sources such as
batteries. A charge goes over to constant voltage at the voltage limit by itself. Below, nothing
holds the voltage: a discharge that the host does not end is switched off by the undervoltage
protection, two seconds after the cell fell below the set point's voltage. So a discharge that is to
hold its end voltage cannot be done; it ends in that protection, with the output off.

The runaway: a cell above the voltage limit is discharged by whatever current that takes. So the
cell's voltage is read before each limit, a limit below it is refused, and after each change the
current must flow the way it was asked to, or the output goes off at once.

The host's traffic feeds a watchdog that switches the output off after 15 s of silence; any other
client's traffic feeds it too. There is no disconnect relay without the SD1000A option: "off" is
believed when OUTP? reads 0 and the measured current is nothing but the meter's error.

``*RST`` is never sent, as it would disarm the inhibit input (an emergency stop may hang on it). A
change and its error query go out as one line; the read-back follows in a line of its own, because
levels and limits read back as before in the line that changes them (seen on an N6974A).

Nothing here has been confirmed on an RP7900. Rests on its Operating and Service Guide: headers,
status bits, watchdog, undervoltage protection, turn-on within 14 ms. Unconfirmed: the text of
``*IDN?``, what overcurrent protection does in current priority (it is armed and read back; the
built-in trip holds either way), what flows while the output is off, that the meter sees the cell
then, and the accuracies in `benchlab_drivers.wire.rp7900_models`.
"""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Source
from benchlab.bench.twin import Twin, TwinSpec
from benchlab_drivers._rp7900 import KeysightRp7900, capabilities_of
from benchlab_drivers.wire.rp7900_models import DEFAULT_MODEL, MODELS
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import scpi

__all__ = ["CAPABILITIES", "CAPABILITIES_OF_MODEL", "WHO", "connect", "driver_on", "simulate"]

CAPABILITIES = capabilities_of(MODELS[DEFAULT_MODEL])
"""Of the default model; a driver has those of the model that answers, once it is open."""
CAPABILITIES_OF_MODEL = {name: capabilities_of(model) for name, model in MODELS.items()}
WHO = scpi("KEYSIGHT", *MODELS)


def driver_on(line: Transport, clock: Clock, resource: str) -> Source:
    """Return the driver on a line; nothing was sent yet."""
    return KeysightRp7900(line, clock, resource=resource)


def connect(resource: str, clock: Clock) -> Source:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    return driver_on(open_transport(resource, clock), clock, resource)


def simulate(clock: Clock, spec: TwinSpec, model: str = DEFAULT_MODEL) -> tuple[Source, Twin]:
    """Return the driver on a simulated RP7900 in this process, and the cell behind it."""
    from benchlab_drivers.sim.keysight_rp7900 import make

    instrument = make(clock, spec, model)
    return driver_on(DirectTransport(instrument), clock, "sim:keysight_rp7900"), instrument
