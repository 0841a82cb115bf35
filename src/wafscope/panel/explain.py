"""One sentence in plain words for each match.  What the log does not tell is not said."""

from __future__ import annotations

from collections.abc import Callable

from wafscope.event.model import Event, Match
from wafscope.event.outline import SAMPLED
from wafscope.i18n.text import Text, text
from wafscope.panel.place import matched_text, operator_of
from wafscope.panel.reference import read

NEGATED_IN_CRS = frozenset({911100, 920100, 920160, 920170, 920420, 920430, 920470, 920480, 920600})
"""Rules of the CRS (3 and 4) whose logged operator stands with `!`: libmodsecurity 3 does not log the sign."""

_TOKENS: dict[str, Text] = {
    "k": text("keyword"), "U": text("union"), "B": text("group or order"), "E": text("expression"),
    "t": text("SQL type"), "f": text("function"), "n": text("name"), "1": text("number"), "v": text("variable"),
    "s": text("string"), "o": text("operator"), "&": text("logic operator"), "c": text("comment"),
    "A": text("collation"), "(": text("bracket"), ")": text("bracket"), "{": text("brace"), "}": text("brace"),
    ".": text("dot"), ",": text("comma"), ":": text("colon"), ";": text("semicolon"), "T": text("T-SQL word"),
    "?": text("unknown sign"), "X": text("forbidden comment"), "\\": text("backslash"),
}  # fmt: skip
"""The token letters of a libinjection fingerprint."""

_SUBJECTS: dict[str, Text] = {
    "REQUEST_URI": text("The request target"), "REQUEST_URI_RAW": text("The request target"),
    "REQUEST_FILENAME": text("The path"), "REQUEST_BASENAME": text("The last part of the path"),
    "QUERY_STRING": text("The query"), "REQUEST_METHOD": text("The method"),
    "REQUEST_PROTOCOL": text("The protocol version"), "REQUEST_LINE": text("The request line"),
    "REQUEST_BODY": text("The request body"), "RESPONSE_BODY": text("The response body"),
    "RESPONSE_STATUS": text("The status"), "FILES": text("The name of an uploaded file"),
    "FILES_NAMES": text("The name of an upload field"), "XML": text("The XML body"),
    "REMOTE_ADDR": text("The client address"),
}  # fmt: skip


def sentence(match: Match, event: Event) -> Text:
    """Say in one sentence what the rule found."""
    operator = operator_of(match)
    if operator:
        say = _SENTENCES.get(operator.lower())
        said = say(match, event) if say else None
        if said is not None:
            return said
    if match.operator:
        return text("{subject} was tested with {operator}.", subject=subject(match), operator=operator_name(match))
    if match.justification:
        return text("The engine says: {words}", words=match.justification)
    if match.target and matched_text(match):
        return text(
            "{subject} matches the rule with {matched}.",
            subject=subject(match), matched=shortened(matched_text(match)),
        )  # fmt: skip
    if match.data:
        return text("The rule logged: {words}", words=match.data)
    if match.rule_text.startswith("SecAction"):
        return _always(match, event)
    return text("The log doesn’t say what the rule tested.")


def quotes_data(match: Match) -> bool:
    """Tell whether the sentence is nothing but the data of the match, so that it need not be shown again."""
    return not (operator_of(match) or match.justification or (match.target and matched_text(match)))


def subject(match: Match) -> Text:
    """Name the target in plain words, at the start of a sentence."""
    target = match.target
    collection, _, key = target.partition(":")
    if collection in {"MATCHED_VAR", "MATCHED_VARS"} and key:
        collection, _, key = key.partition(":")
    match collection:
        case "REQUEST_HEADERS" if key:
            return text("The header {name}", name=key)
        case "RESPONSE_HEADERS" if key:
            return text("The response header {name}", name=key)
        case "ARGS" | "ARGS_GET" | "ARGS_POST" if key:
            return text("The parameter {name}", name=key)
        case "ARGS_NAMES" | "ARGS_GET_NAMES" | "ARGS_POST_NAMES":
            return text("The parameter name {name}", name=key)
        case "REQUEST_COOKIES" if key:
            return text("The cookie {name}", name=key)
        case "REQUEST_COOKIES_NAMES":
            return text("The cookie name {name}", name=key)
    known = _SUBJECTS.get(collection)
    if known is not None:
        return known
    return text("The variable {name}", name=target) if target else text("The request")


def operator_name(match: Match) -> str:
    """Write an operator as SecLang does: `@rx`, `!@within`, `@detectSQLi`."""
    return f"{'!' if match.negated else ''}@{match.operator[:1].lower()}{match.operator[1:]}"


def is_negated(match: Match, event: Event) -> bool | None:
    """Tell an operator with `!` from one without; None where the log leaves the sign out, as ModSecurity 3 does."""
    if match.negated or match.rule_id in NEGATED_IN_CRS:
        return True
    return None if event.format in _WITHOUT_SIGN else False


_WITHOUT_SIGN = frozenset({"v3.json", "v3.native", "err.nginx.v3"})
_VALUE_ALWAYS = _WITHOUT_SIGN
"""These write the value of every target that an operator matched; elsewhere an empty value is one not logged."""
_MATCHED_AS_PARAMETER = frozenset({"v2.json", "v2.native", "err.apache.v2"})
"""These write the phrase that matched in place of the operator's parameter."""


def _has_value(match: Match, event: Event) -> bool:
    return bool(match.value) or event.format in _VALUE_ALWAYS


def shortened(value: str, most: int = 120) -> str:
    """Cut a long value and say how much is gone."""
    return value if len(value) <= most else f"{value[:most]}… (+{len(value) - most})"


def _sqli(match: Match, _event: Event) -> Text | None:
    fingerprint = matched_data(match) or _fingerprint(match)
    letters = [_TOKENS.get(letter) for letter in fingerprint]
    if not fingerprint or None in letters:
        return text("libinjection reads the value as SQL.")
    words = [letter for letter in letters if letter is not None]
    names = words[0]
    for word in words[1:]:
        names = text("{one}, {two}", one=names, two=word)
    return text(
        "libinjection reads the value as SQL. Its fingerprint is {fingerprint}: {names}.",
        fingerprint=fingerprint, names=names,
    )  # fmt: skip


def _fingerprint(match: Match) -> str:
    """The fingerprint as ModSecurity 2 words it: `… with fingerprint '1&sos'`."""
    return match.justification.partition(" with fingerprint '")[2].removesuffix("'")


def _xss(_match: Match, _event: Event) -> Text | None:
    return text("libinjection reads the value as HTML that can run script.")


def _rx(match: Match, event: Event) -> Text | None:
    negated = is_negated(match, event)
    if negated and not _has_value(match, event):
        return text("{subject} isn’t of the form that the rule asks for.", subject=subject(match))
    if negated and not match.value:
        return text("{subject} is empty, which isn’t of the form that the rule asks for.", subject=subject(match))
    if negated:
        return text(
            "{subject} isn’t of the form that the rule asks for: {value}.", subject=subject(match), value=_value(match)
        )
    found = matched_text(match)
    if found:
        return text(
            "{subject} matches the pattern of the rule with {matched}.",
            subject=subject(match),
            matched=shortened(found),
        )
    links = read(match.reference)
    if negated is None and not (links and links[-1].matched):
        return None
    if not _has_value(match, event):
        return text("{subject} matches the pattern of the rule.", subject=subject(match))
    if not match.value:
        return text("{subject} is empty, which matches the pattern of the rule.", subject=subject(match))
    return text("{subject} matches the pattern of the rule: {value}.", subject=subject(match), value=_value(match))


def _phrase(match: Match, event: Event) -> Text | None:
    as_parameter = event.format in _MATCHED_AS_PARAMETER
    found = matched_text(match) or (match.parameter if as_parameter else match.value)
    if not found:
        return text("{subject} contains a phrase of the rule’s list.", subject=subject(match))
    if match.operator.lower().endswith(("fromfile", "pmf")) and not as_parameter:
        return text(
            "{subject} contains a phrase of the list {list}: {matched}.",
            subject=subject(match), list=match.parameter.rpartition("/")[2], matched=shortened(found),
        )  # fmt: skip
    return text(
        "{subject} contains a phrase of the rule’s list: {matched}.", subject=subject(match), matched=shortened(found)
    )


def _within(match: Match, event: Event) -> Text | None:
    negated, words = is_negated(match, event), shortened(match.parameter)
    if not _has_value(match, event):
        pattern = (
            text("{subject} isn’t in the list of what is allowed: {list}.")
            if negated
            else text("{subject} is in the list {list}.")
        )
        return Text(pattern.message, values={"subject": subject(match), "list": words})
    value = _value(match).strip("|")
    if negated:
        return text("{value} isn’t in the list of what is allowed: {list}.", value=value, list=words)
    if negated is False or (match.value and match.value in match.parameter):
        return text("{value} is in the list {list}.", value=value, list=words)
    return text("{value} was compared with the list {list}.", value=value, list=words)


def _byte_range(match: Match, _event: Event) -> Text | None:
    return text("{subject} holds bytes outside {range}.", subject=subject(match), range=match.parameter)


def _url_encoding(match: Match, _event: Event) -> Text | None:
    return text("{subject} holds a percent sign that encodes nothing.", subject=subject(match))


def _utf8(match: Match, _event: Event) -> Text | None:
    return text("{subject} isn’t valid UTF-8.", subject=subject(match))


def _compared(match: Match, event: Event) -> Text | None:
    value, number = _integer(match.value), _integer(match.parameter)
    if number is None:
        return None
    operator = match.operator.lower()
    collection, _, key = match.target.partition(":")
    if value is None:
        return None if match.value else _counted(match, event, number)
    if collection == "REQUEST_HEADERS" and operator == "eq" and value == number == 0:
        absent = not {"no_headers", SAMPLED} & set(event.gaps) and all(
            name.lower() != key.lower() for name, _ in event.request_headers
        )
        return text("The request has no header {name}.", name=key) if absent and key else None
    holds, yes, no = _COMPARISONS[operator]
    pattern = yes if holds(value, number) else no
    return Text(pattern.message, values={"name": match.target, "value": str(value), "number": str(number)})


def _counted(match: Match, event: Event, number: int) -> Text | None:
    """Say what a comparison found where the log has the number of the rule alone."""
    negated = is_negated(match, event)
    if negated is None:
        return None
    operator = match.operator.lower()
    if operator == "eq" and number == 0 and match.target == "REQUEST_HEADERS" and not negated:
        return text("The request lacks a header that the rule asks for.")
    pattern = _WITHOUT_VALUE[operator][negated]
    return Text(pattern.message, values={"name": match.target, "number": str(number)})


_WITHOUT_VALUE: dict[str, tuple[Text, Text]] = {
    "eq": (text("{name} is {number}."), text("{name} isn’t {number}.")),
    "ge": (text("{name} is at least {number}."), text("{name} is below {number}.")),
    "gt": (text("{name} is more than {number}."), text("{name} is at most {number}.")),
    "le": (text("{name} is at most {number}."), text("{name} is more than {number}.")),
    "lt": (text("{name} is below {number}."), text("{name} is at least {number}.")),
}
"""What holds, and what holds where the operator is negated."""

_COMPARISONS: dict[str, tuple[Callable[[int, int], bool], Text, Text]] = {
    "eq": (int.__eq__, text("{name} is {value}."), text("{name} is {value}, not {number}.")),
    "ge": (int.__ge__, text("{name} is {value}: at least {number}."), text("{name} is {value}: below {number}.")),
    "gt": (int.__gt__, text("{name} is {value}: more than {number}."), text("{name} is {value}: at most {number}.")),
    "le": (int.__le__, text("{name} is {value}: at most {number}."), text("{name} is {value}: more than {number}.")),
    "lt": (int.__lt__, text("{name} is {value}: below {number}."), text("{name} is {value}: at least {number}.")),
}


def _text_test(match: Match, event: Event) -> Text | None:
    value, words = match.value, match.parameter
    holds, yes, no, bare = _TEXT_TESTS[match.operator.lower()]
    negated = is_negated(match, event)
    if negated is None:
        if "characters omitted)" in value or "characters omitted)" in words:
            return None
        negated = not holds(value, words)
    pattern = (no if _has_value(match, event) else bare) if negated else yes
    return Text(
        pattern.message, values={"subject": subject(match), "value": shortened(value), "phrase": shortened(words)}
    )


_LACKS = text("{subject} doesn’t contain {phrase}.")
_BEGINS_NOT = text("{subject} doesn’t begin with {phrase}.")
_ENDS_NOT = text("{subject} doesn’t end with {phrase}.")
_TEXT_TESTS: dict[str, tuple[Callable[[str, str], bool], Text, Text, Text]] = {
    "contains": (str.__contains__, text("{subject} contains {phrase}."), _LACKS, _LACKS),
    "streq": (
        str.__eq__, text("{subject} is {phrase}."), text("{subject} is {value}, not {phrase}."),
        text("{subject} isn’t {phrase}."),
    ),
    "beginswith": (str.startswith, text("{subject} begins with {phrase}."), _BEGINS_NOT, _BEGINS_NOT),
    "endswith": (str.endswith, text("{subject} ends with {phrase}."), _ENDS_NOT, _ENDS_NOT),
}  # fmt: skip
"""The test, what holds, what holds where it is negated, and the same without the value."""


def _always(_match: Match, _event: Event) -> Text:
    return text("The rule fires whenever it is reached.")


_SENTENCES: dict[str, Callable[[Match, Event], Text | None]] = {
    "detectsqli": _sqli, "detectxss": _xss, "rx": _rx, "rxglobal": _rx, "pm": _phrase, "pmfromfile": _phrase,
    "pmf": _phrase, "within": _within, "validatebyterange": _byte_range, "validateurlencoding": _url_encoding,
    "validateutf8encoding": _utf8, **dict.fromkeys(_COMPARISONS, _compared), **dict.fromkeys(_TEXT_TESTS, _text_test),
    "unconditionalmatch": _always,
}  # fmt: skip


def matched_data(match: Match) -> str:
    """What stands between `Matched Data:` and `found within`, whatever it is."""
    head, within, _ = match.data.partition(" found within ")
    return head.removeprefix("Matched Data: ") if within and head.startswith("Matched Data: ") else ""


def _value(match: Match) -> str:
    return shortened(match.value)


def _integer(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None
