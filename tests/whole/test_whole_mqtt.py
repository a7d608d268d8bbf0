"""A device of the user's own: told over MQTT how runs go, and its shared attributes steer them."""

import gc
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from structlog.testing import capture_logs

from osfsync.app import remote
from osfsync.app.doctor import examine
from osfsync.app.runs import SyncRequest, sync
from osfsync.cloud.elsewhere import NotTakenError
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.domain.summary import RunSummary
from osfsync.pipeline.perform import Observe
from osfsync.pipeline.tally import Tally
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.broker import Broker, serve_mqtt
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from tests.conftest import skip_unless_all_is_required
from tests.whole.test_whole_kill import write_config
from tests.whole.test_whole_secrets import command, left_behind

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
BOTH = StorageStatus.BOTH


@pytest.fixture
def own(empty_world: World) -> SimDevice:
    """The device that osfsync speaks for, beside one that has three files."""
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(3):
        empty_world.add_file(truck, f"{number}.osf", BOTH)
    return empty_world.add_device("osfsync", behaviour=DEAD)


@dataclass
class Link:
    """A mirror whose runs are told to a device."""

    mirror: Any
    broker: Broker


def speak_for(mirror: Any, tmp_path: Path, token: str, port: int) -> None:
    """Name a device in the settings."""
    (tmp_path / "token").write_text(f"{token}\n", encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    mirror.change("mqtt", url=f"mqtt://127.0.0.1:{port}", token_file=tmp_path / "token")


@pytest.fixture
async def link(
    mirror_of: MirrorOf, empty_world: World, own: SimDevice, tmp_path: Path
) -> AsyncIterator[Link]:
    async with mirror_of(empty_world) as mirror, serve_mqtt(empty_world) as broker:
        speak_for(mirror, tmp_path, own.access_token, broker.port)
        yield Link(mirror, broker)


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - what others do tells no event
            await anyio.sleep(0.01)


async def sync_beside(link: Link, observe: Observe) -> RunSummary:
    """A sync, while somebody sees it work."""
    mirror = link.mirror
    with anyio.fail_after(20):
        return await sync(
            mirror.settings,
            mirror.ask_password,
            SyncRequest(),
            observe=observe,
            clock=lambda: mirror.world.now,
        )


async def test_a_run_tells_how_it_went(link: Link, own: SimDevice) -> None:
    summary = await link.mirror.sync()
    assert summary.exit_code is ExitCode.COMPLETE
    (_, begun), (at, ended) = own.telemetry
    assert begun == {"running": True}
    assert at == int(summary.finished.timestamp() * 1000)
    assert (ended["running"], ended["exit_code"], ended["files_fetched"]) == (False, 0, 3)
    assert ended["bytes"] == summary.bytes > 0
    assert own.client_attributes["last_run"] == summary.run
    assert own.client_attributes["last_outcome"] == "complete"


async def test_a_run_that_fails_tells_it_too(link: Link, own: SimDevice) -> None:
    link.mirror.password = "wrong"
    summary = await link.mirror.sync()
    assert summary.exit_code is ExitCode.LOGIN_REFUSED
    assert own.telemetry[-1][1]["exit_code"] == 12
    assert own.client_attributes["last_outcome"] == "failed"


async def test_a_paused_run_does_nothing_and_the_next_one_all(link: Link, own: SimDevice) -> None:
    await link.broker.set_shared(own, pause=True)
    summary = await link.mirror.sync()
    assert (summary.exit_code, summary.outcome.value) == (ExitCode.PAUSED, "interrupted")
    assert "Paused on the platform" in summary.error
    assert link.mirror.simulator.requests["download"] == 0
    assert own.telemetry[-1][1]["exit_code"] == 14
    await link.broker.set_shared(own, pause=False)
    assert (await link.mirror.sync()).exit_code is ExitCode.COMPLETE
    await link.mirror.assert_equals_server()


async def test_a_run_that_is_under_way_is_paused(link: Link, own: SimDevice) -> None:
    link.mirror.simulator.faults.add(Fault.silence(), on="download", times=None)

    async def pause_once_it_downloads(_: Tally) -> None:
        await until(lambda: link.mirror.simulator.requests["download"] > 0)
        await link.broker.set_shared(own, pause=True)
        await anyio.sleep_forever()

    summary = await sync_beside(link, pause_once_it_downloads)
    assert summary.exit_code is ExitCode.PAUSED
    link.mirror.simulator.faults.clear()
    await link.broker.set_shared(own, pause=None)
    assert (await link.mirror.sync()).exit_code is ExitCode.COMPLETE
    await link.mirror.assert_equals_server()


async def test_how_far_a_sync_looks_back_is_set_there(link: Link, own: SimDevice) -> None:
    world = link.mirror.world
    truck = next(device for device in world.devices(world.main.id) if device.name == "Truck 1")
    world.add_file(truck, "old.osf", BOTH, start=world.now - timedelta(days=50))
    await link.broker.set_shared(own, lookback="60d")
    assert (await link.mirror.sync()).files.fetched == 4


async def test_how_many_downloads_go_at_once_is_set_there(link: Link, own: SimDevice) -> None:
    world = link.mirror.world
    truck = next(device for device in world.devices(world.main.id) if device.name == "Truck 1")
    for number in range(40):
        world.add_file(truck, f"more/{number}.osf", BOTH)
    link.mirror.change("limits", batch="never")
    await link.broker.set_shared(own, downloads=2)
    summary = await link.mirror.sync()
    assert (summary.files.fetched, summary.at_once) == (43, 2)


@pytest.mark.parametrize(
    "odd",
    [
        {"pause": "yes"},
        {"lookback": "soon"},
        {"lookback": "0d"},
        {"lookback": "29d"},
        {"lookback": 30},
        {"downloads": 0},
        {"downloads": True},
        {"downloads": "many"},
    ],
)
async def test_what_is_not_as_it_should_be_is_told_and_left(
    link: Link, own: SimDevice, odd: dict[str, object]
) -> None:
    await link.broker.set_shared(own, **odd)
    with capture_logs() as logs:
        summary = await link.mirror.sync()
    assert (summary.exit_code, summary.files.fetched) == (ExitCode.COMPLETE, 3)
    [told] = [entry for entry in logs if "shared attribute" in entry["event"]]
    assert (told["log_level"], told["attribute"]) == ("warning", *odd)[:2]


async def test_a_flood_of_odd_values_is_told_once_and_keeps_no_run_busy(link: Link, own: SimDevice) -> None:
    odd = {"pause": own.access_token, "lookback": own.access_token}

    async def flood_then_pause(_: Tally) -> None:
        for number in range(2_000):
            await link.broker.set_shared(own, **odd, other=number)
        await link.broker.disconnect()
        await link.broker.set_shared(own, pause=True)
        await anyio.sleep_forever()

    link.mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
    with capture_logs() as logs:
        assert (await sync_beside(link, flood_then_pause)).exit_code is ExitCode.PAUSED
    assert [entry["attribute"] for entry in logs if "attribute" in entry] == ["pause", "lookback"]
    assert own.access_token not in str(logs)


async def test_a_message_without_end_is_not_taken_into_memory(
    mirror_of: MirrorOf, empty_world: World, own: SimDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIRST_ANSWER", timedelta(seconds=1))
    monkeypatch.setattr(remote, "LAST_WORD", timedelta(seconds=1))
    sent = 0

    async def pour(stream: SocketStream) -> None:
        nonlocal sent
        async with stream:
            await stream.receive()
            await stream.send(b"\x20\x02\x00\x00")  # welcome
            await stream.receive()
            await stream.send(b"\x30\xff\xff\xff\x7f")  # 256 MB
            with suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(bytes(65_536))
                    sent += 65_536

    async with (
        mirror_of(empty_world) as mirror,
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, pour)
        port = listener.listeners[0].extra(SocketAttribute.local_port)  # noqa: S610 - no database
        speak_for(mirror, tmp_path, own.access_token, port)
        with anyio.fail_after(20):
            assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        group.cancel_scope.cancel()
    assert sent < 40_000_000  # what sockets hold on the way, of every try


async def test_a_defect_of_what_speaks_mqtt_costs_no_run(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(remote._Link, "_take", break_down)
    with capture_logs() as logs:
        assert (await link.mirror.sync()).exit_code is ExitCode.COMPLETE
    assert [entry["error"] for entry in logs if entry.get("setting")] == [
        "an unexpected error, ZeroDivisionError"
    ]


async def test_a_token_that_is_not_known_is_a_warning(link: Link, own: SimDevice, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("not-its-token\n", encoding="utf-8")
    with capture_logs() as logs:
        assert (await link.mirror.sync()).exit_code is ExitCode.COMPLETE
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["setting"] for entry in warnings] == ["mqtt", "mqtt"]
    assert not own.telemetry
    assert "not-its-token" not in str(logs)


@pytest.mark.parametrize("gone", ["file", "setting", "library"])
async def test_what_is_missing_here_is_a_warning(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    match gone:
        case "file":
            (tmp_path / "token").unlink()
        case "setting":
            link.mirror.change("mqtt", token_file=None)
        case _:
            monkeypatch.setattr("osfsync.cloud.mqtt.find_spec", lambda _: None)
    with capture_logs() as logs:
        assert (await link.mirror.sync()).exit_code is ExitCode.COMPLETE
    assert len([entry for entry in logs if entry["log_level"] == "warning"]) == 2


async def test_nobody_who_answers_holds_a_run_up_for_a_while_only(
    mirror_of: MirrorOf, empty_world: World, own: SimDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes connections and says nothing."""
    monkeypatch.setattr(remote, "FIRST_ANSWER", timedelta(seconds=0.2))
    monkeypatch.setattr(remote, "LAST_WORD", timedelta(seconds=0.2))
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        async with mirror_of(empty_world) as mirror:
            speak_for(mirror, tmp_path, own.access_token, silent.getsockname()[1])
            with anyio.fail_after(8), capture_logs() as logs:
                assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
    assert "it does not answer in time" in [entry.get("error") for entry in logs]


async def test_a_connection_that_breaks_is_made_again(link: Link, own: SimDevice) -> None:
    link.mirror.simulator.faults.add(Fault.silence(), on="download", times=None)

    async def hang_up_then_pause(_: Tally) -> None:
        await until(lambda: link.mirror.simulator.requests["download"] > 0)
        await link.broker.disconnect()
        await link.broker.set_shared(own, pause=True)  # seen by who asks again
        await anyio.sleep_forever()

    assert (await sync_beside(link, hang_up_then_pause)).exit_code is ExitCode.PAUSED


async def test_doctor_tells_what_is_set_there(link: Link, own: SimDevice, tmp_path: Path) -> None:
    await link.broker.set_shared(own, lookback="60d", other=1)
    findings = [finding async for finding in examine(link.mirror.settings, link.mirror.ask_password)]
    assert (findings[-1].grade, findings[-1].subject) == ("ok", "mqtt")
    assert findings[-1].text == "the device is reached; set there: lookback = 60 d."
    await link.broker.set_shared(own, pause="what somebody wrote there", lookback=None)
    findings = [finding async for finding in examine(link.mirror.settings, link.mirror.ask_password)]
    assert (findings[-1].grade, findings[-1].subject) == ("warning", "mqtt")
    assert findings[-1].text == "the shared attribute pause should be true or false."
    (tmp_path / "token").write_text("not-its-token\n", encoding="utf-8")
    findings = [finding async for finding in examine(link.mirror.settings, link.mirror.ask_password)]
    assert (findings[-1].grade, findings[-1].subject) == ("warning", "mqtt")
    assert "Not authorized" in findings[-1].text


async def test_a_defect_is_raised_as_it_is_without_such_a_device(link: Link) -> None:
    async def break_down(_: Tally) -> None:
        raise ZeroDivisionError

    raised = []
    for url in (link.mirror.settings.mqtt.url, None):
        link.mirror.change("mqtt", url=url)
        with pytest.raises(ExceptionGroup) as caught:
            await sync(link.mirror.settings, link.mirror.ask_password, SyncRequest(), observe=break_down)
        raised.append(repr(caught.value))
    assert raised[0] == raised[1]


async def test_nothing_that_is_left_behind_holds_the_token(tmp_path: Path, mirror_of: MirrorOf) -> None:
    world = World.generate(seed=3, devices=2, files_per_device=3, now=datetime.now(UTC))
    own = world.add_device("osfsync", behaviour=DEAD)
    async with mirror_of(world) as mirror, serve_mqtt(world) as broker:
        environment = write_config(tmp_path, mirror)
        token = tmp_path / "elsewhere"
        token.write_text(own.access_token, encoding="utf-8")
        token.chmod(0o600)
        environment |= {
            "OSFSYNC_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
            "OSFSYNC_MQTT_TOKEN_FILE": str(token),
        }
        said = [
            await command(tmp_path, environment, *words) for words in (("-vv", "sync"), ("config", "show"))
        ]
        token.unlink()
    assert len(own.telemetry) == 2
    assert b"warning" not in said[0][0]
    traces = [*left_behind(tmp_path), *(("said", b"".join(told)) for told in said)]
    assert not [where for where, content in traces if own.access_token.encode() in content]


@asynccontextmanager
async def mosquitto(folder: Path, *more: str) -> AsyncIterator[int]:
    """A real broker on a free loopback port; `more` are lines of its configuration."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        skip_unless_all_is_required("mosquitto is not installed")
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    config = folder / "mosquitto.conf"
    lines = (f"listener {port} 127.0.0.1", "allow_anonymous true", *more)
    config.write_text("\n".join(lines), encoding="utf-8")
    process = await anyio.open_process([program, "-c", str(config)], stderr=subprocess.STDOUT)
    try:
        await until(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        await process.aclose()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
async def test_a_certificate_that_the_user_trusts(
    mirror_of: MirrorOf, empty_world: World, own: SimDevice, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    trusted, key = certificate
    lines = (f"certfile {trusted}", f"keyfile {key}", "user root")
    async with mosquitto(tmp_path, *lines) as port, mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        speak_for(mirror, tmp_path, own.access_token, port)
        mirror.change("mqtt", url=f"mqtts://127.0.0.1:{port}")
        with pytest.raises(NotTakenError, match="CERTIFICATE_VERIFY_FAILED"):
            await remote.tell(mirror.settings, summary)
        gc.collect()  # paho leaves the socket of a failed handshake to it
        mirror.change("cloud", ca_file=trusted)
        await remote.tell(mirror.settings, summary)


async def test_a_real_broker_carries_what_is_told_and_set(
    mirror_of: MirrorOf, empty_world: World, own: SimDevice, tmp_path: Path
) -> None:
    """One device per broker, as this one checks no token; the test is the platform behind it."""
    told: list[tuple[str, Any]] = []
    attributes = "v1/devices/me/attributes"

    async def be_the_platform(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            content = json.loads(message.payload)
            told.append((message.topic.value, content))
            if message.topic.matches(f"{attributes}/request/+"):
                answer = json.dumps({"shared": {"lookback": "60d"}})
                await client.publish(f"{attributes}/response/1", answer, qos=1)

    world = empty_world
    truck = next(device for device in world.devices(world.main.id) if device.name == "Truck 1")
    world.add_file(truck, "old.osf", BOTH, start=world.now - timedelta(days=50))
    async with mosquitto(tmp_path) as port, mirror_of(world) as mirror:
        speak_for(mirror, tmp_path, own.access_token, port)
        async with aiomqtt.Client("127.0.0.1", port) as client, anyio.create_task_group() as group:
            await client.subscribe(f"{attributes}/request/+", qos=1)
            await client.subscribe("v1/devices/me/telemetry", qos=1)
            group.start_soon(be_the_platform, client)
            summary = await mirror.sync()
            await until(lambda: any(content.get("values", {}).get("exit_code") == 0 for _, content in told))
            group.cancel_scope.cancel()
    assert summary.files.fetched == 4
    assert (f"{attributes}/request/1", {"sharedKeys": "pause,lookback,downloads"}) in told
