"""Set up and go, with Python 3.11+ and pip: ``python3 bootstrap.py demo|test|check|gui``.

Everything is installed into one virtual environment, ``.venv`` beside this file (or where
``BENCHLAB_VENV`` says); nothing else on the machine is touched, but for Qt's system libraries,
which ``test`` and ``gui`` get with apt where they are missing and the user may install them.

Exit codes: 0 done · 2 unknown job · 3 something is missing, and the last line says what and how to
get it · 130 interrupted · anything else is the job's own (pytest's, or ``docs/exit_codes.md``).
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

MISSING = 3  # benchlab.errors.SetupError, which cannot be imported yet


def stop(sentence: str) -> NoReturn:
    """End with a sentence that says what is missing and what to do."""
    sys.stderr.write("bootstrap: " + sentence + "\n")
    sys.exit(MISSING)


if sys.version_info < (3, 11):  # noqa: UP036 (an older Python gets a sentence, not a traceback)
    stop(
        f"Python 3.11 or newer is needed; this is {sys.version.split()[0]} ({sys.executable}). "
        "Run it with a newer one, for example: python3.11 bootstrap.py demo"
    )

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("BENCHLAB_VENV") or ROOT / ".venv").absolute()
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STATE = VENV / "benchlab-bootstrap.txt"
UNFINISHED = "unfinished\n"

EXTRAS = ["", "gui", "test", "dev"]  # each holds the one before it
JOBS = {
    "demo": ("", "run the demonstration (needs no Qt and no system package)"),
    "test": ("test", "run every test, the windows' too"),
    "check": ("dev", "lint, check types and the arrows between the packages"),
    "gui": ("gui", "open the window"),
}
# What Qt takes from the system (ldd on its libraries): the first to draw off screen, the second
# to open a window.
DEBS = ["libegl1", "libgl1", "libdbus-1-3", "libfontconfig1", "libglib2.0-0", "libxkbcommon0"]
DEBS_WINDOW = [
    *("libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1", "libxcb-randr0"),
    *("libxcb-render-util0", "libxcb-shape0", "libxcb-xkb1", "libxkbcommon-x11-0"),
    *("libx11-xcb1", "libwayland-cursor0"),
]
QT_PROBE = "from PySide6.QtWidgets import QApplication; QApplication([])"


def say(text: str) -> None:
    """Tell the user what happens now; stdout belongs to the job."""
    print("bootstrap:", text, file=sys.stderr, flush=True)


def run(*words: "str | Path", quiet: bool = False, env: "dict[str, str] | None" = None) -> int:
    """Run a command in the repository, with no input, and return its exit code."""
    if not quiet:
        say("+ " + " ".join(str(word) for word in words))
    return subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else sys.stderr,
        stderr=subprocess.DEVNULL if quiet else None,
    ).returncode


def wanted() -> str:
    """Return what an installation depends on, as a hash."""
    parts = [sys.version, sys.base_prefix, str(ROOT), str(VENV)]
    parts += [(ROOT / name).read_text("utf-8") for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def installed() -> "str | None":
    """Return the extra that is installed and up to date, or None; an unfinished one is none."""
    try:
        extra, mark = STATE.read_text("utf-8").rstrip("\n").split(" ")
    except (OSError, ValueError):
        return None
    extra = extra.strip("[]")
    if mark != wanted() or extra not in EXTRAS or not PYTHON.exists():
        return None
    return None if run(PYTHON, "-c", "", quiet=True) else extra


def pip_words() -> "list[str | Path]":
    """Return the words that run pip: the environment's own, else the machine's for it."""
    if run(PYTHON, "-c", "import pip", quiet=True):
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    return [PYTHON, "-m", "pip"]


def clear_venv() -> None:
    """Empty the environment's folder, where bootstrap itself made it; its mark goes last."""
    if not VENV.is_dir() or not any(VENV.iterdir()):
        return
    if not STATE.exists():
        stop(
            f"{VENV} is there but was not made by bootstrap, so it is left alone. Move it "
            "away, or say where else to install: BENCHLAB_VENV=FOLDER python3 bootstrap.py ..."
        )
    say(f"{VENV} is unfinished or out of date, and is made anew")
    STATE.write_text(UNFINISHED, "utf-8")
    for child in VENV.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child != STATE:
            child.unlink()


def make_venv() -> None:
    """Make the virtual environment anew, marked unfinished until everything is in it."""
    if not importlib.util.find_spec("venv"):
        stop("this Python has no module venv. Install it; on Debian: apt-get install python3-venv")
    own_pip = importlib.util.find_spec("ensurepip") is not None  # Debian: in python3-venv
    if not own_pip and not importlib.util.find_spec("pip"):
        stop(
            "this Python has neither pip nor ensurepip. Install one of them; on Debian or "
            "Ubuntu: apt-get install python3-pip; on Fedora: dnf install python3-pip"
        )
    try:
        clear_venv()
        VENV.mkdir(parents=True, exist_ok=True)
        STATE.write_text(UNFINISHED, "utf-8")
    except OSError as error:
        stop(
            f"{VENV} cannot be written ({error.strerror}). Say where else to install: "
            "BENCHLAB_VENV=FOLDER python3 bootstrap.py ..."
        )
    if run(sys.executable, "-m", "venv", *([] if own_pip else ["--without-pip"]), VENV):
        stop(f"no virtual environment could be made in {VENV}; the lines above say why.")


def install(extra: str) -> None:
    """Have the package with one of its extras in the environment, in the versions agreed on."""
    have = installed()
    if have is not None and EXTRAS.index(have) >= EXTRAS.index(extra):
        return
    if have is None:
        make_venv()
    else:
        STATE.write_text(UNFINISHED, "utf-8")
    what = f".[{extra}]" if extra else "."
    size = {"": 400, "gui": 900}.get(extra, 1900)
    say(f"installing {what} into {VENV}; the first time this takes minutes and up to {size} MB")
    # By environment, so that the build of the package is bound as well; the second name is what
    # newer versions of pip read for that. Relative: the value is split at blanks.
    bound = {"PIP_CONSTRAINT": "constraints.txt", "PIP_BUILD_CONSTRAINT": "constraints.txt"}
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    if run(*pip_words(), "install", "-q", "-e", what, env=bound | quiet):
        stop(
            "pip could not install the packages; its lines above say why. Without a network, or "
            "behind a proxy or an index of your own, set https_proxy or PIP_INDEX_URL, then run "
            "the same command again."
        )
    STATE.write_text(f"[{extra}] {wanted()}\n", "utf-8")


def get_qt_libraries(screen: bool) -> None:
    """Make sure that Qt loads, with system libraries from apt where they are missing."""
    platform = {} if screen else {"QT_QPA_PLATFORM": "offscreen"}
    if not run(PYTHON, "-c", QT_PROBE, quiet=True, env=platform):
        return
    if not sys.platform.startswith("linux"):
        run(PYTHON, "-c", QT_PROBE, env=platform)
        stop("Qt does not load; the lines above say why.")
    apt = ["apt-get", "install", "-y", "--no-install-recommends", *DEBS]
    apt += DEBS_WINDOW if screen else []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not sudo or shutil.which("sudo")):
        say("Qt does not load yet; its system libraries are installed with apt")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        fresh = not run(*sudo, "apt-get", "update", "-qq", env=quiet)
        if fresh and not run(*sudo, *apt, "-qq", "-o=Dpkg::Use-Pty=0", env=quiet):
            if not run(PYTHON, "-c", QT_PROBE, quiet=True, env=platform):
                return
            run(PYTHON, "-c", QT_PROBE, env=platform)
    stop(
        "Qt lacks system libraries, and they could not be installed, so nothing was run. "
        "As an administrator: " + " ".join(apt) + " (on Fedora: dnf install mesa-libEGL "
        "mesa-libGL libxkbcommon dbus-libs fontconfig glib2); then run the same command again."
    )


def check() -> int:
    """Lint, check types and the arrows; run every part even where one fails."""
    parts: list[list[str]] = [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports", "--no-logo"],
    ]
    failed = [" ".join(part) for part in parts if run(BIN / part[0], *part[1:])]
    say("failed: " + ", ".join(failed) if failed else "every check passed")
    return 1 if failed else 0


def hand_over(words: list[str]) -> int:
    """Become the job, so that signals and the exit code are its own."""
    say("+ " + " ".join([str(PYTHON), *words]))
    if os.name == "posix":
        os.execv(PYTHON, [str(PYTHON), *words])
    return subprocess.run([PYTHON, *words]).returncode


def main() -> int:
    """Read the words, install what the job needs, and run it."""
    name, words = "".join(sys.argv[1:2]), sys.argv[2:]
    if name not in JOBS:
        lines = "\n".join(f"  {key:6} {text}" for key, (_, text) in JOBS.items())
        print(f"usage: python3 bootstrap.py JOB [more words for it]\n{lines}", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    screen = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"} & os.environ.keys()
    if name == "gui" and sys.platform.startswith("linux") and not screen:
        stop("there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    install(JOBS[name][0])
    if name == "test":
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if name in ("test", "gui"):
        get_qt_libraries(screen=name == "gui")
    if name == "check":
        return check()
    if name == "test":
        os.chdir(ROOT)
        return hand_over(["-m", "pytest", *words])
    return hand_over(["-m", "benchlab", name, *words])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    say("interrupted; run the same command again to go on")
    sys.exit(130)
