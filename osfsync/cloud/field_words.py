"""Stems of field names, by meaning and language. Data, and how well a name fits a meaning. Sans-IO.

The API page names no field of a record. Stems are compared with a name's letters, accents folded, so that
`FileName`, `file_name`, `dateiname` and `@Dateiname` are alike.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Meaning(StrEnum):
    """What a field of a record can say of a file."""

    NAME = "name"
    STATUS = "status"
    SIZE = "size"
    START = "start"
    END = "end"
    TAG = "tag"


EXACT: Final = 3
LIKELY: Final = 2
DECOY: Final = -10

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class _Stems:
    """Whole names that mean it, stems that may, whole words that may, and stems that never do."""

    exact: frozenset[str]
    stems: tuple[str, ...]
    words: frozenset[str] = frozenset()
    decoys: tuple[str, ...] = ()
    decoy_words: frozenset[str] = frozenset()


def _stems(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OTHERS = _set(
    "device devices geraet gerat channel channels kanal user users benutzer owner tenant customer kunde "
    "station vehicle fahrzeug machine maschine"
)
_TRANSFER = _stems(
    "upload transfer sync connection verbind process verarbeit prio version error fehler quality battery "
    "batterie retry attempt level severity conversion konvert valid checksum compress hochgeladen"
)

_OTHER_MOMENTS = _stems(
    "creat erstell upload hochgelad modif chang geaendert update receiv empfang expir delet geloescht access "
    "transfer request angefordert store gespeichert process import"
)

_STEMS: Final[Mapping[Meaning, _Stems]] = {
    Meaning.NAME: _Stems(
        exact=_set(
            "filename name file path filepath fullname fullpath dateiname datei dateipfad pfad logfile "
            "nomfichier fichier nomdufichier nombrearchivo nombrefichero archivo fichero nomefile recording "
            "recordingname aufzeichnung filenames"
        ),
        stems=_stems(
            "file datei fichier archivo fichero name nombre path pfad chemin ruta recording aufnahme "
            "aufzeichnung"
        ),
        words=_set("nom nome log osf"),
        decoys=_stems(
            "title titel label caption comment kommentar descri beschreib original source quelle "
            "previous vorher thumb folder directory verzeichnis ordner display anzeige parent local "
            "target ziel"
        ),
        decoy_words=_OTHERS
        | _set(
            "id uuid guid key hash md5 sha sha1 sha256 crc url uri link href type typ mime "
            "ext extension old alt new neu tmp temp size groesse status state time count"
        ),
    ),
    Meaning.STATUS: _Stems(
        exact=_set(
            "status state zustand etat estado stato statut filestatus filestate dateistatus ort where"
        ),
        stems=_stems(
            "storagestat storage speicherstatus speicherort lagerort ablage status state zustand "
            "statut location availab verfuegbar disponib"
        ),
        words=_set("etat estado stato place lieu presence"),
        decoys=_TRANSFER,
        decoy_words=_OTHERS
        | _set(
            "id type typ count anzahl index number nummer time date datum size groesse source "
            "category kategorie class gps fix rssi year"
        ),
    ),
    Meaning.SIZE: _Stems(
        exact=_set(
            "filesize size bytes length dateigroesse groesse laenge taille tamano dimensione filelength "
            "sizebytes sizeinbytes dateilaenge contentlength filebytes grosse"
        ),
        stems=_stems("size groesse grosse taille tamano bytes laenge length"),
        decoys=_stems(
            "compress komprim packed zip unpack entpackt raw original block chunk page duration "
            "dauer disk allocated max min"
        ),
        decoy_words=_OTHERS | _set("kb mb gb kib mib name"),
    ),
    Meaning.START: _Stems(
        exact=_set(
            "starttime start from begin begintime startts starttimestamp startdate startdatetime startzeit "
            "beginn anfang von startzeitpunkt debut inicio fromtime begindate startutc"
        ),
        stems=("start", "begin", "anfang", "debut", "inicio"),
        words=_set("from von since ab de desde timestamp zeitstempel recorded time zeit ts"),
        decoys=_OTHER_MOMENTS,
        decoy_words=_OTHERS | _set("end ende bis to last stop fin ms"),
    ),
    Meaning.END: _Stems(
        exact=_set(
            "endtime end to stop stoptime endts endtimestamp enddate enddatetime endzeit ende bis fin "
            "endzeitpunkt till until totime enddate endutc"
        ),
        stems=("end", "stop", "until", "schluss"),
        words=_set("to till bis ende fin a hasta"),
        decoys=(*_OTHER_MOMENTS, "send", "vendor", "calend", "pend"),
        decoy_words=_OTHERS | _set("start begin von from"),
    ),
    Meaning.TAG: _Stems(
        exact=_set("tag timeline category kategorie categorie categoria"),
        stems=("timeline", "categor", "kategor"),
        words=_set("tag"),
        decoy_words=_OTHERS,
    ),
}

_STORAGE = ("storage", "speicher", "lagerort", "ablage")
"""Stems that name the storage status better than any plain `status`."""


@lru_cache(maxsize=1024)
def name_score(path: str, meaning: Meaning) -> int:
    """How well a field's name fits a meaning: EXACT and more, LIKELY, 1, 0 for no sign, DECOY for another."""
    parts = [part for part in path.split("/") if part and part != "#text"]
    if not parts:
        return 0
    score = _score_of(parts[-1], meaning)
    if len(parts) > 1 and score >= 0:  # a holder such as File or Storage says what its fields are about
        whole = _score_of(parts[-2] + parts[-1][:1].upper() + parts[-1][1:], meaning)
        score = max(score, min(_score_of(parts[-2], meaning), LIKELY), whole) if whole > DECOY else DECOY
    return score


def _score_of(name: str, meaning: Meaning) -> int:
    stems = _STEMS[meaning]
    words = words_of(name)
    letters = "".join(words)
    if meaning is Meaning.STATUS and any(stem in letters for stem in _STORAGE):
        return DECOY if any(stem in letters for stem in stems.decoys) else EXACT + 1
    if letters in stems.exact:
        return EXACT
    if any(stem in letters for stem in stems.decoys) or not stems.decoy_words.isdisjoint(words):
        return DECOY
    if any(stem in letters for stem in stems.stems):
        return LIKELY
    return 0 if stems.words.isdisjoint(words) else 1


@lru_cache(maxsize=1024)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a field's name in lower case, without prefix and accents."""
    plain = name.rpartition(":")[2].lstrip("@")
    for letter, letters in (
        ("ä", "ae"),
        ("ö", "oe"),
        ("ü", "ue"),
        ("ß", "ss"),
        ("Ä", "Ae"),
        ("Ö", "Oe"),
        ("Ü", "Ue"),
    ):
        plain = plain.replace(letter, letters)
    decomposed = unicodedata.normalize("NFKD", plain)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return tuple(word.lower() for word in _WORD.findall(plain))


_FOLDER_WORDS = _set("folder directory dir verzeichnis ordner dossier repertoire carpeta subfolder")
_EXTENSION_WORDS = _set("extension ext suffix endung dateiendung filetype fileextension type typ format")
_UNIT_WORDS = _set("unit einheit unite unidad")


def is_folder(path: str) -> bool:
    """Whether a field's name is that of a folder."""
    return not _FOLDER_WORDS.isdisjoint(words_of(path.rpartition("/")[2]))


def is_extension(path: str) -> bool:
    """Whether a field's name may be that of a file name's extension."""
    words = words_of(path.rpartition("/")[2])
    return not _EXTENSION_WORDS.isdisjoint((*words, "".join(words)))


def is_unit(path: str) -> bool:
    """Whether a field's name is that of a unit."""
    return not _UNIT_WORDS.isdisjoint(words_of(path.rpartition("/")[2]))
