"""What a verification found, in words."""

from dataclasses import replace

import pytest

from osfsync.domain.model import Held, Verification
from osfsync.domain.verdict import (
    Absent,
    Check,
    Damage,
    Examined,
    Finding,
    HeldFile,
    Odd,
    Queued,
    Sight,
    Stranger,
    Stuck,
    Unreadable,
    Verdict,
)
from osfsync.reports.renderers import renderer
from osfsync.reports.verify import (
    LEFT_SHOWN,
    VERIFIED,
    LeftModel,
    RepairModel,
    VerificationModel,
    explain,
    failed_check,
    stranger_model,
    verification_tail,
    verified_model,
)
from tests.reports.reports_samples import NOW, TRUCK

FILE = HeldFile(TRUCK, "a.osf", "Truck 1/a.osf", Held(1_000, "ab" * 32, NOW, Verification.WHOLE))
SAME = Examined(1_000, "ab" * 32, 0.0, Verification.WHOLE)
DAMAGE = Damage("gzip-end", "The gzip stream ends before its end marker.")


def found(sight: Sight) -> Finding:
    return Finding(FILE, sight, (Check.LENGTH, Check.SHA256) if isinstance(sight, Examined) else ())


@pytest.mark.parametrize(
    ("sight", "verdict", "check", "words"),
    [
        (Absent(), Verdict.MISSING, "missing", "Nothing lies at its path."),
        (Odd("a folder"), Verdict.MISSING, "missing", "In its place lies a folder."),
        (Unreadable("Input/output error"), Verdict.UNREADABLE, "unreadable", "Input/output error."),
        (
            replace(SAME, size=900),
            Verdict.CHANGED,
            "length",
            "It has 900 bytes, 1,000 were held. Its structure",
        ),
        (
            replace(SAME, sha256="cd" * 32),
            Verdict.CHANGED,
            "sha256",
            "SHA-256 is cdcdcdcdcdcd…, abababababab…",
        ),
        (replace(SAME, sha256="cd" * 32, content=DAMAGE), Verdict.CHANGED, "sha256", "damaged (gzip-end)"),
        (
            replace(SAME, size=9, content=Verification.TAIL_CUT),
            Verdict.CHANGED,
            "length",
            "sound up to its end",
        ),
        (
            replace(SAME, size=9, content=Verification.HEADER),
            Verdict.CHANGED,
            "length",
            "Its header is sound",
        ),
        (replace(SAME, size=9, content=Verification.LENGTH), Verdict.CHANGED, "length", "no OSF file by its"),
        (replace(SAME, content=DAMAGE), Verdict.DAMAGED, "sha256", "the very bytes that came"),
    ],
)
def test_what_is_wrong_is_told(sight: Sight, verdict: Verdict, check: str, words: str) -> None:
    finding = found(sight)
    assert finding.verdict is verdict
    assert verdict.is_broken is (verdict is not Verdict.DAMAGED)
    assert failed_check(finding) == check
    assert words in explain(finding)


@pytest.mark.parametrize("content", list(Verification))
def test_what_is_fine_needs_no_words(content: Verification) -> None:
    finding = found(replace(SAME, content=content))
    assert (finding.verdict, explain(finding)) == (Verdict.OK, "")
    assert verified_model(finding).checked == ("length", "sha256")


def test_what_was_done_is_told() -> None:
    finding = found(replace(SAME, size=9))
    assert explain(finding, Queued("/mirror/x")).endswith(" What lay there was moved to /mirror/x.")
    assert explain(found(Absent()), Queued(None)) == "Nothing lies at its path."
    assert explain(finding, Stuck("Why.")).endswith(" It could not be repaired: Why.")


def test_strangers() -> None:
    nobodys = stranger_model(Stranger("x", "a file", 0.0))
    assert (nobodys.device, nobodys.name, nobodys.verdict) == (None, None, "extra")
    assert nobodys.explanation == "No file that is known has this path."
    known = stranger_model(Stranger("Truck 1/a.osf", "a file", 0.0, (TRUCK, "a.osf")))
    assert (known.device, known.device_id, known.name) == (TRUCK.name, TRUCK.id, "a.osf")
    assert "takes this over" in known.explanation
    assert "a symbolic link" in stranger_model(Stranger("x", "a symbolic link", 0.0)).explanation


def model(repair: RepairModel | None = None, **told: object) -> VerificationModel:
    whole = VerificationModel(
        totals={"ok": 2, "changed": 1},
        sample=None,
        sample_number=None,
        extra_looked_for=True,
        complete=True,
        exit_code=0,
        error=None,
        repair=repair,
    )
    return replace(whole, **told)  # type: ignore[arg-type]  # a test may tell anything


def test_the_tail_tells_the_sums() -> None:
    tail = verification_tail(model())
    assert tail.lines == ("3 files: 2 ok, 1 changed.",)
    assert tail.fields["totals"] == {"ok": 2, "changed": 1}
    sampled = verification_tail(model(sample="5%", sample_number=7, complete=False, totals={}))
    assert sampled.lines == (
        "A sample of 5% (number 7) was read.",
        "It was ended before its time: not everything was read.",
        "0 files.",
    )


def test_the_tail_tells_what_is_not_back_as_far_as_a_person_reads() -> None:
    left = LeftModel("Truck 1", "0b1c", "a.osf", "Truck 1/a.osf", "Gone.", "lost", "It vanished.", "None.")
    repair = RepairModel(queued=60, back=10, left=50, stuck=1, files=(left,) * 30)
    told = verification_tail(model(repair)).lines
    assert told[1] == "60 files to be fetched again: 10 back, 50 not yet; 1 could not be touched."
    assert sum(line.startswith("Not back: a.osf of Truck 1 (lost).") for line in told) == LEFT_SHOWN
    assert told[-1].startswith("And 30 more")
    assert len(verification_tail(model(RepairModel(0, 0, 0, 0, ()))).lines) == 1


@pytest.mark.parametrize("format_name", ["table", "json", "csv"])
def test_rows_in_every_format(format_name: str) -> None:
    drawing = renderer(format_name, VERIFIED)
    rows = [
        verified_model(found(replace(SAME, sha256="cd" * 32))),
        stranger_model(Stranger("odd\\udcff", "a file", 0.0)),
    ]
    text = drawing.begin() + drawing.rows(rows) + drawing.end(verification_tail(model()))
    assert "odd\\" in text
    assert "changed" in text
    assert "length" in text
    assert "sha256" in text
