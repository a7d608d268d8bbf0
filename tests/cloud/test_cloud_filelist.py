from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud.filelist import read_file_list
from osfsync.cloud.settings import ListFields
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile, StorageStatus
from tests.cloud.cloud_readers import device_reader

WHAT = "file list of device 'Crane 4'"
START = datetime(2025, 6, 26, 6, 41, 43, tzinfo=UTC)


def pages_of(
    xml: str | bytes, *, names: ListFields | None = None, chunk: int = 65_536
) -> list[list[DataFile]]:
    data = xml.encode() if isinstance(xml, str) else xml
    pages: list[list[DataFile]] = []
    chunks = (data[start : start + chunk] for start in range(0, len(data), chunk))
    read_file_list(chunks, device_reader(names), WHAT, pages.append)
    return pages


def files_of(xml: str | bytes, **options: Any) -> list[DataFile]:
    return [file for page in pages_of(xml, **options) for file in page]


def listed(*records: str) -> str:
    return f'<?xml version="1.0"?>\n<FileList>{"".join(records)}</FileList>'


def record(**fields: str) -> str:
    inner = "".join(f"<{field}>{escape(text)}</{field}>" for field, text in fields.items())
    return f"<GeoLogFile>{inner}</GeoLogFile>"


ONE = record(FileName="20250626/a.osfz", Status="3")


def test_one_file() -> None:
    assert files_of(listed(ONE)) == [DataFile("d-1", "20250626/a.osfz", StorageStatus.BOTH)]


@pytest.mark.parametrize("xml", ["<FileList/>", "<FileList></FileList>", listed(), listed("\n  \n")])
def test_none(xml: str) -> None:
    assert pages_of(xml) == []


def test_many_come_in_pages_in_their_order() -> None:
    records = [record(FileName=f"{n}.osf", Status=str(n % 4)) for n in range(1_201)]
    pages = pages_of(listed(*records))
    assert [len(page) for page in pages] == [100] * 12 + [1]
    assert [file.name for page in pages for file in page] == [f"{n}.osf" for n in range(1_201)]
    assert [file.status for file in pages[0][:4]] == list(StorageStatus)


@pytest.mark.parametrize(
    "fields",
    [
        {"FileName": "a", "Status": "1", "FileSize": "7", "StartTime": "1750920103", "EndTime": "1750920104"},
        {
            "Filename": "a",
            "StorageStatus": "1",
            "Size": "7",
            "Start": "1750920103000",
            "End": "1750920104000",
        },
        {
            "NAME": "a",
            "state": " 1 ",
            "size": "7.0",
            "from": "2025-06-26T06:41:43Z",
            "to": "2025-06-26 06:41:44",
        },
        {
            "file_name": "a",
            "storage-status": "1",
            "file_size": "7",
            "start_time": "2025-06-26T08:41:43+02:00",
            "end_time": "2025-06-26T06:41:44.000Z",
        },
    ],
)
def test_aliases_as_elements_and_as_attributes(fields: dict[str, str]) -> None:
    expected = DataFile("d-1", "a", StorageStatus.REQUESTED, 7, START, START.replace(second=44))
    attributes = " ".join(f"{field}={quoteattr(text)}" for field, text in fields.items())
    assert files_of(listed(record(**fields))) == [expected]
    assert files_of(listed(f"<GeoLogFile {attributes}/>")) == [expected]


def test_configured_names_win_over_aliases() -> None:
    names = ListFields(name="Path", status="code", size="none-such", tag="Timeline")
    xml = listed(record(FileName="wrong", Status="0", Path="right", Code="2", Size="12", Timeline="raw"))
    (file,) = files_of(xml, names=names)
    assert (file.name, file.status, file.size, file.tag) == ("right", StorageStatus.SERVER_ONLY, None, "raw")
    assert file.extra == (("FileName", "wrong"), ("Size", "12"), ("Status", "0"))


def test_what_is_not_understood_is_kept() -> None:
    xml = listed(
        '<GeoLogFile id="9"><FileName>a</FileName><Status>0</Status><Size>big</Size><Start>0</Start>'
        "<Note>x</Note><Empty/><Deep><a>1</a><a>2</a></Deep></GeoLogFile>"
    )
    (file,) = files_of(xml)
    assert (file.size, file.start) == (None, None)
    assert dict(file.extra) == {
        "id": "9",
        "Note": "x",
        "Deep": '{"a":["1","2"]}',
        "Size": "big",
        "Start": "0",
    }


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("1989-12-31T23:59:59.999999Z", "2100-01-01T00:00:00Z"),
        ("1990-01-01T00:59:59+01:00", "2099-12-31T23:00:00-01:00"),
        ("631151999", "4102444800"),
        ("631151999999", "253402300799000"),
        ("-62135596800", "99999999999999999999"),
    ],
)
def test_implausible_times_are_unknown_and_kept(start: str, end: str) -> None:
    (file,) = files_of(listed(record(FileName="a", Status="0", Start=start, End=end)))
    assert (file.start, file.end) == (None, None)
    assert dict(file.extra) == {"Start": start, "End": end}


def test_one_implausible_time_leaves_the_other() -> None:
    fields = {"Start": "1990-01-01T00:00:00Z", "End": "9999-12-31"}
    (file,) = files_of(listed(record(FileName="a", Status="0", **fields)))
    assert (file.start, file.end) == (datetime(1990, 1, 1, tzinfo=UTC), None)
    assert file.extra == (("End", "9999-12-31"),)


def test_extra_is_bounded() -> None:
    fields = {f"Field{n:03}": "x" * 1_000 for n in range(100)}
    (file,) = files_of(listed(record(FileName="a", Status="0", **fields)))
    assert len(file.extra) == 32
    assert all(len(text) == 256 for _, text in file.extra)


def test_an_end_before_its_start_is_no_end() -> None:
    (file,) = files_of(listed(record(FileName="a", Status="0", Start="1750920103", End="1750920000")))
    assert (file.start, file.end) == (START, None)
    assert file.extra == (("End", "1750920000"),)


def test_an_element_with_attributes_gives_its_text() -> None:
    xml = listed('<GeoLogFile><FileName lang="de">a</FileName><Status text="both">3</Status></GeoLogFile>')
    assert files_of(xml)[0].status is StorageStatus.BOTH


def test_namespaces_and_other_elements_do_not_matter() -> None:
    xml = (
        '<g:FileList xmlns:g="urn:x" g:count="1"><g:Count>1</g:Count>'
        "<g:GeoLogFile><g:FileName>a</g:FileName><g:Status>2</g:Status></g:GeoLogFile></g:FileList>"
    )
    assert [file.name for file in files_of(xml)] == ["a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings(encoding: str) -> None:
    inner = record(Name="Kräne/ü.osf", Status="0")
    xml = f'<?xml version="1.0" encoding="{encoding}"?><FileList>{inner}</FileList>'
    assert files_of(xml.encode(encoding), chunk=7)[0].name == "Kräne/ü.osf"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (record(Status="3", Colour="red"), ["file name", "'Status'", "'Colour'"]),
        (record(FileName="a", Colour="red"), ["storage status", "'FileName'", "'Colour'"]),
        (record(FileName="a", Status="4"), ["storage status", "'Status'"]),
        (record(FileName="a", Status="-1"), ["storage status"]),
        (record(FileName="a", Status="lost"), ["storage status", "'lost'", "status_values"]),
        (record(FileName="a", Status=""), ["storage status"]),
        (record(FileName=" ", Status="3"), ["file name"]),
        (record(FileName="a" * 5_000, Status="3"), ["file name"]),
        ("<GeoLogFile>a.osf</GeoLogFile>", ["storage status", "'#text'"]),
        ("<GeoLogFile/>", ["file name", "none"]),
        ("<File><Name>a</Name></File>", ["no 'GeoLogFile'", "'File'"]),
    ],
)
def test_an_unreadable_record_is_told_with_the_fields_that_were_seen(records: str, words: list[str]) -> None:
    with pytest.raises(ProtocolError) as caught:
        pages_of(listed(records))
    assert WHAT in str(caught.value)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_message_shows_fields_bounded_and_without_control_characters() -> None:
    reader = device_reader()
    with pytest.raises(ProtocolError) as caught:
        reader.file({f"\x1b[31m{n}" + "x" * 999: "1" for n in range(500)})
    assert len(str(caught.value)) < 2_000
    assert "\x1b" not in str(caught.value)
    assert "236 more" in str(caught.value)


BOMB = '<!DOCTYPE FileList [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><FileList>&b;</FileList>'


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("", "empty"),
        ("  \n", "no complete XML"),
        ("<FileList>" + ONE, "no complete XML"),
        (listed(ONE)[:-20], "no complete XML"),
        ("<FileList><GeoLogFile><FileName>2025", "no complete XML"),
        ('{"data": []}', "no complete XML"),
        ("Service unavailable", "no complete XML"),
        (listed(ONE) + "<FileList/>", "no complete XML"),
        ("<Error>no such device</Error>", "'Error', not 'FileList'"),
        ("<!DOCTYPE html><html><body>Login</body></html>", "web page"),
        ("\ufeff <HTML><body>Login</body></HTML>", "web page"),
        ("<!DOCTYPE FileList><FileList/>", "DOCTYPE"),
        (BOMB, "DOCTYPE"),
        ('<!DOCTYPE FileList SYSTEM "file:///etc/passwd"><FileList/>', "DOCTYPE"),
        ("<FileList>&unknown;</FileList>", "no complete XML"),
        ('<?xml version="1.0" encoding="shift_jis"?><FileList/>', "encoding"),
        ('<?xml version="1.0" encoding="none-such"?><FileList/>', "encoding"),
        ("<!--" + "x" * 2_000_000, "in its first 200000 bytes"),
        (listed("<GeoLogFile><FileName>" + "x" * 3_000_000), "more than 200000 bytes"),
    ],
)
@pytest.mark.parametrize("chunk", [11, 65_536])
def test_what_is_no_file_list_is_refused(xml: str, words: str, chunk: int) -> None:
    if chunk == 11 and len(xml) > 1_000:
        chunk = 8_192
    in_pieces = words == "web page" and chunk == 11  # then it is refused in other words
    with pytest.raises(ProtocolError, match=None if in_pieces else words):
        pages_of(xml, chunk=chunk)


def test_deep_nesting_is_no_trouble() -> None:
    deep = "<a>" * 15_000 + "</a>" * 15_000
    (file,) = files_of(listed(f"<GeoLogFile><Name>a</Name><Status>0</Status><D>{deep}</D></GeoLogFile>"))
    assert file.extra == (("D", "(nested too deeply)"),)


def test_a_list_of_other_records_is_told_briefly() -> None:
    xml = listed(*(f"<T{n}><a/></T{n}>" for n in range(500)))
    with pytest.raises(ProtocolError, match="and 80 more"):
        pages_of(xml)


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=60)
names = text.filter(lambda name: name.strip() == name and "\ufffe" not in name and "\uffff" not in name)


@given(
    st.lists(
        st.tuples(names, st.sampled_from(StorageStatus), st.integers(0, 2**63 - 1)),
        max_size=30,
        unique_by=lambda entry: entry[0],  # the same text in all records is no name
    ),
    st.integers(1, 50),
    st.booleans(),
)
def test_any_list_is_read_as_it_was_written(
    entries: list[tuple[str, StorageStatus, int]], chunk: int, attributes: bool
) -> None:
    def write(name: str, status: StorageStatus, size: int) -> str:
        if attributes:
            return f'<GeoLogFile Name={quoteattr(name)} State="{status}" Size="{size}"/>'
        return record(FileName=name, Status=str(int(status)), FileSize=str(size))

    files = files_of(listed(*(write(*entry) for entry in entries)), chunk=chunk)
    assert [(file.name, file.status, file.size) for file in files] == entries


@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes_give_files_or_a_protocol_error(body: bytes, chunk: int) -> None:
    for candidate in (body, b"<FileList>" + body, listed(ONE).encode().replace(b"a.osfz", body)):
        try:
            pages = pages_of(candidate, chunk=chunk)
        except ProtocolError:
            continue
        assert all(isinstance(file, DataFile) for page in pages for file in page)
