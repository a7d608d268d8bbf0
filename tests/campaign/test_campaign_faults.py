"""The fault campaign in short: short waits between tries, and an eighth of the troubles that pass.

Every other case takes the seed by which small files come several at once.
"""

from itertools import cycle
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from osfsync.cloud import login, patience
from tests.campaign.fault_case import Case
from tests.campaign.fault_cases import CASES
from tests.campaign.fault_verdict import judge

PASSING = [case for case in CASES if case.name.endswith(", once")]
SHORT = [case for case in CASES if case not in PASSING] + PASSING[::8]


@pytest.mark.parametrize(
    ("case", "seed"), list(zip(SHORT, cycle((1, 2)), strict=False)), ids=[case.name for case in SHORT]
)
async def test_case(case: Case, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "FRESH", 0.2)
    waits = {"_FIRST": 0.02, "_SOONEST": 0.01, "_LATEST_SOON": 0.05, "_FIRST_PUT_OFF": 0.02}
    for name, seconds in waits.items():
        assert getattr(patience, name) > seconds
        monkeypatch.setattr(patience, name, seconds)
    with capture_logs():
        verdict = await judge(case, seed, tmp_path)
    told = [f"expected {case.expected}", f"seen {verdict.seen}", *verdict.complaints]
    assert not verdict.complaints, "\n".join(told)


def test_no_two_cases_share_a_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
