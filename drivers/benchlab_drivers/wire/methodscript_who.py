"""Who a MethodSCRIPT instrument is: firmware (``t``) and serial number (``i``)."""

from __future__ import annotations

import re

from benchlab_drivers.wire.methodscript_line import BAUD
from benchlab_drivers.wire.methodscript_models import MODELS
from benchlab_drivers.wire.who import Known, Question

__all__ = ["WHO"]

FIRMWARE = re.compile(rb"t([a-z0-9_]{6,7}[\x20-\x7e]*)\r?\nR[^\n]*\*\r?\n")
SERIAL = re.compile(rb"i([\x21-\x7e]+)\r?\n")


def _recognise(answers: tuple[bytes, ...]) -> Known | None:
    firmware, serial = FIRMWARE.fullmatch(answers[0]), SERIAL.fullmatch(answers[1])
    if firmware is None or serial is None:
        return None
    text = firmware[1].decode("ascii")
    model = next((m for m in MODELS if text.startswith(m.firmware)), None)
    if model is None:
        return None
    version = text.removeprefix(model.firmware)
    return Known("PalmSens", model.name, serial[1].decode("ascii"), version)


WHO = Question((b"t\n", b"i\n"), _recognise, serial=f"baud={BAUD}")
