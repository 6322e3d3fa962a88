"""Binary files through readers that others keep well; each is imported only when it is needed."""

from __future__ import annotations

import importlib
import io
import shutil
import subprocess
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchlab.errors import ForeignDataError, SetupError
from benchlab_analysis.importers.parse import ArrayFile
from benchlab_analysis.importers.text import TextFile, read_text, refuse

__all__ = ["arbin", "biologic", "need", "neware", "parquet"]

_NEWARE = {
    "index": "DataPoint", "voltage_V": "Voltage(V)", "current_mA": "Current(mA)",
    "unix_time_s": "Unix Time(s)", "step_time_s": "Step Time(s)", "total_time_s": "Total Time(s)",
    "cycle_count": "Cycle Index", "step_count": "Step Count", "step_index": "Step Index",
    "step_type": "Step Type", "capacity_mAh": "Capacity(mAh)", "energy_mWh": "Energy(mWh)",
    "aux1_temperature_degC": "T1(C)", "aux2_temperature_degC": "T2(C)",
}  # fmt: skip


def need(module: str, package: str, path: Path, extra: str = "import") -> ModuleType:
    """Return a reader's module.

    Raises
    ------
    benchlab.errors.SetupError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SetupError(
            f"reading this file needs the package {package}, which is not installed here.",
            where=str(path),
            remedy=f"pip install 'benchlab[{extra}]', or export the file as csv.",
        ) from error


def _damaged(path: Path, package: str, error: BaseException) -> ForeignDataError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return ForeignDataError(
        f"{package} cannot read the file: {said}.",
        where=str(path),
        remedy="Was it copied while the test ran? Copy it once more, or export it as csv.",
    )


def neware(path: Path, sha256: str, form: str) -> ArrayFile:
    """Read .nda or .ndax through fastnda.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.ForeignDataError
    """
    fastnda: Any = need("fastnda", "fastnda", path)
    try:
        frame = fastnda.read(path, cycle_mode="chg")
        own = fastnda.read(path, cycle_mode="raw")["cycle_count"].to_numpy()
        labels = [_NEWARE.get(name, name) for name in frame.columns]
        arrays = [
            np.array(frame[name].cast(str).to_list(), dtype=object)
            if name == "step_type"
            else np.asarray(frame[name].to_numpy())
            for name in frame.columns
        ]
    except Exception as error:  # whatever a stranger's reader raises on strange bytes
        raise _damaged(path, "fastnda", error) from error
    file = ArrayFile(path, sha256, labels, arrays, form)
    if not len(file):
        raise refuse(path, None, "", "the file holds no rows.", "Export it once more.")
    file.header.append("Own Cycle")
    file.arrays.append(own)
    if not np.array_equal(own, arrays[labels.index("Cycle Index")]):
        file.warnings.append(
            f"{path.name}: the instrument counts {len(np.unique(own))} cycles (kept as "
            f"instrument_cycle_count), here {len(np.unique(arrays[labels.index('Cycle Index')]))}: "
            "a cycle begins with each charge that follows a discharge"
        )
    return file


def parquet(path: Path, data: bytes, sha256: str) -> ArrayFile:
    """Read a Parquet file through pyarrow.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.ForeignDataError
    """
    reader: Any = need("pyarrow.parquet", "pyarrow", path)
    try:
        table = reader.read_table(io.BytesIO(data))
        arrays = []
        for column in table.columns:
            kind = str(column.type)
            if kind.startswith(("timestamp", "date")):
                nanoseconds = column.cast("timestamp[ns]").cast("int64")
                arrays.append(np.asarray(nanoseconds.to_numpy()))
            else:
                arrays.append(np.asarray(column.to_numpy()))
    except Exception as error:  # whatever a stranger's reader raises on strange bytes
        raise _damaged(path, "pyarrow", error) from error
    return ArrayFile(path, sha256, list(table.column_names), arrays, "parquet")


def biologic(path: Path, data: bytes, sha256: str) -> ArrayFile:
    """Read .mpr through galvani.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.ForeignDataError
    """
    galvani: Any = need("galvani.BioLogic", "galvani", path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = galvani.MPRfile(io.BytesIO(data))
        labels = list(found.data.dtype.names)
        arrays = [np.asarray(found.data[name]) for name in labels]
        for flag in ("ox/red", "mode"):
            if flag in found.flags_dict and flag not in labels:
                labels.append(flag)
                arrays.append(np.asarray(found.get_flag(flag)).astype(np.float64))
        start = getattr(found, "timestamp", None)
    except Exception as error:  # whatever a stranger's reader raises on strange bytes
        raise _damaged(path, "galvani", error) from error
    file = ArrayFile(path, sha256, labels, arrays, "mpr")
    if isinstance(start, datetime) and "time/s" in labels and len(file):
        time = arrays[labels.index("time/s")]
        ends = [float(time[0]), float(time[-1])]
        if all(np.isfinite(second) and abs(second) < 1e10 for second in ends):
            file.facts["dates"] = [
                (start + timedelta(seconds=second)).isoformat(sep=" ") for second in ends
            ]
    return file


def arbin(path: Path, sha256: str) -> TextFile:
    """Read the rows of a .res (an Access database) through mdb-export of mdbtools.

    Raises
    ------
    benchlab.errors.SetupError, benchlab.errors.ForeignDataError
    """
    program = shutil.which("mdb-export")
    if program is None:
        raise SetupError(
            "an Arbin .res file is an Access database; the program mdb-export, which reads it, is "
            "not installed here.",
            where=str(path),
            remedy="Install mdbtools (apt install mdbtools, brew install mdbtools), or export the "
            "test as csv.",
        )
    done = subprocess.run(
        [program, str(path), "Channel_Normal_Table"], capture_output=True, check=False
    )
    if done.returncode or not done.stdout.strip():
        said = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise ForeignDataError(
            f"mdb-export cannot read the table of rows: {said or 'it is empty'}.",
            where=str(path),
            remedy="Is it a .res of Arbin? Export the test as csv.",
        )
    from benchlab_analysis.importers.arbin import recognises

    return read_text(path, done.stdout, sha256, recognises, "the table of rows of Arbin", "res")
