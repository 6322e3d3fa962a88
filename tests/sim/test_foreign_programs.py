"""Programs by others drive served simulators, unchanged, over real ports.

The table of what they did and found is docs/foreign_programs.md.

Each needs its own package (the extra `peers`), and is skipped with its name where it is missing.
"""

import json
import subprocess
import sys
import time

import pytest

SERVE = [sys.executable, "-m", "benchlab", "sim", "serve"]
pytestmark = pytest.mark.filterwarnings("default")  # theirs are theirs


def needs(package):
    return pytest.importorskip(package, reason=f"the package {package} is not installed")


@pytest.fixture
def served():
    """Start a served simulator; return its resource."""
    started = []

    def start(*words):
        process = subprocess.Popen([*SERVE, *words], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return json.loads(process.stdout.readline())["resource"]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=10)


def port_of(resource):
    return int(resource.split("::")[2])


def test_pymodbus_switches_and_reads_the_relays(served):
    client = needs("pymodbus.client").ModbusTcpClient(
        "127.0.0.1", port=port_of(served("waveshare_relay"))
    )
    assert client.connect()
    assert client.read_holding_registers(0x8000, count=1).registers == [200]
    client.write_coils(0, [False, True] * 4)
    assert client.read_coils(0, count=8).bits == [False, True] * 4
    assert client.read_discrete_inputs(0, count=8).bits == [False] * 8
    assert client.read_coils(0, count=9).exception_code == 2
    assert client.read_input_registers(0, count=1).exception_code == 1
    client.close()


def test_pymodbustcp_switches_and_reads_the_relays(served):
    client = needs("pyModbusTCP.client").ModbusClient(
        "127.0.0.1", port_of(served("waveshare_relay")), unit_id=1
    )
    assert client.open()
    assert client.write_single_coil(2, True)
    assert client.read_coils(0, 8) == [k == 2 for k in range(8)]
    assert client.read_coils(0, 200) is None
    assert "address" in client.last_except_as_txt
    client.close()


@pytest.mark.parametrize("model", ["2450", "2461"])
def test_labmcp_drives_a_source_meter(served, model):
    smu, transports = needs("labmcp_keithley_smu.driver"), needs("labmcp.transports")
    line = transports.open_transport(
        f"tcp://127.0.0.1:{port_of(served(f'keithley{model}', '--ideal'))}",
        read_termination="\n",
        write_termination="\n",
        timeout=5.0,
    )
    found = smu.open_smu(line)
    assert found.identify()["model"] == model
    found.set_remote_sense(True)
    found.configure("voltage", 3.7, 0.05)
    found.set_output(True)
    status, reading = found.measure()
    assert status.in_compliance
    assert reading.current_a == pytest.approx(0.05, rel=1e-3)
    assert 3.5 < reading.voltage_v < 3.7
    found.set_output(False)
    assert not found.output_state()
    assert found.error_list() == []
    found.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
@pytest.mark.parametrize("name", ["palmsens_methodscript", "palmsens_nexus", "palmsens_pico"])
def test_labmcp_runs_a_script_on_a_potentiostat(served, name):
    driver, transports = needs("labmcp_palmsens.driver"), needs("labmcp.transports")
    resource = served(name, "--cell", "graphite_half_coin", "--pty")
    line = transports.open_transport(
        "serial://" + resource[4:].split("::")[0],
        read_termination="\n",
        write_termination="\n",
        timeout=5.0,
    )
    device = driver.MethodScriptDevice(line)
    mode = driver.select_pgstat_mode(device.device_type, 0.1, 0.3, 100)
    script = driver.build_script(
        "meas_loop_cv p c 200m 300m 100m 10m 200m",
        begin_potential_v=0.2,
        e_min=0.1,
        e_max=0.3,
        pgstat_mode=mode,
        bandwidth_hz=100,
        current_range_a=1e-3,
        autorange=False,
        equilibration_s=0.2,
    )
    result = device.execute(script, 20)
    assert not result.malformed
    assert result.error is None
    volts = [packet[0].value for _, packet in result.packets]
    assert min(volts) == pytest.approx(0.1, abs=0.011)
    assert max(volts) == pytest.approx(0.3, abs=0.011)
    with pytest.raises(Exception, match="unknown"):
        device.execute(["var x", "nonsense 1"], 5)
    assert device.cell_off()
    device.close()


def test_aurora_runs_its_own_step_file_on_the_cycler(served, tmp_path):
    unicycler, neware = needs("aurora_unicycler"), needs("aurora_neware")
    protocol = unicycler.CyclingProtocol(
        record=unicycler.RecordParams(time_s=0.2, voltage_V=0.1),
        safety=unicycler.SafetyParams(
            max_voltage_V=4.3, min_voltage_V=2.5, max_current_mA=500, min_current_mA=-500
        ),
        sample=unicycler.SampleParams(name="c", capacity_mAh=200),
        method=[
            unicycler.OpenCircuitVoltage(until_time_s=0.5),
            unicycler.Tag(tag="a"),
            unicycler.ConstantCurrent(current_mA=100, until_time_s=1, until_voltage_V=4.2),
            unicycler.ConstantCurrent(current_mA=-200, until_time_s=1, until_voltage_V=2.8),
            unicycler.Loop(loop_to="a", cycle_count=2),
        ],
    )
    file = tmp_path / "step.xml"
    file.write_text(protocol.to_neware_xml(sample_name="c", capacity_mAh=200))
    with neware.NewareAPI("127.0.0.1", port_of(served("neware_bts8"))) as cycler:
        channel = next(iter(cycler.getdevinfo()))
        assert cycler.start(channel, "c", file, save_location=tmp_path)[0]["start"] == "ok"
        ends = time.monotonic() + 30.0
        while cycler.inquire(channel)[channel]["workstatus"] == "working":
            assert time.monotonic() < ends
            cycler.light(channel)
        rows = cycler.download(channel)
        steps = cycler.get_steps(channel)
        assert cycler.stop(channel)[0]["stop"] == "false", "it has ended by itself"
    seen = {
        (step, cycle, round(ampere, 2))
        for step, cycle, ampere in zip(rows["stepid"], rows["cycleid"], rows["curr"], strict=True)
    }
    assert seen == {(1, 1, 0.0), (2, 1, 0.1), (3, 1, -0.2), (2, 2, 0.1), (3, 2, -0.2)}
    assert [step["steptime"] for step in steps][:3] == [500, 1000, 1000]


def test_easy_scpi_reads_a_supply(served):
    easy = needs("easy_scpi")
    supply = easy.Instrument(
        port=served("keysight_rp7900", "--capacity-ah", "200", "--ideal"),
        port_match=False,
        backend="@py",
        read_termination="\n",
        write_termination="\n",
        timeout=3000,
    )
    supply.connect()
    assert "RP7931A" in supply.id
    supply.function("CURR")
    assert supply.function() == "CURR"
    assert 3.4 < float(supply.measure.voltage()) < 3.8
    assert supply.syst.err() == '+0,"No error"'
    supply.disconnect()
