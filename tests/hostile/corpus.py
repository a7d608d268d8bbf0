"""Names that a hostile platform may give to files and devices. Data, and questions about a name."""

import re
import unicodedata

TRAVERSAL = (
    "..",
    ".",
    "/",
    "//",
    "../a.osf",
    "../../../../../../../../etc/passwd",
    "a/../../b.osf",
    "a/..",
    "./a.osf",
    "a/./b.osf",
    "a//b.osf",
    "....//c.osf",
    "..\\..\\d.osf",
    "e\\f.osf",
    "%2e%2e%2fg.osf",
    "..%c0%afh.osf",
    ".. /i.osf",
    "~/.ssh/authorized_keys",
    "~root/j.osf",
    "/etc/cron.d/k.osf",
    "/proc/self/mem",
    "/dev/null",
    ".osfsync-part",
    ".OSFSYNC-PART/state",
    ".osfsync-part/lock",
    ".osfsync-part/x.part",
    "..osfsync-part/../.osfsync-part/state",
)

DRIVES = (
    "C:\\Windows\\System32\\a.osf",
    "C:b.osf",
    "c:/d.osf",
    "\\\\server\\share\\e.osf",
    "//server/share/f.osf",
    "\\\\?\\C:\\g.osf",
    "\\\\.\\PhysicalDrive0",
    "file:///etc/passwd",
    "https://example.com/h.osf",
    "i.osf:stream",
    "j.osf::$DATA",
    "$MFT/k.osf",
)

CONTROL = (
    "nul\0inside.osf",
    "\0",
    "nul at the end.osf\0",
    "two\nlines.osf",
    "two\r\nlines.osf",
    "back\rover.osf",
    "\r\nosfsync: all files are here",
    "tab\t.osf",
    "back\b\b\bspace.osf",
    "bell\x07.osf",
    "\x1b[31mred\x1b[0m.osf",
    "\x1b[2J\x1b[H cleared.osf",
    "\x1b]0;title\x07.osf",
    "\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\.osf",
    "\x1bPq device control \x1b\\.osf",
    "\x1b[6n asked.osf",
    "\x1bc reset.osf",
    "\x9b31m C1.osf",
    "\x9d0;title\x9c.osf",
    "delete\x7f.osf",
    "next\x85line.osf",
    "line\u2028separator.osf",
    "paragraph\u2029separator.osf",
    "interlinear\ufff9\ufffa\ufffb.osf",
    "non\ufffecharacter\uffff.osf",
)

BIDI = (
    "\u202egpj.exe.osf",
    "\u202dleft\u202c.osf",
    "\u2066isolate\u2069.osf",
    "\u2067right\u2069.osf",
    "\u2068first strong\u2069.osf",
    "marks\u200e\u200f\u061c.osf",
    "zero\u200bwidth\u200c\u200d.osf",
    "\ufeffbyte order mark.osf",
    "soft\u00adhyphen.osf",
    "word\u2060joiner.osf",
    "tags\U000e0041\U000e007f.osf",
    "שלום.osf",
    "سلام/ملف.osf",
)

RESERVED = (
    "CON",
    "con.osf",
    "Con .osf",
    "PRN.osf",
    "aux.osfz",
    "NUL",
    "nul.tar.osf",
    "COM1.osf",
    "com¹.osf",
    "LPT9.osf",
    "CONIN$",
    "clock$.osf",
    "aux/a.osf",
    "lost+found/a.osf",
    "Thumbs.db",
    ".DS_Store",
    "desktop.ini",
    ".gitignore",
    "wild*card?.osf",
    'quo"te|pipe<less>more.osf',
    "-rf.osf",
    "--help.osf",
    "`id`.osf",
    "$(id);reboot&.osf",
    "'; DROP TABLE files; --.osf",
    "a%b_c.osf",
)

LONG = (
    "x" * 300,
    "x" * 300 + ".osfz",
    "x" * 255 + ".osf",
    "ä" * 300 + ".osf",
    "😀" * 300 + ".osf",
    "e" + "\u0301" * 500 + ".osf",
    "/".join(["directory" * 5] * 40) + "/a.osf",
    "d/" * 500 + "a.osf",
    "x" * 4_096,
    "suffix." + "o" * 300,
    "." * 300,
    " " * 300 + ".osf",
)

TWINS = (
    "Case.osf",
    "case.osf",
    "CASE.OSF",
    "folder/a.osf",
    "FOLDER/a.osf",
    "Folder/A.osf",
    "\u00e9.osf",
    "e\u0301.osf",
    "\u212b.osf",
    "\u00c5.osf",
    "A\u030a.osf",
    "\ufb01.osf",
    "fi.osf",
    "ß.osf",
    "ss.osf",
    "ẞ.osf",
    "\u0131.osf",
    "i.osf",
    "İ.osf",
    "\u212a.osf",
    "k.osf",
    "\uff41.osf",
    "a.osf",
    "\u0410.osf",
    "clash",
    "clash/a.osf",
    "clash/a.osf/b.osf",
    "Clash/A.OSF/c.osf",
)

TRAILING = (
    "dot.osf.",
    "dot.osf..",
    "dot.osf",
    "blank.osf ",
    " blank.osf",
    "blank.osf",
    "blank.osf. .",
    "d./a.osf",
    "d /a.osf",
    "d/a.osf",
    "no-break\u00a0.osf\u00a0",
    "\u3000ideographic.osf\u3000",
    ".osf",
    "osf",
    "suffix.osf\n",
    "\nprefix.osf",
)

MARKUP = (
    "[red]rich[/red].osf",
    "[link=https://example.com]a[/link].osf",
    "[/].osf",
    ":smile:.osf",
    "<script>alert(1)</script>.osf",
    "'\"><img src=x onerror=alert(1)>.osf",
    "&amp;&#0;&lol;.osf",
    "]]>.osf",
    "{device}/{0.__class__}.osf",
    "%s%n%(name)s.osf",
    "${jndi:ldap://x/a}.osf",
)

FORMULAS = (
    "=1+1.osf",
    "+1.osf",
    "-1+1.osf",
    "@SUM(1).osf",
    "\t=1.osf",
    "\r=1.osf",
    "\n=1.osf",
    "=cmd|' /C calc'!A0.osf",
    '=HYPERLINK("https://example.com").osf',
    "a;=1+1.osf",
    "a\t=1+1.osf",
    "a,=1+1.osf",
    "a\n=1+1.osf",
    'a";=1+1.osf',
    " =1+1.osf",
    "\uff1d1+1.osf",
    "'=1.osf",
)

POSING = ("Case~1a2b3c4d5e.osf", "a~0123456789.osf", "~0123456789", "_~0123456789.osf")
"""Names that look as a cleaned name does."""

NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *TRAVERSAL,
            *DRIVES,
            *CONTROL,
            *BIDI,
            *RESERVED,
            *LONG,
            *TWINS,
            *TRAILING,
            *MARKUP,
            *FORMULAS,
            *POSING,
        )
    )
)
"""All of them, each once."""

IDS = (
    "../../..",
    "a/b",
    "a\\b",
    "a?b=c&d#e",
    "%2e%2e",
    "Gerät 1",
    "\u202eid",
    "\x1b[31mid",
    "i" * 300,
    "=1+1",
    "'; DROP TABLE devices; --",
)
"""Ids of devices; the platform's own are UUIDs."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def in_xml(name: str) -> bool:
    """Whether XML can tell this name to the letter: no forbidden characters, no line break at its ends."""
    return _NO_XML.search(name) is None and name.strip("\r\n") == name


def steers(text: str) -> set[str]:
    """The characters of a text, line breaks aside, that could steer a terminal or hide in it."""
    return {char for char in text if char != "\n" and unicodedata.category(char) in _UNSAFE}
