"""Write docs/reference/settings.md from the settings themselves.

python scripts/make_settings_page.py
"""

from __future__ import annotations

from pathlib import Path

from wafscope.service.reference import as_markdown as page

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"

if __name__ == "__main__":
    PAGE.write_text(page())
