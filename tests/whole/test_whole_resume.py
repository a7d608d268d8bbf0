"""A broken transfer of a large file goes on where it stopped, if it is provably the same file; else anew."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
import stamina
from anyio.abc import Process
from structlog.testing import capture_logs

from osfsync.app.runs import SyncRequest
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator import endpoints
from osfsync.simulator.answers import Answer
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Framing
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.ranges import Span, Validator, part_of
from osfsync.simulator.server import ServerOptions
from osfsync.simulator.world import World

DEAD = Behaviour(contact_every=None, files_per_day=0)
PART_FOLDER = ".osfsync-part"
SIZE = 12_000_000
STOP = 9_500_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PLAIN, PACKED = "a/1.osf", "a/1.osfz"
IN_BETWEEN = 600_000
"""Bytes that came and were not read yet are lost with their connection."""

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@dataclass
class Line:
    """One device with one large file, mirrored over a line that a test breaks."""

    mirror: Any
    device: SimDevice
    name: str

    def fault(self, fault: Fault, *, on: str = "download", times: int | None = 1) -> None:
        self.mirror.simulator.faults.add(fault, on=on, times=times)

    def replace(self, size: int = SIZE, start: datetime = LONG_AGO) -> None:
        """Another version of the file lies on the server."""
        self.mirror.world.add_file(self.device, self.name, StorageStatus.BOTH, size=size, start=start)

    def spans(self) -> list[Span]:
        """Which bytes of the file the server was asked for."""
        return [span for _, span in self.mirror.simulator.spans]

    def asked(self, size: int = SIZE) -> list[str]:
        """What it was asked for, in a word: the whole, or the rest behind `STOP`."""
        return [_word(span, size) for span in self.spans()]

    def hidden(self, pattern: str = "*") -> list[Path]:
        """What lies in the hidden folder, but for the lock and the mark."""
        folder = self.mirror.settings.archive.path / PART_FOLDER
        return [file for file in folder.glob(pattern) if file.name not in {"folders", "lock", "state"}]

    async def break_off(self, *, at: int = STOP) -> None:
        """A run that fails in the middle of the file."""
        self.mirror.change("limits", retries=0)
        self.fault(Fault.cut(at))
        assert (await self.sync()).exit_code is ExitCode.PARTIAL
        assert self.mirror.on_disk() == {}
        self.mirror.change("limits", retries=2)

    async def sync(self, request: SyncRequest | None = None) -> Any:
        period = SyncRequest(since=LONG_AGO - timedelta(days=1))
        return await self.mirror.sync(request or period)

    async def ends_well(self) -> None:
        """A run that has the file, and leaves nothing else."""
        assert (await self.sync()).exit_code is ExitCode.COMPLETE
        await self.mirror.assert_equals_server()
        assert self.hidden() == []


def _word(span: Span, size: int) -> str:
    assert span.stop == size
    return "whole" if span.start == 0 else "rest" if 0 <= STOP - span.start < IN_BETWEEN else str(span)


LineOf = Callable[..., AbstractAsyncContextManager[Line]]


@pytest.fixture
def line_of(mirror_of: MirrorOf, empty_world: World) -> LineOf:
    @asynccontextmanager
    async def make(
        *, name: str = PLAIN, ranges: bool = True, validator: Validator = Validator.ETAG
    ) -> AsyncIterator[Line]:
        device = empty_world.add_device("Truck 1", behaviour=DEAD)
        async with mirror_of(empty_world, ServerOptions(ranges=ranges, validator=validator)) as mirror:
            line = Line(mirror, device, name)
            line.replace()
            yield line

    return make


PROOFS = [Validator.ETAG, Validator.LAST_MODIFIED, Validator.NONE]


# Within a run.


@pytest.mark.parametrize("validator", PROOFS)
@pytest.mark.parametrize("name", [PLAIN, PACKED])
async def test_the_next_try_asks_for_the_rest_only(line_of: LineOf, name: str, validator: Validator) -> None:
    async with line_of(name=name, validator=validator) as line:
        line.fault(Fault.cut(STOP))
        with capture_logs() as logs:
            await line.ends_well()
        assert line.asked() == ["whole", "rest"]
        (told,) = [entry for entry in logs if "goes on" in entry["event"]]
        assert (told["log_level"], told["at"], told["file"]) == ("info", line.spans()[1].start, name)
        assert line.mirror.simulator.requests["download-token"] == 2


async def test_a_body_whose_length_nothing_announced(line_of: LineOf) -> None:
    async with line_of() as line:
        line.fault(Fault.cut(STOP, framing=Framing.CHUNKED))
        await line.ends_well()
        assert line.asked() == ["whole", "rest"]


async def test_a_reset_loses_only_what_was_under_way(line_of: LineOf) -> None:
    async with line_of() as line:
        line.fault(Fault.tear(STOP))
        await line.ends_well()
        first, second = line.spans()
        assert (first, second.stop) == (Span(0, SIZE), SIZE)
        assert 0 < second.start <= STOP


async def test_a_line_that_breaks_again_and_again(line_of: LineOf) -> None:
    async with line_of(name=PACKED) as line:
        line.mirror.change("limits", retries=5)
        line.fault(Fault.cut(2_000_000), times=5)
        await line.ends_well()
        for tries, span in enumerate(line.spans()):
            assert 0 <= 2_000_000 * tries - span.start <= IN_BETWEEN * tries
        assert len(line.spans()) == 6


async def test_each_try_that_brings_enough_makes_those_before_it_not_count(line_of: LineOf) -> None:
    async with line_of() as line:
        line.mirror.change("limits", retries=1)
        line.fault(Fault.cut(2_000_000), times=None)
        await line.ends_well()
        assert len(line.spans()) >= 6


@pytest.mark.parametrize("validator", PROOFS)
async def test_a_small_file_that_is_cut_at_the_same_place_each_time_is_completed(
    line_of: LineOf, validator: Validator
) -> None:
    async with line_of(validator=validator, name=PACKED) as line:
        line.replace(size=1_000_000)
        line.mirror.change("limits", retries=0)
        line.fault(Fault.cut(200_000), times=None)
        await line.ends_well()
        starts = [span.start for span in line.spans()]
        assert starts == sorted(set(starts))
        assert len(starts) == 5


async def test_without_parts_a_small_file_that_is_always_cut_is_not_asked_for_without_end(
    line_of: LineOf,
) -> None:
    async with line_of(ranges=False) as line:
        line.replace(size=1_000_000)
        line.fault(Fault.cut(200_000), times=None)
        assert (await line.sync()).exit_code is ExitCode.PARTIAL
        assert len(line.spans()) == 3


async def test_a_line_that_falls_silent(line_of: LineOf) -> None:
    async with line_of() as line:
        line.mirror.change("cloud", idle_timeout=timedelta(seconds=1))
        line.fault(Fault.cut(STOP))
        line.fault(Fault.silence(), times=1)
        await line.ends_well()
        assert line.asked() == ["whole", "rest"]


@pytest.mark.parametrize(("ranges", "validator"), [(False, Validator.ETAG), (True, Validator.WEAK_ETAG)])
async def test_without_parts_or_proof_it_starts_anew(
    line_of: LineOf, ranges: bool, validator: Validator
) -> None:
    async with line_of(ranges=ranges, validator=validator) as line:
        line.fault(Fault.cut(STOP))
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


async def test_a_date_that_is_too_young_proves_nothing(line_of: LineOf) -> None:
    async with line_of(validator=Validator.LAST_MODIFIED) as line:
        line.replace(start=datetime.now(UTC))  # the platform's clock is the real one
        line.fault(Fault.cut(STOP))
        period = SyncRequest(since=LONG_AGO, until=datetime.now(UTC) + timedelta(days=1))
        assert (await line.sync(period)).files.fetched == 1
        assert line.asked() == ["whole", "whole"]


@pytest.mark.parametrize("validator", PROOFS[:2])
async def test_a_file_that_changes_between_tries_starts_anew(line_of: LineOf, validator: Validator) -> None:
    """Even where it is of the same size as before."""
    async with line_of(validator=validator) as line:
        line.fault(Fault.cut(STOP))
        line.fault(Fault.delay(0), on="download-token")
        line.fault(Fault.delay(1), on="download-token")
        async with anyio.create_task_group() as group:
            group.start_soon(line.ends_well)
            with anyio.fail_after(20):
                while line.mirror.simulator.requests["download-token"] < 2:  # noqa: ASYNC110 — the simulator counts, it does not notify
                    await anyio.sleep(0.01)
            line.replace()
        assert line.asked() == ["whole", "whole"]


async def test_a_change_that_nothing_tells_is_found_by_the_check_of_the_content(line_of: LineOf) -> None:
    async with line_of(name=PACKED, validator=Validator.NONE) as line:
        await line.break_off()
        line.replace()
        await line.ends_well()
        assert line.asked() == ["whole", "rest", "whole"]


@pytest.mark.parametrize("fault", [Fault.flip(), Fault.flip(10**9)])
async def test_damage_in_the_rest_drops_it_all(line_of: LineOf, fault: Fault) -> None:
    async with line_of(name=PACKED) as line:
        line.fault(Fault.cut(STOP))
        line.fault(fault)
        await line.ends_well()
        assert line.asked() == ["whole", "rest", "whole"]


async def test_a_page_in_place_of_the_rest_drops_it_all(line_of: LineOf) -> None:
    async with line_of() as line:
        line.fault(Fault.cut(STOP))
        line.fault(Fault.html())
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


@pytest.mark.parametrize("moved", [-1, 1])
async def test_a_part_from_another_place_is_refused(
    line_of: LineOf, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    def misplaced(whole: Answer, span: Span | None, told: dict[str, str]) -> Answer:
        return part_of(whole, span and Span(span.start + moved, span.stop), told)

    monkeypatch.setattr(endpoints, "part_of", misplaced)
    async with line_of() as line:
        line.fault(Fault.cut(STOP))
        await line.ends_well()
        assert line.asked() == ["whole", "rest", "whole"]


@pytest.mark.parametrize("status", [416, 400])
async def test_a_refused_range_starts_anew_at_once(line_of: LineOf, status: int) -> None:
    async with line_of() as line:
        line.mirror.change("limits", retries=1)
        line.fault(Fault.cut(STOP))
        line.fault(Fault.status(status))
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


async def test_parts_that_always_fail_give_way_to_the_whole(line_of: LineOf) -> None:
    async with line_of() as line:
        line.mirror.change("limits", retries=3)
        line.fault(Fault.cut(STOP))
        line.fault(Fault.status(500), times=2)
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


async def test_what_came_of_a_small_file_is_not_asked_for_again(line_of: LineOf) -> None:
    async with line_of() as line:
        line.replace(size=3_000_000)
        line.fault(Fault.cut(2_000_000))
        await line.ends_well()
        first, second = line.spans()
        assert (first, second.stop) == (Span(0, 3_000_000), 3_000_000)
        assert 0 < second.start <= 2_000_000


# From run to run.


@pytest.mark.parametrize("validator", PROOFS)
@pytest.mark.parametrize("name", [PLAIN, PACKED])
async def test_the_next_run_asks_for_the_rest_only(line_of: LineOf, name: str, validator: Validator) -> None:
    async with line_of(name=name, validator=validator) as line:
        await line.break_off()
        assert len(line.mirror.part_files()) == 1
        await line.ends_well()
        assert line.asked() == ["whole", "rest"]


async def test_a_short_beginning_is_not_kept(line_of: LineOf) -> None:
    async with line_of() as line:
        await line.break_off(at=7_000_000)
        assert line.hidden() == []
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


async def test_a_note_holds_what_the_file_is_and_no_secret(line_of: LineOf) -> None:
    async with line_of() as line:
        await line.break_off()
        (note,) = line.hidden("*.note")
        told = json.loads(note.read_bytes())
        assert told.keys() == {"format", "path", "label", "durable", "sha256"}
        assert told["label"].keys() == {"device_id", "name", "size", "validator"}
        assert (told["label"]["size"], told["label"]["name"]) == (SIZE, PLAIN)


@pytest.mark.parametrize("validator", PROOFS[:2])
async def test_a_file_that_changed_since_starts_anew(line_of: LineOf, validator: Validator) -> None:
    async with line_of(validator=validator) as line:
        await line.break_off()
        line.replace()
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


@pytest.mark.parametrize("validator", PROOFS)
async def test_a_file_that_is_listed_with_another_size_starts_anew(
    line_of: LineOf, validator: Validator
) -> None:
    async with line_of(validator=validator) as line:
        await line.break_off()
        line.replace(size=SIZE + 1)
        await line.ends_well()
        assert line.spans() == [Span(0, SIZE), Span(0, SIZE + 1)]


async def test_a_file_that_became_small_leaves_no_part(line_of: LineOf) -> None:
    async with line_of() as line:
        await line.break_off()
        line.replace(size=5_000)
        await line.ends_well()
        assert line.spans() == [Span(0, SIZE), Span(0, 5_000)]


async def test_kept_bytes_that_were_damaged_are_found_out(line_of: LineOf) -> None:
    """In a plain file, whose content could not tell."""
    async with line_of() as line:
        await line.break_off()
        (part,) = line.mirror.part_files()
        with part.open("r+b") as file:
            file.seek(STOP // 2)
            file.write(b"\xff")
        with capture_logs() as logs:
            await line.ends_well()
        assert line.asked() == ["whole", "whole"]
        assert "kept part is damaged" in [entry["event"] for entry in logs]


async def test_a_tail_that_no_note_vouches_for_is_not_trusted(line_of: LineOf) -> None:
    async with line_of() as line:
        await line.break_off()
        (part,) = line.mirror.part_files()
        with part.open("ab") as file:
            file.write(bytes(1_000_000))
        await line.ends_well()
        assert line.asked() == ["whole", "rest"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda note: note.replace(b"Truck 1/a/1.osf", b"Truck 2/a/1.osf"),
        lambda note: note.replace(b'"name":"a/1.osf"', b'"name":"a/2.osf"'),
        lambda note: note.replace(b'"size":12000000', b'"size":12000001'),
    ],
    ids=["garbled", "path", "name", "size"],
)
async def test_a_note_of_something_else_is_removed(line_of: LineOf, spoil: Callable[[bytes], bytes]) -> None:
    async with line_of() as line:
        await line.break_off()
        (note,) = line.hidden("*.note")
        before = note.read_bytes()
        note.write_bytes(spoil(before))
        assert note.read_bytes() != before
        assert (await line.sync()).exit_code is ExitCode.COMPLETE
        assert line.asked() == ["whole", "whole"]
        assert list(line.mirror.on_disk()) == ["Truck 1/a/1.osf"]


async def test_a_platform_that_gives_no_parts_any_more(
    line_of: LineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line_of() as line:
        await line.break_off()
        monkeypatch.setattr(endpoints, "span_of", lambda *_: None)
        await line.ends_well()
        assert line.asked() == ["whole", "whole"]


async def test_a_run_that_brings_nothing_keeps_what_is_here(line_of: LineOf) -> None:
    async with line_of() as line:
        await line.break_off()
        line.fault(Fault.status(502), on="download-token", times=None)
        for _ in range(2):
            assert (await line.sync()).exit_code is ExitCode.PARTIAL
        line.mirror.simulator.faults.clear()
        await line.ends_well()
        assert line.asked() == ["whole", "rest"]


async def test_a_run_that_is_stopped_leaves_the_beginning(line_of: LineOf) -> None:
    async with line_of() as line:
        line.fault(Fault.drip(6_000_000))
        async with anyio.create_task_group() as group:
            group.start_soon(line.sync)
            with anyio.fail_after(60):
                while not line.hidden("*.note"):  # noqa: ASYNC110 — nothing notifies
                    await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        (note,) = line.hidden("*.note")
        durable = json.loads(note.read_bytes())["durable"]
        await line.ends_well()
        assert line.spans() == [Span(0, SIZE), Span(durable, SIZE)]


async def begin_a_night(line: Line, folder: Path) -> Process:
    """A sync in a process of its own."""
    mirror = line.mirror
    arguments = [mirror.simulator.url, str(folder), mirror.password, mirror.world.now.isoformat()]
    return await anyio.open_process(
        [sys.executable, "-m", "tests.whole.one_night", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_a_run_that_is_killed_leaves_what_was_durable(line_of: LineOf, tmp_path: Path) -> None:
    async with line_of(name=PACKED) as line:
        line.replace(start=line.mirror.world.now - timedelta(hours=2))
        line.fault(Fault.drip(8_000_000))
        process = await begin_a_night(line, tmp_path)
        with anyio.fail_after(30):
            while not line.hidden("*.note") and process.returncode is None:  # noqa: ASYNC110 — nothing notifies
                await anyio.sleep(0.001)
        assert process.returncode is None
        process.kill()
        await process.aclose()
        (note,) = line.hidden("*.note")
        durable = json.loads(note.read_bytes())["durable"]
        assert durable >= 8_000_000
        await line.ends_well()
        assert line.spans() == [Span(0, SIZE), Span(durable, SIZE)]


async def test_runs_that_are_killed_at_any_moment_end_right_and_do_not_begin_anew(
    line_of: LineOf, tmp_path: Path
) -> None:
    rng = Random(6)
    async with line_of(name=PACKED) as line:
        now = line.mirror.world.now
        size = 40_000_000
        line.replace(size=size, start=now - timedelta(hours=2))
        line.fault(Fault.drip(40_000_000), times=None)
        for _ in range(4):
            asked = len(line.spans())
            process = await begin_a_night(line, tmp_path)
            with anyio.fail_after(30):
                while len(line.spans()) == asked and process.returncode is None:  # noqa: ASYNC110 — the simulator counts, it does not notify
                    await anyio.sleep(0.001)
            await anyio.sleep(rng.uniform(0.2, 0.6))
            process.kill()
            await process.aclose()
        line.mirror.simulator.faults.clear()
        await line.ends_well()
        starts = [span.start for span in line.spans()]
        assert starts == sorted(starts)
        assert starts[-1] > 0
