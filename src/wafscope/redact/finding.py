"""Finding secrets in one text: by the name that stands before them, or by what they look like.

Every search takes time in proportion to the text, whatever is in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from wafscope.redact.names import BESIDE, HEADERS, KEYS, WORDS, Names
from wafscope.redact.regions import Region
from wafscope.settings import Redaction

Span = tuple[int, int]

_OF_NAME = bytes(code for code in range(256) if code >= 128 or chr(code).isalnum() or chr(code) in "_.-[]%$")
_FORM_END = re.compile(rb'&|"\] \[|\' \)')
_TEXT_END = re.compile(rb"[&\s\"'<>\\]|;(?=\s|$)")
_QUOTED = re.compile(rb"[ \t]?(?:\"([^\"]*)\"|'([^']*)')")
_BETWEEN = re.compile(rb"\s+[\w:.-]+\s?=\s?|[\s\]\[{},:]*")
"""What stands between two attributes or two members, where a quote that seems to open a value closed one instead."""
_FORM = re.compile(rb"\A(?:&?[^\s=&<>{}\"]{1,200}=|[^\r\n=<>{}\"();]{0,200}=[^\r\n<>{}\"();=]{0,2000}&)")
_URL_END = re.compile(rb"[&\s]")
_URLS = (b"referer", b"referrer", b"location", b"content-location")
_LEAST_BESIDE = 8
"""A code of fewer letters is that of a place, say."""
_NOTHING = (b"true", b"false", b"null", b"undefined")
"""What hides nothing, whatever its name."""
_BESIDE = re.compile(rb"(?:^|[?&#;])(?i:" + b"|".join(re.escape(name.encode()) for name in BESIDE) + rb")(?==)")
_MEMBER = re.compile(
    rb'"([^"\\]{1,100})"[\s+]{0,20}:[\s+]{0,20}(?:"((?:[^"\\]|\\.)*)|\[\s{0,20}"((?:[^"\\\]]|\\.|"\s{0,20},\s{0,20}")*)|(-?[\d.]+))',
    re.DOTALL,
)
_DEEPER = re.compile(
    rb'"[^"\\]{1,100}"[\s+]{0,20}:[\s+]{0,20}(?:\[[\s+]{0,20})?\{[\s+]{0,20}'
    rb'"(?:value|values|raw|plain|text|access|refresh|_text|#text|\$)"[\s+]{0,20}:[\s+]{0,20}"((?:[^"\\]|\\.)+)',
    re.DOTALL,
)
"""A member whose value is an object around the value."""
_PAIR = re.compile(
    rb'"[^"\\]{1,100}"[\s+]{0,20},[\s+]{0,20}"value"[\s+]{0,20}:[\s+]{0,20}"((?:[^"\\]|\\.)*)', re.DOTALL
)
_PAIR_BEFORE = re.compile(
    rb'"value"[\s+]{0,20}:[\s+]{0,20}"((?:[^"\\]|\\.)*)"[\s+]{0,20},[\s+]{0,20}"(?:name|key|id)"[\s+]{0,20}:[\s+]{0,20}"\Z',
    re.DOTALL,
)
_NAMING = re.compile(rb'"(?:name|key|id)"[\s+]{0,20}:[\s+]{0,20}"\Z')
_LONGEST_NAMING = 60
_LONGEST_PAIR = 1000
_TOLD_VALUE = re.compile(rb"""\"((?:[^"\\\r\n]|\\.)+)|'((?:[^'\\\r\n]|\\.)+)|`([^`\r\n]+)""")
_LABELS = frozenset(word.encode() for word in WORDS)
_APART = (b" ", b"\t")
_LONGEST_LEAD = 20
"""Bytes of blanks before a name on a line, and before its value."""
_LINE_END = re.compile(rb"[\r\n]")
_ONE_WORD = re.compile(rb"(?:(?:Basic|Bearer|Digest|Token|ApiKey) )?([^\s\"'(){};,<>]+)[ \t]*", re.IGNORECASE)
_LONGEST_NAME = 100
_LONGEST_TAG = 1020
"""Bytes from the start of a field of a form to the last of its attributes that is looked at."""
_LEAD = 600
"""Bytes from the word form-data to the name behind it."""
_PART = re.compile(
    rb"form-data;(?:[^\r\n]{0,500}?[; ])?name(?:\*?=|\*=[\w-]{1,20}'[\w-]{0,20}')"
    rb"[\"']?((?:[^\"\r\n;\\]|\\.){1,200})[\"']?(?:;[^\r\n]{0,500})?\r?\n"
    rb"(?:[^\r\n]{1,500}\r?\n){0,8}\r?\n(.*?)(?=\r?\n--|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_BOUNDARY = re.compile(rb"\s{0,4}(--[^\r\n]{1,200})\r?\n")
_ELEMENT = re.compile(
    rb"<(?:[\w.-]{1,60}:)?([\w.-]{1,60})(?:\s[^<>]{0,1000})?>\s{0,200}+(?:<!--[^<>]{0,200}-->\s{0,200}+)?"
    rb"(?:<(?:\w{1,20}:)?(?:value|string|text)>)?(?:<!\[CDATA\[((?:[^\]]|\](?!\]>))+)|([^<>]+))"
)
_ELEMENT_NAME = re.compile(rb"<(?:[\w.-]{1,60}:)?([\w.-]{1,60})")
_NAMED_ELEMENT = re.compile(
    rb"<(name|key)>\s{0,20}([^<>]{1,100}?)\s{0,20}</\1>\s{0,200}(?:<[\w:.-]{1,40}>\s{0,200}){1,3}([^<>]+)"
)
"""A member of XML-RPC, or of a property list."""
_INPUT = re.compile(rb"<(input|meta|param|entry|property|textarea)\b([^<>]{1,1000})", re.IGNORECASE)
_INPUT_NAME = re.compile(rb"""\b(?:name|id|key|property|http-equiv)\s?=\s?["']?([^"'\s>]{1,100})""", re.IGNORECASE)
_INPUT_VALUE = re.compile(rb"""\b(?:value|content)\s?=\s?(?:"([^"]*)|'([^']*)|([^\s"'>]+))""", re.IGNORECASE)
_EMPTY_TAGS = (b"input", b"meta")
_NAME_TAGS = (b"<name>", b"<key>")
_INNER = re.compile(rb">(?:<!\[CDATA\[)?([^<>]+)")
_JWT = re.compile(rb"(?<![\w-])(?:(?!\beyJ)[\w-])*+(eyJ[\w-]{8,}+\.[\w-]{4,}+\.[\w-]*+)")
"""Looked for once in each word, however often one begins in it."""
_KEYS = re.compile(
    rb"\b(?:" + "|".join(KEYS).encode() + rb")|\([SFAX]\(([\w-]{20,200})\)"
    rb"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----([^-]+)"
)
_USERINFO = re.compile(rb"://[^\s/?#@:\"<>]{0,200}:([^\s/?#@\"<>]{1,200})@")
_DIGITS = re.compile(rb"[2-6](?<![\w.][2-6])\d{3}(?:[ -]?\d){9,15}(?![\w.])")
_AS_DIGITS = bytes(48 if 48 <= code <= 57 else 0 for code in range(256))
_SOCIAL_SIGN = re.compile(rb"-(?=\d\d-)")
_SOCIAL = re.compile(rb"[0-8](?<![\w-][0-8])\d\d(?<!000)(?<!666)-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_TARGET = re.compile(
    rb"\b(ARGS|ARGS_GET|ARGS_POST|REQUEST_COOKIES|REQUEST_HEADERS|RESPONSE_HEADERS|MULTIPART_PART_HEADERS|FILES|XML|JSON"
    rb"|ENV|SESSION)"
    rb":((?:[^\s'\"`,|\[\]]|\[[^\s'\"`,|\[\]]{0,100}\]){1,300})"
)
_VALUE = re.compile(rb"' \(Value: `")
_VALUE_END = re.compile(rb"' \)(?= \[|\\*\"|\Z)")
_DATA_END = re.compile(rb'"\](?= \[|,|\s*\Z| )|\\*"\s?,\s?\\*"|\\*"\}')
_DATA = re.compile(rb'\[data "')
_MATCHED = re.compile(rb"Matched Data: (.*?) found within \Z", re.DOTALL)
_MOST_MATCHED = 2000
_MOST_FIELDS = 1 << 12
_COOKIE = re.compile(rb"[^;]+")
_SET_COOKIE = re.compile(rb"(?:^|,\s?)\s?([^=;,\s]{1,200})=(\"[^\"]*\"|[^;]*?)(?=;|,\s?[^=;,\s]{1,200}=|\Z)")
_FIRST_PAIR = re.compile(rb"\s*+(?:([^=;\"]*+)=)?\s*+(\"[^\"]*\"|[^;,]*)")
"""The pair that a Set-Cookie begins with, whose name may be missing (RFC 6265bis section 5.6)."""
_SCHEME = re.compile(rb"\s*[A-Za-z][\w-]{1,30}\s+(?=\S)")


class Finder:
    """Finds secrets by a policy."""

    def __init__(self, policy: Redaction) -> None:
        self._policy = policy
        self._names = Names(policy)
        self._field = lru_cache(_MOST_FIELDS)(self._in_field)

    def find(self, text: bytes, region: Region, zones: Sequence[Span]) -> list[Span]:
        """Return where secrets stand in the text of a region; a name of one or its form can be in the zones alone.

        A zone is a whole piece between quotes.
        """
        if region.kind == "header" and self._names.is_header(region.name):
            return list(self._header(text, region.name.lower()))
        if region.kind == "header" and self._names.is_argument(region.name):
            return [(0, len(text))]
        if not zones:
            return []
        found: list[Span] = []
        if b"=" in text:
            found += self._assigned(text, region, zones)
        found += self._members(text, zones)
        found += self._told(text, region, zones)
        if b"<" in text:
            found += self._marked_up(text, zones)
        found += self._parts(text, zones)
        if region.kind == "match":
            found += self._matched(text, region)
        found += self._looks(text, region, zones)
        return found

    def is_secret(self, region: Region) -> bool:
        """Tell whether the name of a region says that its value is a secret."""
        return region.kind == "header" and (self._names.is_header(region.name) or self._names.is_argument(region.name))

    def _looks(self, text: bytes, region: Region, zones: Sequence[Span]) -> Iterator[Span]:
        """Values that are told by themselves: none of them holds a quote."""
        numbers = region.kind != "header"
        cards, national = numbers and self._policy.cards, numbers and self._policy.national
        for first, last in zones:
            piece = text[first:last]
            if b"eyJ" in piece:
                yield from ((first + found.start(1), first + found.end(1)) for found in _JWT.finditer(piece))
            yield from (found.span(found.lastindex or 0) for found in _KEYS.finditer(text, first, last))
            if b"@" in piece and b"://" in piece:
                yield from (found.span(1) for found in _USERINFO.finditer(text, first, last))
            if cards and b"0" * 13 in piece.translate(_AS_DIGITS, b" -"):
                yield from (found.span() for found in _DIGITS.finditer(text, first, last) if _is_card(found[0]))
            if national and b"-" in piece:
                for sign in _SOCIAL_SIGN.finditer(text, first, last):
                    found = _SOCIAL.match(text, sign.start() - 3) if sign.start() >= 3 else None
                    if found is not None:
                        yield found.span()

    def _assigned(self, text: bytes, region: Region, zones: Sequence[Span]) -> Iterator[Span]:
        """Values behind a name and `=`."""
        form = region.kind == "body" and _FORM.match(text) is not None
        url = region.kind == "other" or region.name.lower() in _URLS
        end_of = _FORM_END if form else _URL_END if url else _TEXT_END
        position = 0
        for first, last in zones:
            parts = text[first:last].split(b"=")
            if len(parts) == 1:
                continue
            names = [_name_at_end(part) for part in parts]
            secret = {name for name in set(names) if name and self._names.is_argument(name)}
            beside = self._names.beside(set(names)) if _BESIDE.search(text, first, last) else set()
            secret |= beside
            if not secret:
                continue
            ends = list(accumulate(map(len, parts)))
            for number, name in enumerate(names[:-1]):
                start = first + ends[number] + number + 1
                if name not in secret or start <= position:
                    continue
                if not form and parts[number][-1:] in _APART:
                    end = start - 1
                    yield from self._apart(text, region, name, text.rfind(name, first, end), start)
                    continue
                quoted = _QUOTED.match(text, start) if not form and not url else None
                if quoted is not None and _BETWEEN.fullmatch(quoted[1] if quoted[1] is not None else quoted[2]):
                    continue
                if quoted is not None:
                    span = quoted.span(1 if quoted[1] is not None else 2)
                else:
                    stop = end_of.search(text, start)
                    span = start, stop.start() if stop else len(text)
                # One letter between quotes is a key of a keyboard (HTML 6.6).
                least = _LEAST_BESIDE if name in beside else 1 if quoted is None else 2
                if span[1] - span[0] >= least and text[slice(*span)].lower() not in _NOTHING:
                    position = span[1]
                    yield span

    def _members(self, text: bytes, zones: Sequence[Span]) -> Iterator[Span]:
        """Members of JSON."""
        for first, last in zones:
            if 0 < first < last < len(text) and last - first <= _LONGEST_NAME:
                found = _MEMBER.match(text, first - 1) if self._names.is_member(text[first:last]) else None
                if found is not None:
                    group = 2 if found[2] is not None else 3 if found[3] is not None else 4
                    if found[group] and found[group].lower() not in _NOTHING:
                        yield found.span(group)
                    continue
                if not self._names.is_member(text[first:last]):
                    continue
                deeper = _DEEPER.match(text, first - 1)
                if deeper is not None:
                    yield deeper.span(1)
                    continue
                named = _NAMING.search(text, max(first - _LONGEST_NAMING, 0), first)
                if named is None:
                    continue
                pair = _PAIR.match(text, first - 1) or _PAIR_BEFORE.search(text, max(first - _LONGEST_PAIR, 0), first)
                if pair is not None and pair[1]:
                    yield pair.span(1)

    def _told(self, text: bytes, region: Region, zones: Sequence[Span]) -> Iterator[Span]:
        """Values behind a name and a colon, as in a program, a question of GraphQL, or settings."""
        for first, last in zones:
            if text.find(b":", first, last) < 0:
                continue
            parts = text[first:last].split(b":")
            names = [_name_at_end(part.rstrip(b" \t").removesuffix(b"'").removesuffix(b"`")) for part in parts]
            secret = {name for name in set(names) if name and self._names.is_member(name)}
            if not secret:
                continue
            ends = list(accumulate(map(len, parts)))
            for number, name in enumerate(names[:-1]):
                if name in secret:
                    end = first + ends[number] + number
                    yield from self._apart(text, region, name, text.rfind(name, first, end), end + 1)

    def _apart(self, text: bytes, region: Region, name: bytes, begin: int, start: int) -> Iterator[Span]:
        """The value from `start` on of a name that begins at `begin`: between quotes, or alone on a line with it."""
        blank = text[start : start + _LONGEST_LEAD]
        start += len(blank) - len(blank.lstrip(b"> \t"))
        value = _TOLD_VALUE.match(text, start)
        if value is None:
            if region.kind == "body":
                yield from self._line(text, begin, start, name)
        elif value[value.lastindex or 0].lower() not in _LABELS:
            # What is named as a secret is, is the label of a field.
            yield value.span(value.lastindex or 0)

    def _line(self, text: bytes, begin: int, start: int, name: bytes) -> Iterator[Span]:
        """A value alone on a line with its name, as settings have it, and requests within a request."""
        feed = text.rfind(b"\n", max(begin - _LONGEST_LEAD, 0), begin)
        if feed < 0 or text[feed + 1 : begin].strip(b" \t-"):
            return
        stop = _LINE_END.search(text, start)
        value = text[start : stop.start() if stop else len(text)]
        if name.lower().decode("latin-1") in HEADERS:
            yield from ((start + first, start + last) for first, last in self._header(value, name.lower()))
            return
        word = _ONE_WORD.fullmatch(value)
        if word is not None and word[1].lower() not in _NOTHING:
            yield start + word.start(1), start + word.end(1)

    def _marked_up(self, text: bytes, zones: Sequence[Span]) -> Iterator[Span]:
        """Elements of XML, and fields of a form in HTML."""
        for first, last in zones:
            if text.find(b"<", first, last) < 0:
                continue
            for name in _ELEMENT_NAME.finditer(text, first, last):
                found = _ELEMENT.match(text, name.start()) if self._names.is_argument(name[1]) else None
                group = 0 if found is None else found.lastindex or 0
                if found is not None and found[group].strip():
                    yield found.span(group)
            yield from self._named_elements(text, first, last)
        done = -1
        for first, last in zones:
            begin = text.rfind(b"<", max(first - _LONGEST_TAG, 0), first)
            if begin <= done:
                begin = text.find(b"<", max(first, done + 1), last)
            while begin >= 0:
                done = begin
                found = _INPUT.match(text, begin)
                if found is not None:
                    yield from self._in_tag(text, found)
                begin = text.find(b"<", max(begin + 1, first), last)

    def _named_elements(self, text: bytes, first: int, last: int) -> Iterator[Span]:
        for tag in _NAME_TAGS:
            begin = text.find(tag, first, last)
            while begin >= 0:
                found = _NAMED_ELEMENT.match(text, begin)
                if found is not None and self._names.is_argument(found[2]):
                    yield found.span(3)
                begin = text.find(tag, begin + 1, last)

    def _in_tag(self, text: bytes, tag: re.Match[bytes]) -> Iterator[Span]:
        values = self._field(tag[2])
        if values is None:
            return
        for start, end in values:
            yield tag.start(2) + start, tag.start(2) + end
        inner = (
            _INNER.match(text, tag.end()) if tag[1].lower() not in _EMPTY_TAGS and not tag[2].endswith(b"/") else None
        )
        if inner is not None and inner[1].strip():
            yield inner.span(1)

    def _parts(self, text: bytes, zones: Sequence[Span]) -> Iterator[Span]:
        """Parts of multipart."""
        if not any(b"form-data" in text[max(first - _LEAD, 0) : last].lower() for first, last in zones):
            return
        boundary = _BOUNDARY.match(text)
        for part in _PART.finditer(text):
            if not self._names.is_argument(part[1].replace(b"\\", b"")):
                continue
            start, end = part.span(2)
            if boundary is not None:
                # A line of the value may begin as a boundary does.
                stop = text.find(b"\n" + boundary[1], max(start - 1, 0))
                end = start + len(text[start : stop if stop >= 0 else len(text)].removesuffix(b"\r"))
            yield start, max(start, end)

    def _in_field(self, attributes: bytes) -> list[Span] | None:
        """Return the values of a field of a form, None where it holds no secret: most pages have the same."""
        if not any(self._names.is_argument(name[1]) for name in _INPUT_NAME.finditer(attributes)):
            return None
        return [value.span(value.lastindex or 1) for value in _INPUT_VALUE.finditer(attributes)]

    def _matched(self, text: bytes, region: Region) -> Iterator[Span]:
        """Values of variables that a rule looked at, in the sentence of the engine and in the data of the rule."""
        bare_data = False
        done = 0
        for found in _TARGET.finditer(text):
            if found.start() < done:
                continue
            name, after, sign = self._target(found, text)
            if not self._is_secret(found[1], name):
                continue
            value = _VALUE.match(text, after)
            if value is not None:
                stop = _VALUE_END.search(text, value.end())
                done = stop.start() if stop else len(text)
                yield value.end(), done
            elif sign:
                start = after + len(sign)
                stop = None if region.exact else _DATA_END.search(text, start)
                done = end = stop.start() if stop else len(text)
                yield start, end
                yield from self._fragment(text, found.start(), text[start:end])
            else:
                bare_data = True
        data = _DATA.search(text) if bare_data else None
        if data is not None:
            stop = _DATA_END.search(text, data.end())
            whole = data.end(), stop.start() if stop else len(text)
            if b"found within" not in text[whole[0] : whole[1]]:
                yield whole

    def _target(self, found: re.Match[bytes], text: bytes) -> tuple[bytes, int, bytes]:
        """Return the name of a variable, where it ends, and the sign between it and its value."""
        name, start = found[2], found.start(2)
        for sign in (b"=", b": "):
            place = text.find(sign, start, found.end() + len(sign))
            if place > start:
                return text[start:place], place, sign
        return name.rstrip(b".:"), start + len(name), b""

    def _fragment(self, text: bytes, before: int, value: bytes) -> Iterator[Span]:
        """What a rule cut out of a secret: it stands before the name."""
        begin = text.rfind(b"Matched Data: ", max(before - _MOST_MATCHED, 0), before)
        matched = _MATCHED.fullmatch(text[begin:before]) if begin >= 0 else None
        if matched is not None and len(matched[1]) > 2 and matched[1].lower() in value.lower():
            yield begin + matched.start(1), begin + matched.end(1)

    def is_secret_target(self, text: bytes) -> bool:
        """Tell whether a sentence of an engine names a variable that holds a secret."""
        return any(self._is_secret(found[1], self._target(found, text)[0]) for found in _TARGET.finditer(text))

    def _is_secret(self, collection: bytes, name: bytes) -> bool:
        if collection == b"REQUEST_COOKIES":
            return not self._names.is_kept(name)
        if collection.endswith(b"HEADERS"):
            return self._names.is_header(name)
        return self._names.is_argument(name.rpartition(b".")[2]) or self._names.is_argument(name)

    def _header(self, text: bytes, name: bytes) -> Iterator[Span]:
        if name.startswith(b"set-cookie"):
            starts = set[int]()
            for found in _SET_COOKIE.finditer(text):
                starts.add(found.start(2))
                if found[2] and not self._names.is_kept(found[1]):
                    yield found.span(2)
            pair = _FIRST_PAIR.match(text)
            if pair is not None and pair[2] and pair.start(2) not in starts and not self._names.is_kept(pair[1] or b""):
                yield _stripped(text, *pair.span(2))
        elif name.startswith(b"cookie"):
            for found in _COOKIE.finditer(text):
                key, sign, value = found[0].partition(b"=")
                if not (value if sign else key).strip() or self._names.is_kept(key.strip()):
                    continue
                start = found.start() + (len(key) + 1 if sign else 0)
                yield _stripped(text, start, found.end())
        else:
            scheme = _SCHEME.match(text) if b"authorization" in name else None
            yield _stripped(text, scheme.end() if scheme else 0, len(text))


def _name_at_end(part: bytes) -> bytes:
    part = part.rstrip(b" \t+")
    return part[len(part.rstrip(_OF_NAME)) :]


def _stripped(text: bytes, start: int, end: int) -> Span:
    part = text[start:end]
    if not part.strip():
        return start, start
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def _is_card(digits: bytes) -> bool:
    """Tell a number that passes the check of cards (Luhn, ISO/IEC 7812), and is not one digit again and again."""
    numbers = [byte - 48 for byte in digits if 48 <= byte <= 57]
    if not 13 <= len(numbers) <= 19 or len(set(numbers)) == 1:
        return False
    doubled = [number if place % 2 == 0 else (2 * number - 9 if number > 4 else 2 * number)
               for place, number in enumerate(reversed(numbers))]  # fmt: skip
    return sum(doubled) % 10 == 0


def inner_secrets(value: bytes) -> list[bytes]:
    """Return what a value hides: the password of basic credentials."""
    try:
        user, sign, password = base64.b64decode(value, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return []
    return [user + sign + password, password] if sign and password and user.isascii() else []
