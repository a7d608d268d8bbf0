"""Which field of a record means what, decided by evidence: names of fields and the values of all records.

Pure. The API page names no field of a file record. A clear winner is used; a tie, or no candidate, for what
is needed (name, storage status) is refused with the candidates. Size, times and tag are extra: without a
clear field they are unknown.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from osfsync.cloud.field_times import find_times, settle_zone, time_style
from osfsync.cloud.field_values import (
    STATUS_WORDS,
    folded,
    number_of,
    scalar_of,
    status_of,
)
from osfsync.cloud.field_words import (
    DECOY,
    EXACT,
    LIKELY,
    Meaning,
    is_extension,
    is_folder,
    is_unit,
    name_score,
)
from osfsync.cloud.layout import (
    FITS,
    PROOF,
    Candidate,
    Columns,
    Found,
    Layout,
    Row,
    ServerNames,
    best_name,
    refusal_of,
    spelling,
)
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.recording_name import plain_name

SAMPLE: Final = 100
"""Records of one list that are looked at before the first is used."""

_DISPROOF: Final = 0.6
_FEWEST_FOR_PROOF: Final = 3
_EXTENSIONS = frozenset({"osf", "osfz"})
_RECORDING = re.compile(r"[^./\\]\.osfz?\s*$", re.IGNORECASE)


def recognize(
    rows: Sequence[Row],
    names: ListFields,
    *,
    window: TimeWindow | None = None,
    server: ServerNames | None = None,
    needs_status: bool = True,
) -> Layout:
    """What the fields of these records mean.

    Args:
        rows: records of one list, or of several devices' lists of one kind.
        names: the user's own choice of fields; it goes before any evidence.
        window: the period that was asked for: times far from it are no times.
        server: names that the server's own list has, where it was read before.
        needs_status: whether the list must say where a file lies.

    Raises:
        AmbiguousFieldsError: two fields fit equally well as name or storage status, or none does.
    """
    columns = Columns(rows, names)
    name = _name(columns, server)
    fields: dict[Meaning, Found] = {Meaning.NAME: name.found(len(rows))}
    words = {**STATUS_WORDS, **words_of_setting(names.status_values)}
    status = _status(columns, words, name, server, needed=needs_status)
    if status is not None:
        fields[Meaning.STATUS] = status.found(len(rows))
    taken = {name.path} | ({status.path} if status else set())
    notes: list[str] = []
    size = _size(columns, taken, notes)
    if size is not None:
        fields[Meaning.SIZE] = size.found(len(rows))
        taken.add(size.path)
    style = time_style(columns, names)
    times = find_times(columns, taken, style, window)
    style, times = settle_zone(names, style, times, name, server, notes)
    fields |= {meaning: found.found(len(rows)) for meaning, found in times.items()}
    taken |= {found.path for found in times.values()}
    tag = best_name(
        columns.candidates(Meaning.TAG, lambda value: scalar_of(value) is not None), taken, LIKELY
    )
    if tag is not None:
        fields[Meaning.TAG] = tag.found(len(rows))
    return Layout(fields, style, words, tuple(notes))


def words_of_setting(values: Sequence[str]) -> dict[str, StorageStatus]:
    """The user's own words for storage statuses, such as "auf Server = 2". Raises ConfigError."""
    words = {}
    for value in values:
        word, _, code = value.rpartition("=")
        if not word.strip() or code.strip() not in {"0", "1", "2", "3"}:
            raise ConfigError(
                f"cloud.fields.xml.status_values holds {value!r}.",
                hint='Each entry is a word of the platform and its status, such as "on device = 0".',
            )
        words[folded(word)] = StorageStatus(int(code))
    return words


def _name(columns: Columns, server: ServerNames | None) -> Candidate:
    candidates = columns.candidates(Meaning.NAME, lambda value: scalar_of(value) is not None)
    if columns.names.name is not None:
        return candidates[0]
    ends = {c.path: sum(_RECORDING.search(text) is not None for text in c.texts if text) for c in candidates}
    most = max(ends.values(), default=0)
    recordings = [c for c in candidates if ends[c.path] >= FITS * max(most, 1)]
    if most * 2 < len(columns.rows):
        recordings = [c for c in candidates if c.score >= EXACT and "/" not in c.path]
        exact = next(
            (c for alias in ("filename", "name") for c in recordings if spelling(c.path) == alias), None
        )
        recordings = recordings if exact is None else [exact]
    recordings = [c for c in recordings if _may_be_names(c)]
    plain = [c for c in recordings if c.score > DECOY] or (recordings if len(recordings) == 1 else [])
    if not plain or _is_in_parts(columns, plain):
        raise refusal_of(Meaning.NAME, "file name", columns, recordings)
    return _choose_name(columns, plain, server)


def _may_be_names(candidate: Candidate) -> bool:
    """Not addresses, and not the same text in all records, unless the field can be nothing else."""
    texts = [text for text in candidate.texts if text]
    alike = len(texts) > 1 and len(set(texts)) == 1
    if alike and not (spelling(candidate.path) == "filename" or _RECORDING.search(texts[0])):
        return False
    return not all("://" in text for text in texts)


def _is_in_parts(columns: Columns, candidates: Sequence[Candidate]) -> bool:
    """Whether folders or extensions of the names stand in fields of their own."""
    flat = not any("/" in text or "\\" in text for c in candidates for text in c.texts if text)
    bare = not any(_RECORDING.search(text) for c in candidates for text in c.texts if text)

    def holds(path: str) -> bool:
        texts = [text for value in columns.values(path) if (text := scalar_of(value))]
        if flat and is_folder(path):
            return bool(texts)
        return bare and is_extension(path) and all(text.lstrip(".").lower() in _EXTENSIONS for text in texts)

    return any(holds(path) for path in columns.paths.values())


def _choose_name(columns: Columns, plain: list[Candidate], server: ServerNames | None) -> Candidate:
    if len(plain) > 1 and server is not None and server.starts:
        hits = {c.path: sum(plain_name(text) in server.starts for text in c.texts if text) for c in plain}
        best = max(hits.values())
        if best and (named := [c for c in plain if hits[c.path] == best]):
            plain = named
    ranked = sorted(plain, key=lambda c: (-c.score, spelling(c.path) != "filename"))
    full = next((c for c in ranked if all(c is d or _holds(c, d) for d in ranked)), None)
    if full is None:
        raise refusal_of(Meaning.NAME, "file name", columns, ranked)
    return full


def _holds(full: Candidate, base: Candidate) -> bool:
    """Whether one field is the same name as another, perhaps with its folders."""
    return all(
        a == b or (a is not None and b is not None and plain_name(a).endswith("/" + plain_name(b)))
        for a, b in zip(full.texts, base.texts, strict=True)
    )


def _status(
    columns: Columns,
    words: Mapping[str, StorageStatus],
    name: Candidate,
    server: ServerNames | None,
    *,
    needed: bool,
) -> Candidate | None:
    """The storage status: fits 0 to 3 or known words in all records but one of a hundred, or but one."""
    candidates = [
        c
        for c in columns.candidates(Meaning.STATUS, lambda value: status_of(value, words) is not None)
        if c.path != name.path and _is_clean(c)
    ]
    if columns.names.status is not None:
        return candidates[0] if candidates else None
    scored = sorted(
        ((_status_score(c, words, name, server), c) for c in candidates if c.score > DECOY),
        key=lambda pair: -pair[0],
    )
    better = [
        path
        for path in columns.paths.values()
        if path not in {c.path for c in candidates} | {name.path}
        and name_score(path, Meaning.STATUS) > (scored[0][1].score if scored else EXACT)
        and any(scalar_of(value) is not None for value in columns.values(path))
    ]
    if not needed:
        return _status_of_server_list(scored, words)
    if not scored or scored[0][0] < EXACT or better:
        seen = [c for _, c in scored] or candidates
        raise refusal_of(Meaning.STATUS, "storage status (0 to 3)", columns, seen)
    (best, first), rest = scored[0], scored[1:]
    constant = len(set(_statuses(first, words)) - {None}) == 1 and len(columns.rows) > 1
    least = min(best, LIKELY) if constant else best  # a constant is weak evidence
    ties = [c for score, c in rest if score >= least and _statuses(c, words) != _statuses(first, words)]
    if ties:
        raise refusal_of(Meaning.STATUS, "storage status (0 to 3)", columns, [first, *ties])
    return first


def _status_of_server_list(
    scored: Sequence[tuple[int, Candidate]], words: Mapping[str, StorageStatus]
) -> Candidate | None:
    """A status that the server's own list need not have: one that varies, or is named after the storage."""
    for score, candidate in scored:
        varies = len(set(_statuses(candidate, words)) - {None}) > 1
        if candidate.score > EXACT or (score >= EXACT and varies):
            return candidate
    return None


def _is_clean(candidate: Candidate) -> bool:
    present = sum(text is not None for text in candidate.texts)
    if "4" in candidate.texts and "0" not in candidate.texts:  # 1 to 4 in place of 0 to 3
        return False
    return present - candidate.fits <= max(1, present // 100)


def _statuses(candidate: Candidate, words: Mapping[str, StorageStatus]) -> list[StorageStatus | None]:
    return [status_of(text, words) for text in candidate.texts]


def _status_score(
    candidate: Candidate, words: Mapping[str, StorageStatus], name: Candidate, server: ServerNames | None
) -> int:
    statuses = _statuses(candidate, words)
    score = candidate.score + (len(set(statuses) - {None}) > 1)
    if server is None or not server.complete:
        return score
    agree = {True: [0, 0], False: [0, 0]}  # named by the server's list: agreeing, all
    for text, status in zip(name.texts, statuses, strict=True):
        if text is not None and status is not None:
            named = plain_name(text) in server.starts
            agree[named][0] += status.on_server == named
            agree[named][1] += 1
    if min(agree[True][1], agree[False][1]) < _FEWEST_FOR_PROOF:
        return score
    share = sum(pair[0] for pair in agree.values()) / sum(pair[1] for pair in agree.values())
    if share >= PROOF:
        return score + EXACT
    return score - EXACT if share < _DISPROOF else score


def _size(columns: Columns, taken: Collection[str], notes: list[str]) -> Candidate | None:
    if columns.names.size_unit not in {None, "bytes"}:
        notes.append("sizes are not in bytes, and are not used")
        return None
    size = best_name(
        columns.candidates(Meaning.SIZE, lambda value: number_of(value) is not None), taken, LIKELY
    )
    if size is None or columns.names.size is not None:
        return size
    for path in columns.paths.values():
        if path.startswith(f"{size.path}/") and is_unit(path):
            notes.append(f"sizes in field {size.path} have a unit of their own, and are not used")
            return None
    lengths = "size" not in spelling(size.path) and "byte" not in spelling(size.path)
    alike = len(columns.rows) > 1 and len(set(size.texts)) == 1
    return None if lengths and alike else size
