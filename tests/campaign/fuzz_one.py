"""One fuzz target in a process of its own: atheris ends the process when it is done.

python -m tests.campaign.fuzz_one TARGET [options of libFuzzer] FOLDER
"""

import importlib
import sys
from typing import Any

_INSTRUMENTED = ["osfsync", "xmltodict", "email", "yarl"]


def main() -> None:
    """Fuzz until libFuzzer has had enough, or has found something: then the process ends with its code."""
    atheris: Any = importlib.import_module("atheris")
    _, name, *options = sys.argv
    with atheris.instrument_imports(include=_INSTRUMENTED):
        targets = importlib.import_module("tests.hostile.targets")
    target = next(target for target in targets.TARGETS if target.name == name)
    atheris.Setup(["fuzz", *options], target.try_with)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
