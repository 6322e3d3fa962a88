"""Every request that the hub's OpenAPI allows, and many that it does not, against a whole bench."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi

from benchlab.platform import kill_process
from benchlab.service.control_client import ControlClient
from benchlab.service.hub.tokens import read_token
from tests.service.worker_bench import LONG, bench, cell, patient


@pytest.fixture(scope="module")
def hub(tmp_path_factory, record):
    """A hub over recorded runs, with a worker whose simulated channel runs a test."""
    root = tmp_path_factory.mktemp("bench")
    with bench(root) as made:
        record(root / "data" / "a.h5", day=3)
        made.up()
        made.ask("start", "1", protocol=LONG, cell=cell("A1"))
        words = [sys.executable, "-m", "benchlab.service.hub", str(root)]
        process = subprocess.Popen(words, stderr=made._log)
        try:
            part = patient(lambda: (p := made.folder.part("hub")) and p.alive and p)
            yield part.more["url"], read_token(made.folder.token), made
            with ControlClient(made.folder.address("hub")) as control:
                control.ask("down", operator="test")
            assert process.wait(10) == 0
        finally:
            part = made.folder.part("hub")
            if part is not None:
                kill_process(part.pid, part.started)


CHECKS = (
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
)
EXAMPLES = int(os.environ.get("BENCHLAB_SCHEMA_EXAMPLES", "15"))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_hub(hub, mode):
    url, token, _ = hub
    headers = {"authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        asked += 1

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case):
            answer = case.call(base_url=url, headers=headers, timeout=60)
            case.validate_response(answer, checks=CHECKS)

        with suppress(Unsatisfiable):  # nothing can be wrong with a request without words
            ask()
    assert asked > 20


def test_the_bench_did_not_notice(hub):
    _, _, made = hub
    status = made.status("1")
    assert status["run"]["id"]
    assert made.ask("hello")["kind"] == "worker"
