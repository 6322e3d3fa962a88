"""Put what a bug report needs into one zip: logs, versions, how the bench stands; no token.

benchlab support -o lab3.zip
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make one bundle for a bug report"

LOG_BYTES = 2_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("bench", nargs="?", default="", help="its folder, bench.yaml or name")
    parser.add_argument("-o", "--out", type=Path, default=Path("benchlab-support.zip"))


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle; what cannot be read is named in it."""
    import json
    import platform
    import zipfile
    from importlib.metadata import distributions

    from benchlab import __version__
    from benchlab.errors import FileExists
    from benchlab.service.benches import bench_named

    folder = bench_named(arguments.bench)
    if arguments.out.exists():
        raise FileExists(
            "there is such a file; nothing was written.",
            where=str(arguments.out),
            remedy="Choose another name with -o.",
        )
    versions = {
        "benchlab": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": sorted(f"{item.name}=={item.version}" for item in distributions()),
    }
    left_out: list[str] = []
    with zipfile.ZipFile(arguments.out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("versions.json", json.dumps(versions, indent=1))
        for path in _files(folder.root, folder.own):
            name = path.relative_to(folder.root).as_posix()
            try:
                data = path.read_bytes()
            except OSError as error:
                left_out.append(f"{name}: {error.strerror}")
                continue
            bundle.writestr(name, data[-LOG_BYTES:])
        bundle.writestr("left_out.txt", "\n".join(left_out))
        count = len(bundle.namelist())
    print(f"{arguments.out}: {count} files; read it through before you send it")
    return 0


def _files(root: Path, own: Path) -> list[Path]:
    found = [root / "bench.yaml", own / "plan.json", own / "alarms.jsonl"]
    for place, pattern in (("logs", "*.log"), ("parts", "*.json"), ("channels", "*.json")):
        found += sorted((own / place).glob(pattern))
    return [path for path in found if path.exists()]
