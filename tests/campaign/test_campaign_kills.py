"""The kill campaign in short, and that its eyes see what they look for."""

import sys
from pathlib import Path

import pytest

from tests.campaign.kills import conduct
from tests.campaign.power import calls_of, trace_of, wrong_orders
from tests.conftest import skip_unless_all_is_required

ROOT = Path("/m")
OPEN = ('1 openat(AT_FDCWD, "/m/.part/1", O_WRONLY) = 5', '1 openat(AT_FDCWD, "/m/s.db-wal", O_RDWR) = 6')
WRITE = '1 write(5, "OSF4", 4) = 4'
FLUSH = "1 fsync(5) = 0"
RESUMED = "1 <... fsync resumed>) = 0"
RENAME = '1 rename("/m/.part/1", "/m/d/a.osf") = 0'
FOLDER = ('1 openat(AT_FDCWD, "/m/d", O_RDONLY) = 7', "1 fsync(7) = 0")
ROW = '1 pwrite64(6, "..abc123..", 4096, 0) = 4096'


def told(*lines: str) -> list[str]:
    return list(wrong_orders(trace_of(calls_of(lines)), {"d/a.osf": "abc123"}, ROOT))


def test_the_right_order_is_right() -> None:
    assert told(*OPEN, WRITE, FLUSH, RENAME, *FOLDER, ROW) == []
    assert told(*OPEN, WRITE, "1 syncfs(9) = 0", RENAME, "1 syncfs(9) = 0", ROW) == []
    padded = [line.replace(" ", "     ", 1) for line in (*OPEN, WRITE, FLUSH, RENAME, *FOLDER, ROW)]
    assert told(*padded) == []  # process ids stand in a column


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ((*OPEN, WRITE, RENAME, FLUSH, *FOLDER, ROW), "before its bytes were durable"),
        ((*OPEN, FLUSH, WRITE, RENAME, *FOLDER, ROW), "before its bytes were durable"),
        ((*OPEN, WRITE, "1 fsync(5) = -1 EIO", RENAME, *FOLDER, ROW), "before its bytes were durable"),
        (
            (*OPEN, WRITE, "1 fsync(5 <unfinished ...>", f"2{RENAME[1:]}", RESUMED, *FOLDER, ROW),
            "before its bytes were durable",
        ),
        ((*OPEN, WRITE, FLUSH, ROW, RENAME, *FOLDER), "before it had its name"),
        ((*OPEN, WRITE, FLUSH, RENAME, ROW, *FOLDER), "before its name was durable"),
        ((*OPEN, WRITE, FLUSH, ROW), "no rename was seen"),
        ((*OPEN, WRITE, FLUSH, RENAME, *FOLDER), "no row was seen"),
    ],
)
def test_a_wrong_order_is_found(lines: tuple[str, ...], wrong: str) -> None:
    assert any(wrong in complaint for complaint in told(*lines))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
async def test_a_short_campaign_is_green() -> None:
    lines = await conduct(seed=1, kills=4, files=120)
    assert [line for line in lines if line.green is False] == []
    for line in lines:
        if line.green is None:
            skip_unless_all_is_required(line.seen)
