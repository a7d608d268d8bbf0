"""Wordings of records that the API page leaves open: each is read right or refused; none is misread."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from osfsync.cloud.filelist import read_file_list
from osfsync.domain.errors import ConfigError, ProtocolError
from osfsync.domain.model import DataFile, StorageStatus, TimeWindow
from tests.cloud.cloud_readers import device_reader, server_reader

BEGIN = datetime(2025, 6, 26, 6, 41, 43, tzinfo=UTC)
WINDOW = TimeWindow(BEGIN - timedelta(days=5), BEGIN + timedelta(days=5))
STATUSES = (0, 1, 2, 3, 0, 2)


class Rec:
    """One recording of the sample."""

    def __init__(self, index: int, status: int) -> None:
        self.status = status
        self.start = BEGIN + timedelta(hours=index)
        self.end = self.start + timedelta(minutes=30)
        self.base = f"{self.start:%Y%m%d_%H%M%S}.osfz"
        self.folder = f"{self.start:%Y%m%d}"
        self.name = f"{self.folder}/{self.base}"
        self.size = 40_000 + 1_234 * index
        self.index = index

    @property
    def s(self) -> int:
        return int(self.start.timestamp())

    @property
    def e(self) -> int:
        return int(self.end.timestamp())


RECS = [Rec(index, status) for index, status in enumerate(STATUSES)]
Body = Callable[[Rec], str]


def el(**fields: object) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())


def std(r: Rec, **more: object) -> str:
    return el(FileName=r.name, Status=r.status, FileSize=r.size, StartTime=r.s, EndTime=r.e) + el(**more)


WORDS_EN = ("device only", "requested", "server only", "both")
WORDS_CAMEL = ("onDevice", "pending", "onServer", "deviceAndServer")
WORDS_DE = ("nur auf Gerät", "angefordert", "nur auf Server", "Gerät und Server")

READ: dict[str, Body] = {
    "plain": std,
    "german": lambda r: el(Dateiname=r.name, Speicherstatus=r.status, Groesse=r.size, Beginn=r.s, Ende=r.e),
    "umlauts": lambda r: el(Dateiname=r.name, Zustand=r.status, Größe=r.size, Von=r.s, Bis=r.e),
    "french": lambda r: el(nom=r.name, etat=r.status, taille=r.size, debut=r.s, fin=r.e),
    "spanish": lambda r: el(nombre=r.name, estado=r.status, tamano=r.size, inicio=r.s, fin=r.e),
    "file": lambda r: el(File=r.name, State=r.status, Bytes=r.size, First=r.s, Last=r.e),
    "path": lambda r: el(Path=r.name, Location=r.status, Length=r.size, From=r.s, To=r.e),
    "pfad": lambda r: el(Pfad=r.name, Ort=r.status, Laenge=r.size, Von=r.s, Bis=r.e),
    "datei": lambda r: el(Datei=r.name, Ablage=r.status, Groesse=r.size, Start=r.s, Ende=r.e),
    "storage": lambda r: el(Name=r.name, Storage=r.status, Size=r.size, Start=r.s, End=r.e),
    "snake": lambda r: el(file_name=r.name, storage_status=r.status, file_size=r.size, start_time=r.s),
    "padded status": lambda r: el(FileName=r.name, Status=f"0{r.status}", FileSize=r.size, StartTime=r.s),
    "blank status": lambda r: el(FileName=r.name, Status=f" {r.status} ", FileSize=r.size, StartTime=r.s),
    "float status": lambda r: el(FileName=r.name, Status=f"{r.status}.0", FileSize=r.size, StartTime=r.s),
    "english words": lambda r: el(FileName=r.name, Status=WORDS_EN[r.status], FileSize=r.size),
    "camel words": lambda r: el(FileName=r.name, Status=WORDS_CAMEL[r.status], FileSize=r.size),
    "german words": lambda r: el(FileName=r.name, Status=WORDS_DE[r.status], FileSize=r.size),
    "upper words": lambda r: el(FileName=r.name, Status=WORDS_EN[r.status].upper().replace(" ", "_")),
    "code and words": lambda r: el(FileName=r.name, Status=f"{r.status} - {WORDS_EN[r.status]}"),
    "status text beside": lambda r: std(r, StatusText=WORDS_EN[r.status]),
    "milliseconds": lambda r: el(FileName=r.name, Status=r.status, StartTime=r.s * 1000, EndTime=r.e * 1000),
    "microseconds": lambda r: el(
        FileName=r.name, Status=r.status, StartTime=r.s * 10**6, EndTime=r.e * 10**6
    ),
    "iso z": lambda r: el(FileName=r.name, Status=r.status, StartTime=f"{r.start:%Y-%m-%dT%H:%M:%SZ}"),
    "iso offset": lambda r: el(FileName=r.name, Status=r.status, StartTime=r.start.isoformat()),
    "iso bare": lambda r: el(FileName=r.name, Status=r.status, StartTime=f"{r.start:%Y-%m-%dT%H:%M:%S}"),
    "german dates": lambda r: el(FileName=r.name, Status=r.status, Beginn=f"{r.start:%d.%m.%Y %H:%M:%S}"),
    "delphi days": lambda r: el(
        FileName=r.name,
        Status=r.status,
        StartTime=f"{(r.start - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1):.10f}",
    ),
    "device name": lambda r: std(r, DeviceName="Crane 4"),
    "device name first": lambda r: el(DeviceName="Crane 4") + std(r),
    "name of the device": lambda r: el(Name="Crane 4", File=r.name, Status=r.status),
    "channel": lambda r: std(r, Channel=r.index % 4),
    "upload state": lambda r: el(UploadState=3) + std(r),
    "varying upload state": lambda r: el(UploadState=(r.status + 1) % 4) + std(r),
    "transfer status": lambda r: el(
        TransferStatus=(r.status + 1) % 4, StorageStatus=r.status, FileName=r.name
    ),
    "compressed size": lambda r: el(CompressedSize=r.size // 2) + std(r),
    "created": lambda r: el(CreatedTime=r.s + 7200) + std(r),
    "uploaded": lambda r: el(UploadTime=r.s + 7200, Modified=r.s + 9000) + std(r),
    "id": lambda r: el(Id=r.index, FileId=f"0f8fad5b-d9cb-469f-a165-70867728950{r.index}") + std(r),
    "title": lambda r: el(Title=f"Recording {r.index}") + std(r),
    "path beside base": lambda r: el(FileName=r.base, FilePath=r.name, Status=r.status),
    "base beside path": lambda r: el(Path=r.name, Name=r.base, Status=r.status),
    "attributes": lambda r: f"@FileName='{r.name}' Status='{r.status}' Size='{r.size}' Start='{r.s}'",
    "german attributes": lambda r: (
        f"@Dateiname='{r.name}' Zustand='{r.status}' Groesse='{r.size}' Von='{r.s}'"
    ),
    "nested": lambda r: (
        f"<Meta>{el(FileName=r.name, Size=r.size)}</Meta><Storage>{el(Status=r.status)}</Storage>"
    ),
    "deeply nested": lambda r: (
        f"<File><Info>{el(Name=r.name)}</Info></File><State><Code>{r.status}</Code></State>"
    ),
    "value attribute": lambda r: f"<FileName v='1'>{r.name}</FileName><Status lang='x'>{r.status}</Status>",
    "prefixes": lambda r: f"<n:FileName>{r.name}</n:FileName><n:Status>{r.status}</n:Status>",
    "cdata": lambda r: f"<FileName><![CDATA[{r.name}]]></FileName><Status>{r.status}</Status>",
    "comments": lambda r: f"<!-- one -->{std(r)}<!-- two -->",
    "indented": lambda r: f"\n  <FileName>\n {r.name}\n </FileName>\n <Status>\n {r.status} </Status>\n",
    "bom name": lambda r: el(Status=r.status, FileName=r.name, Comment="0"),
    "version constant": lambda r: el(Version=1) + std(r),
    "priority": lambda r: el(Priority=r.index % 3) + std(r),
    "quality": lambda r: std(r, Quality=(r.status + 2) % 4),
    "sizes with commas": lambda r: el(FileName=r.name, Status=r.status, FileSize=f"{r.size:,}"),
}
"""Must be read right, field by field: None of size and times is allowed, another value never is."""

REFUSED: dict[str, Body] = {
    "no status": lambda r: el(FileName=r.name, Size=r.size),
    "no name": lambda r: el(Status=r.status, Size=r.size),
    "two equal statuses": lambda r: el(FileName=r.name, Status1=r.status, Status2=(r.status + 1) % 4),
    "unknown words": lambda r: el(FileName=r.name, Status=("red", "green", "blue", "pink")[r.status]),
    "letters": lambda r: el(FileName=r.name, Status="DRSB"[r.status]),
    "status 4 to 7": lambda r: el(FileName=r.name, Status=r.status + 4),
    "only transfer": lambda r: el(FileName=r.name, TransferStatus=r.status),
    "only upload": lambda r: el(FileName=r.name, UploadState=r.status),
    "two recordings": lambda r: el(FileA=r.name, FileB=f"x/{r.index}.osfz", Status=r.status),
    "one flag": lambda r: el(FileName=r.name, OnServer=str(r.status > 1).lower()),
    "two flags": lambda r: el(FileName=r.name, OnServer=int(r.status > 1), OnDevice=int(r.status != 2)),
    "shifted by one": lambda r: el(FileName=r.name, Status=r.status + 1),
    "text only": lambda r: r.name,
    "folder and file": lambda r: el(Folder=r.folder, File=r.base, Status=r.status),
    "extension apart": lambda r: el(FileName=r.name.removesuffix(".osfz"), Extension="osfz", Status=r.status),
    "channel only": lambda r: el(FileName=r.name, Channel=r.status),
    "bit mask": lambda r: el(FileName=r.name, Flags=r.status),
    "dotted extension apart": lambda r: el(FileName=r.name[:-5], FileType=".osfz", Status=r.status),
    "directory attribute": lambda r: f"@Directory='{r.folder}' Name='{r.base}' Status='{r.status}'",
    "unit attribute": lambda r: (
        f"{el(FileName=r.name, Status=r.status)}<Size unit='kB'>{r.size // 1000}</Size>"
    ),
    "length is a duration": lambda r: el(FileName=r.name, Status=r.status, StartTime=r.s, Length=1800),
    "first and last seen": lambda r: el(
        FileName=r.name, Status=r.status, FirstSeen=r.e + 9999, LastSeen=r.e + 19999
    ),
    "date of something else": lambda r: el(FileName=r.name, Status=r.status, Date=r.e + 5000),
    "local as the server sees it": lambda r: el(
        FileName=r.name, Status=("remote", "requested", "local", "both")[r.status]
    ),
    "percent": lambda r: el(FileName=r.name, Progress=r.status),
}
"""May be read right, and must otherwise be refused with a line to add."""


def read(body: Body, recs: list[Rec] = RECS) -> list[DataFile]:
    text = []
    for rec in recs:
        inside = body(rec)
        text.append(
            f"<GeoLogFile {inside[1:]}/>" if inside.startswith("@") else f"<GeoLogFile>{inside}</GeoLogFile>"
        )
    document = f"<FileList xmlns:n='urn:x'>{''.join(text)}</FileList>".encode()
    pages: list[DataFile] = []
    read_file_list([document], device_reader(window=WINDOW), "file list of device 'Crane 4'", pages.extend)
    return pages


def check(files: list[DataFile], recs: list[Rec] = RECS) -> None:
    assert [file.name for file in files] == [rec.name for rec in recs]
    assert [file.status for file in files] == [StorageStatus(rec.status) for rec in recs]
    for file, rec in zip(files, recs, strict=True):
        assert file.size in {None, rec.size}
        assert file.start is None or abs(file.start - rec.start) < timedelta(seconds=1)
        assert file.end is None or abs(file.end - rec.end) < timedelta(seconds=1)


@pytest.mark.parametrize("wording", READ)
def test_a_wording_is_read_right(wording: str) -> None:
    check(read(READ[wording]))


@pytest.mark.parametrize("status", [0, 1, 2, 3])
@pytest.mark.parametrize("wording", READ)
def test_a_list_of_one_record_is_read_right_or_refused(wording: str, status: int) -> None:
    recs = [Rec(0, status)]
    try:
        files = read(READ[wording], recs)
    except ProtocolError:
        return
    check(files, recs)


@pytest.mark.parametrize("wording", REFUSED)
def test_a_wording_that_is_not_clear_is_refused_with_what_to_add(wording: str) -> None:
    try:
        files = read(REFUSED[wording])
    except (ProtocolError, ConfigError) as error:
        assert "cloud.fields" in error.hint  # noqa: PT017
        return
    check(files)


JSON: dict[str, Callable[[Rec], dict[str, object]]] = {
    "name": lambda r: {"name": r.name, "size": r.size, "startTime": r.s * 1000},
    "german": lambda r: {"dateiname": r.name, "groesse": r.size, "beginn": r.s},
    "nested": lambda r: {"file": {"name": r.name, "size": r.size}, "time": {"start": r.s}},
    "status": lambda r: {"fileName": r.name, "storageStatus": r.status},
    "nested status": lambda r: {"fileName": r.name, "storage": {"status": r.status}},
    "words": lambda r: {"fileName": r.name, "storageStatus": WORDS_CAMEL[r.status]},
    "id": lambda r: {"id": {"id": f"0f8fad5b-{r.index}", "entityType": "FILE"}, "name": r.name},
    "title": lambda r: {"title": f"Recording {r.index}", "originalName": r.name},
    "device": lambda r: {"name": "Crane 4", "fileName": r.name},
    "base": lambda r: {"name": r.base, "path": r.name},
}


@pytest.mark.parametrize("wording", JSON)
def test_a_wording_of_the_servers_list_is_read_right(wording: str) -> None:
    reader = server_reader(what="list of server files")
    files = reader.files(json.loads(json.dumps([JSON[wording](rec) for rec in RECS])))
    assert [file.name for file in files] == [rec.name for rec in RECS]
    tells = "status" in wording or wording == "words"
    expected = [StorageStatus(rec.status) if tells else StorageStatus.SERVER_ONLY for rec in RECS]
    assert [file.status for file in files] == expected
    assert all(file.size in {None, rec.size} for file, rec in zip(files, RECS, strict=True))
