"""Who a BTS 8 client is: a login, which every conversation begins with, and its channel map."""

from __future__ import annotations

from xml.etree import ElementTree

from benchlab_drivers.neware.line import frame
from benchlab_drivers.neware.requests import LOGIN
from benchlab_drivers.wire.who import Known, Question

__all__ = ["WHO"]


def _recognise(answers: tuple[bytes, ...]) -> Known | None:
    if b"<!" in answers[1] or b"<cmd>connect_resp</cmd>" not in answers[0]:
        return None
    try:
        root = ElementTree.fromstring(answers[1][: answers[1].rfind(b"</bts>") + 6])
    except (ElementTree.ParseError, ValueError):
        return None
    if root.findtext("cmd") != "getdevinfo_resp":
        return None
    channels = root.findall(".//channel")
    units = dict.fromkeys(f"{c.get('devtype', '')}-{c.get('devid', '')}" for c in channels)
    client = root.find("client")
    firmware = "" if client is None else client.get("version", "")
    return Known("Neware", f"BTS 8, {len(channels)} channels", "+".join(units), firmware)


WHO = Question(
    (frame(f"<cmd>connect</cmd>{LOGIN}"), frame("<cmd>getdevinfo</cmd>")), _recognise, serial=""
)
