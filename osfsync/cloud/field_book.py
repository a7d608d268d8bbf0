"""Which fields the records of one kind of list have, over all lists of a run and from run to run. Sans-IO."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from osfsync.cloud.field_words import Meaning
from osfsync.cloud.layout import AmbiguousFieldsError, Layout, ServerNames, rows_of, shown, spelling
from osfsync.cloud.recognition import SAMPLE, recognize
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ProtocolError
from osfsync.domain.list_fields import FieldChoice
from osfsync.domain.model import ListingSource, TimeWindow

_MOST_LAYOUTS = 8

CHECKED = 20
"""Records of a list that are compared with a layout that is already known."""


@dataclass(slots=True)
class FieldBook:
    """The layout of one kind of list of one tenant, shared by all readers of a run.

    Attributes:
        source: the list.
        section: where the user names its fields, such as `cloud.fields.xml`.
        names: the user's own choice of fields.
        expected: paths that earlier runs chose, by meaning; empty where the field can't be used.
        changes: number of lists without the fields of the others.
    """

    source: ListingSource
    section: str
    names: ListFields = field(default_factory=ListFields)
    expected: Mapping[str, str] = field(default_factory=dict)
    changes: int = 0
    _layouts: list[Layout] = field(default_factory=list)

    @property
    def layout(self) -> Layout | None:
        """What the first list showed; None before the first record."""
        return self._layouts[0] if self._layouts else None

    @property
    def choices(self) -> list[FieldChoice]:
        """What is in force, for later runs. The user's own choices stand in the configuration."""
        if self.layout is None:
            return []
        chosen = [
            FieldChoice(self.source, meaning.value, found.path, found.fits, found.records)
            for meaning, found in self.layout.fields.items()
            if getattr(self.names, meaning.value) is None
        ]
        return [*chosen, *(FieldChoice(self.source, meaning, "") for meaning in self._unusable())]

    def distrust_sizes(self) -> None:
        """Stop using the sizes of this list: they are not those of the files' bytes."""
        self._layouts = [_without_size(layout) for layout in self._layouts]
        self.expected = {**self.expected, Meaning.SIZE.value: ""}

    def _unusable(self) -> list[str]:
        return [meaning for meaning, path in self.expected.items() if not path]

    def settle(
        self,
        records: Sequence[object],
        what: str,
        *,
        window: TimeWindow | None,
        server: ServerNames | None,
        needs_status: bool,
    ) -> Layout:
        """The layout of these records, which are the first of a list.

        A list without the fields of the others is read by its own only where their names can mean nothing
        else; `changes` counts such lists.

        Raises ProtocolError where needed fields are ambiguous, absent, or no longer those of other lists.
        """
        needed = (Meaning.NAME, Meaning.STATUS) if needs_status else (Meaning.NAME,)
        rows = rows_of(records[: SAMPLE if self.layout is None else CHECKED])
        spelled = {spelling(path) for row in rows for path in row}
        for layout in self._layouts:
            if all(spelling(layout.path(meaning) or "") in spelled for meaning in needed):
                return layout
        kept = {m: path for m, path in self._kept().items() if spelling(path) in spelled}
        gone = next((m for m in needed if m in self._kept() and m not in kept), None)
        if self.layout is not None:
            gone = gone or next(
                (m for m in needed if spelling(self.layout.path(m) or "") not in spelled), None
            )
        try:
            layout = recognize(
                rows_of(records[:SAMPLE]),
                msgspec.structs.replace(self.names, **{m.value: path for m, path in kept.items()}),
                window=window,
                server=server,
                needs_status=needs_status,
            )
        except AmbiguousFieldsError as error:
            raise ProtocolError(
                f"The {what} {error}.", hint=f"Add to sync.toml under [{self.section}]: {error.line}"
            ) from None
        if gone is not None and not layout.is_plain:
            raise self._changed(what, gone, rows)
        self.changes += gone is not None
        if self.names.size is None and Meaning.SIZE.value in self._unusable():
            layout = _without_size(layout)
        if len(self._layouts) < _MOST_LAYOUTS:
            self._layouts.append(layout)
        return layout

    def _kept(self) -> dict[Meaning, str]:
        """Fields that earlier runs chose, but for those that the user chooses."""
        return {
            meaning: self.expected[meaning.value]
            for meaning in Meaning
            if self.expected.get(meaning.value) and getattr(self.names, meaning.value) is None
        }

    def _changed(self, what: str, meaning: Meaning, rows: Sequence[Mapping[str, object]]) -> ProtocolError:
        path = self._kept().get(meaning) or (self.layout and self.layout.path(meaning))
        fields = shown({spelling(name): name for row in rows for name in row}.values())
        return ProtocolError(
            f"The {what} has no field {path!r}, from which the {meaning.value} was read so far; "
            f"it holds these fields: {fields}.",
            hint=f"If the platform has changed, name its field under [{self.section}]: {meaning.value} = …",
        )


def _without_size(layout: Layout) -> Layout:
    fields = dict(layout.fields)
    fields.pop(Meaning.SIZE, None)
    return replace(layout, fields=fields)
