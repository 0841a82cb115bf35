"""Cut the sample logs that the package ships out of a real run.

    python scripts/make_sample.py ../shared/corpus/ng309-ft14d-det-json-serial-rel/audit/modsec_audit.log.zst

The records stay as libmodsecurity 3.0.9 wrote them, but for the response bodies, which belong to other
people's applications and are emptied.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import zstandard

TARGET = Path(__file__).parent.parent / "src/wafscope/sample/modsec_audit.log.zst"
_BODY = re.compile(rb'("response":\{"body":")(?:[^"\\]|\\.)*"')
_LEVEL = 19


def main() -> None:
    """Read the run named on the command line and write the sample."""
    with Path(sys.argv[1]).open("rb") as source:
        log = zstandard.ZstdDecompressor().stream_reader(source).read()
    records = log.splitlines(keepends=True)
    emptied = [_BODY.sub(rb'\1"', record, count=1) for record in records]
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(emptied))
    TARGET.write_bytes(packed)
    sys.stdout.write(f"{len(records)} records, {len(packed)} bytes\n")


if __name__ == "__main__":
    main()
