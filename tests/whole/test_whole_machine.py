"""The whole sync as a state machine: whatever happens between and during syncs, the promise holds."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from osfsync.app.stage import settings_for
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.whole.conftest import Mirror

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

names = st.sampled_from(
    ["20260228/a.osf", "20260228/a.osfz", "b.osfz", "B.osfz", "../c.osf", "d/e.osf", "D/e.osf", "CON.osf"]
)
devices = st.integers(0, 2)
faults = st.sampled_from(
    [
        (Fault.status(500), None),
        (Fault.status(503, retry_after=0), None),
        (Fault.reset(), None),
        (Fault.cut(300), "download"),
        (Fault.html(), "download"),
        (Fault.empty(), "download"),
        (Fault.bad_xml(), "file-list"),
        (Fault.expire_tokens(), None),
        (Fault.status(404), "download"),
        (Fault.status(403), "credentials"),
        (Fault.status(403), "download-token"),
    ]
)


class WholeSync(RuleBasedStateMachine):
    """A world that changes, a server that fails, a mirror that is synced and interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.size = 2_000
        self.ever_available: dict[tuple[str, str], set[bytes]] = {}

    @initialize()
    def begin(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.portal: BlockingPortal = self.stack.enter_context(start_blocking_portal("asyncio"))
        self.world = World(now=NOW, seed=5)
        regular = Behaviour(contact_every=timedelta(hours=5), files_per_day=2)
        for number, readable in enumerate((True, True, False)):
            self.world.add_device(f"Truck {number}", behaviour=regular, readable=readable)
        serving: AbstractContextManager[Simulator] = self.portal.wrap_async_context_manager(serve(self.world))
        simulator = self.stack.enter_context(serving)
        configured = msgspec.structs.replace(settings_for(simulator, folder), limits=LimitSettings(retries=0))
        self.mirror = Mirror(simulator, configured, self.world.password)

    @contextmanager
    def world_changes(self) -> Iterator[None]:
        """What the server ever offered is what may ever be in the archive."""
        yield
        for key in self.world.available():
            self.ever_available.setdefault(key, set()).add(self.world.content(*key))

    @rule(
        device=devices,
        several=st.lists(names, min_size=1, max_size=6, unique=True),
        status=st.sampled_from(StorageStatus),
    )
    def files_appear_or_change(self, device: int, several: list[str], status: StorageStatus) -> None:
        with self.world_changes():
            owner = self.world.devices(self.world.main.id)[device]
            for name in several:
                self.size += 7  # a change shows by another size, and by nothing else that is sure
                self.world.add_file(owner, name, status, size=self.size)

    @rule(device=devices, status=st.sampled_from(StorageStatus))
    def a_status_changes(self, device: int, status: StorageStatus) -> None:
        with self.world_changes():
            owner = self.world.devices(self.world.main.id)[device]
            for name in list(owner.files)[:1]:
                self.world.set_status(owner, name, status)

    @rule(hours=st.integers(1, 60))
    def time_passes_and_devices_connect(self, hours: int) -> None:
        with self.world_changes():
            self.world.advance(timedelta(hours=hours))

    @rule(device=devices)
    def a_device_is_renamed(self, device: int) -> None:
        self.world.devices(self.world.main.id)[device].name += "'"

    @rule(fault=faults, times=st.integers(1, 3))
    def the_server_is_going_to_fail(self, fault: tuple[Fault, str | None], times: int) -> None:
        self.mirror.simulator.faults.add(fault[0], on=fault[1], times=times)

    @rule()
    def a_sync_that_may_meet_faults(self) -> None:
        summary = self.portal.call(self.mirror.sync)
        counts = summary.files
        settled = counts.held + counts.fetched + counts.failed + counts.quarantined + counts.filtered
        assert counts.listed == settled + counts.device_only + counts.requested + counts.left
        if summary.exit_code is ExitCode.COMPLETE:
            self.check_complete()

    @rule(ticks=st.integers(0, 400))
    def a_sync_that_is_cancelled(self, ticks: int) -> None:
        async def cancelled() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(self.mirror.sync)
                for _ in range(ticks):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()

        self.portal.call(cancelled)

    @rule()
    def the_server_recovers_and_all_is_synced(self) -> None:
        self.mirror.simulator.faults.clear()
        summary = self.portal.call(self.mirror.sync)
        assert summary.exit_code is ExitCode.COMPLETE
        self.check_complete()
        before = self.mirror.simulator.requests["download-token"]
        again = self.portal.call(self.mirror.sync)
        assert again.files.fetched == 0
        assert self.mirror.simulator.requests["download-token"] == before

    def check_complete(self) -> None:
        """All that the server can give now is here, byte for byte, and the state says so."""
        files = self.portal.call(self.mirror.files)
        disk = self.mirror.on_disk()
        for key in self.world.available():
            assert files[key].state == "held"
            assert disk[files[key].path] == self.world.content(*key)

    @precondition(lambda self: hasattr(self, "mirror"))
    @invariant()
    def nothing_is_here_that_the_server_did_not_offer(self) -> None:
        disk = self.mirror.on_disk()
        if not disk:
            return
        files = self.portal.call(self.mirror.files)
        by_path = {row.path: key for key, row in files.items()}
        assert len(by_path) == len(files), "two files share a path"
        for path, content in disk.items():
            assert content in self.ever_available[by_path[path]]
        for row in files.values():
            if row.state == "held":
                assert len(disk[row.path]) == row.size

    def teardown(self) -> None:
        self.stack.close()


def test_the_whole_sync_as_a_state_machine() -> None:
    run_state_machine_as_test(
        WholeSync,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
