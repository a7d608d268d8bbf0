"""What a file is: whether bytes are a whole OSF or OSFZ file, judged while they stream by.

Knows: magic lines, metablocks, blocks, gzip and zlib. Never knows: where bytes come from or go to.
"""

from osfsync.content.batch import unpack
from osfsync.content.checks import LengthCheck, check_for, only_whole, shows_its_end
from osfsync.content.examination import Examination

__all__ = ["Examination", "LengthCheck", "check_for", "only_whole", "shows_its_end", "unpack"]
