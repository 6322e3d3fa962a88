"""Each template is run once in a session, by the command that its own comment gives."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUTS = {
    # Long loops are cut, and check-ups brought forward, so that every branch is still taken.
    "life_li_ion": {"repeat: 500": "repeat: 2", "every: 50 it": "every: 2 it"},
    "lfp_life_and_pocv": {"repeat: 500": "repeat: 2", "every: 100 it": "every: 2 it"},
    "sodium_ion": {"repeat: 200": "repeat: 2", "every: 50 it": "every: 2 it"},
    "lithium_sulfur_life": {"repeat: 200": "repeat: 3"},
    "li_nmc": {"repeat: 400": "repeat: 3"},
    "assb": {"repeat: 50": "repeat: 2"},
    "nmc_4680_fast_charge": {"repeat: 10": "repeat: 2"},
    "nmc811_full_program": {"repeat: 2000": "repeat: 2", "every: 50 it": "every: 2 it"},
}


def _harness():
    path = ROOT / "benchmarks" / "templates.py"
    spec = importlib.util.spec_from_file_location("benchmarks_templates", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def harness():
    """Return the module that runs templates."""
    return _harness()


@pytest.fixture(scope="session")
def ran(harness, tmp_path_factory):
    """Return a function that runs a template once, with its long loops cut."""
    done = {}
    folder = tmp_path_factory.mktemp("templates")

    def run(name):
        if name not in done:
            done[name] = harness.run_template(name, folder, CUTS.get(name))
        return done[name]

    return run


@pytest.fixture(scope="session")
def results(ran):
    """Return a function that gives the last value of each result of a template's run."""

    def of(name):
        events = ran(name).run.events.records()
        told = [e["text"].split(" = ") for e in events if e["kind"] == "result"]
        return {key: float(value) for key, value in told}

    return of
