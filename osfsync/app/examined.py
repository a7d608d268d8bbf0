"""What one check of `doctor` found."""

from dataclasses import dataclass
from typing import Literal

from osfsync.domain.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `exit_code` is what a sync would end with for it."""

    grade: Literal["ok", "warning", "error"]
    subject: str
    text: str
    exit_code: ExitCode = ExitCode.COMPLETE
