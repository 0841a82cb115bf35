"""The tables of docs/reference/redaction.md: `python -m wafscope.redact.page` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from wafscope.redact.names import BESIDE, HEADER_WORDS, HEADERS, KEPT, PARTS, WORDS

_TABLES = {"headers": HEADERS, "header words": HEADER_WORDS, "words": WORDS, "parts": PARTS, "kept": KEPT}


def fill(page: str) -> str:
    """Return the page with what stands between its marks made of the tables of the policy."""
    tables = {name: ", ".join(f"`{word}`" for word in table) for name, table in _TABLES.items()}
    tables["beside"] = (
        ", ".join(f"`{name}` beside {', '.join(f'`{other}`' for other in others)};" for name, others in BESIDE.items())
        .removesuffix(";")
        .replace(";,", ";")
    )
    for name, words in tables.items():
        if f"<!-- {name} -->" not in page:
            raise ValueError(name)
        page = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", rf"\g<1>{words}\g<2>", page, flags=re.DOTALL)
    return page


def main() -> None:
    """Write the page."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "redaction.md"
    page.write_text(fill(page.read_text()))


if __name__ == "__main__":
    main()
