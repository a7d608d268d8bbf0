"""The fault campaign in short: one seed, short waits between tries, an eighth of the troubles that pass."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from osfsync.cloud import sender
from tests.campaign.fault_case import Case
from tests.campaign.fault_cases import CASES
from tests.campaign.fault_verdict import judge

PASSING = [case for case in CASES if case.name.endswith(", once")]
SHORT = [case for case in CASES if case not in PASSING] + PASSING[::8]


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
async def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_FIRST_WAIT", 0.02)
    monkeypatch.setattr(sender, "_JITTER", 0.05)
    with capture_logs():
        verdict = await judge(case, 1, tmp_path)
    told = [f"expected {case.expected}", f"seen {verdict.seen}", *verdict.complaints]
    assert not verdict.complaints, "\n".join(told)


def test_no_two_cases_share_a_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
