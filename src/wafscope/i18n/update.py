"""Bring a catalogue up to date with the sources: `python -m wafscope.i18n.update [language …]`.

New texts come in empty, texts that are gone go, and no guess is made: a translation belongs to its
English text alone.  Needs a work tree, since the catalogues beside this module are written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from wafscope.i18n.catalogue import ENGLISH, LANGUAGES, load

PACKAGE = Path(__file__).resolve().parent.parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"text": None, "ntext": (1, 2), "_": None, "ngettext": (1, 2)}

_HEAD = """\
# {name}
msgid ""
msgstr ""
"Project-Id-Version: wafscope\\n"
"Language: {language}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Message = str | tuple[str, ...]


def messages(package: Path = PACKAGE) -> Iterator[tuple[Message, str, tuple[str, ...]]]:
    """Every text of the sources: (message or message and plural, place, comments for the translator)."""
    found = extract_from_dir(package, METHODS, OPTIONS, KEYWORDS, comment_tags=("i18n:",), strip_comment_tags=True)
    for filename, _line, message, comments, _context in sorted(found, key=lambda item: (item[0], item[1])):
        yield message, f"{package.name}/{Path(filename).as_posix()}", tuple(comments)


def updated(language: str) -> Catalog:
    """Return the catalogue of a language with the texts of the sources and the translations it has."""
    old, new = load(language), Catalog(locale=language, fuzzy=False)
    for message, place, comments in messages():
        key = message if isinstance(message, str) else message[0]
        known = old.get(key)
        entry = new.add(message, locations=[(place, 0)], auto_comments=list(comments))
        if known is not None and known.string and not known.fuzzy and entry.pluralizable == known.pluralizable:
            entry.string = known.string
    return new


def untranslated(catalogue: Catalog) -> list[str]:
    """The texts of a catalogue that lack a translation."""
    found = []
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(forms):
            found.append(message.id if isinstance(message.id, str) else message.id[0])
    return found


def save(catalogue: Catalog, language: str) -> None:
    """Write a catalogue: sorted, without line numbers and dates, so that only texts make a difference."""
    content = BytesIO()
    write_po(
        content, catalogue, sort_output=True, omit_header=True, width=0, include_lineno=False, ignore_obsolete=True
    )
    head = _HEAD.format(name=LANGUAGES[language], language=language, plural=catalogue.plural_forms)
    (PACKAGE / "i18n" / f"{language}.po").write_bytes(head.encode() + content.getvalue())


def main(languages: list[str]) -> int:
    """Rewrite catalogues and say how much of each is translated."""
    for language in languages or [code for code in LANGUAGES if code != ENGLISH]:
        catalogue = updated(language)
        save(catalogue, language)
        missing = untranslated(catalogue)
        sys.stderr.write(f"{language}.po: {len(catalogue)} texts, {len(missing)} without translation\n")
        sys.stderr.writelines(f"  {message}\n" for message in missing)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
