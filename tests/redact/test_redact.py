"""Secrets are masked wherever they stand, and nothing else is changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wafscope.event.identity import event_id
from wafscope.event.mask import MASK, mask
from wafscope.reader.base import Context, Found
from wafscope.reader.formats import read_json
from wafscope.reader.framing import read_pieces
from wafscope.redact.event import Redactor
from wafscope.redact.page import fill
from wafscope.redact.record import Masker
from wafscope.settings import Redaction

KEY = b"k" * 32
REDACTOR = Redactor(Redaction(), KEY)
HEADERS = {"Host": "example.org", "User-Agent": "probe/1"}


def record(
    *,
    uri: str = "/",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    response: str = "",
    answered: dict[str, str] | None = None,
    messages: tuple[dict[str, Any], ...] = (),
) -> bytes:
    """A record as libmodsecurity 3 writes it."""
    request: dict[str, Any] = {
        "method": "POST",
        "http_version": 1.1,
        "uri": uri,
        "headers": {**HEADERS, **(headers or {})},
    }
    if body is not None:
        request["body"] = body
    transaction = {
        "client_ip": "192.0.2.7",
        "time_stamp": "Mon Nov  9 00:10:39 2026",
        "server_id": "2ce124b0c5d02b433a9392782ff8b313286c1942",
        "client_port": 40001,
        "host_ip": "198.51.100.2",
        "host_port": 443,
        "unique_id": "179418303982.800798",
        "request": request,
        "response": {"body": response, "http_code": 200, "headers": answered or {}},
        "producer": {"modsecurity": "ModSecurity v3.0.9 (Linux)", "secrules_engine": "Enabled", "components": []},
        "messages": messages,
    }
    return msgspec.json.encode({"transaction": transaction})


def matched(variable: str, value: str, data: str | None = None) -> dict[str, Any]:
    """A message about a value that a rule matched."""
    return {
        "message": "SQL Injection",
        "details": {
            "match": f"Matched \"Operator `Rx' with parameter `x' against variable `{variable}' (Value: `{value}' )",
            "reference": "",
            "ruleId": "942100",
            "data": f"Matched Data: x found within {variable}: {value}" if data is None else data,
            "severity": "2",
            "tags": ["attack-sqli"],
        },
    }


def redacted(raw: bytes, redactor: Redactor = REDACTOR) -> Found:
    """The one record in `raw`, without its secrets."""
    (found,) = [piece for piece in read_pieces(raw, 0, Context()) if isinstance(piece, Found)]
    lost: list[Found] = []
    done = list(redactor.records([found], redactor.hot([raw])[0], "UTC", lost.append))
    assert lost == []
    return done[0]


def test_a_record_without_a_secret_is_the_very_same() -> None:
    raw = record(uri="/a?q=password&page=/etc/passwd", headers={"Cookies-Allowed": "yes"})
    assert redacted(raw).event.raw is not None
    assert redacted(raw).identity is None
    assert redacted(raw).event.raw == raw


@pytest.mark.parametrize(
    "changed",
    [
        {"uri": "/login?api_key={}&x=1"},
        {"uri": "/login?x=1&user%5Bpassword%5D={}"},
        {"uri": "/login?p%61ssword={}"},
        {"headers": {"Authorization": "Bearer {}"}},
        {"headers": {"proxy-authorization": "Digest username=x, response={}"}},
        {"headers": {"Cookie": "a=1; sid={}; b=2"}},
        {"headers": {"X-Api-Key": "{}"}},
        {"headers": {"requesttoken": "{}"}},
        {"headers": {"Referer": "https://example.org/reset?token={}"}},
        {"answered": {"Set-Cookie": "SESSID={}; HttpOnly; Path=/"}},
        {"body": "user=bob&password={}"},
        {"body": '{{"user":{{"password" : "{}"}}}}'},
        {"body": "<login><ns:password>{}</ns:password></login>"},
        {"body": '--x\r\nContent-Disposition: form-data; name="client_secret"\r\n\r\n{}\r\n--x--\r\n'},
        {"response": '<input type="hidden" name="csrf_token" value="{}">'},
        {"response": '{{"access_token":"{}","expires":3600}}'},
        {"uri": "/go?to=https%3A%2F%2Fexample.org%2Fx%3Ftoken%3D{}"},
        {"headers": {"Referer": "https://bob:{}@example.org/"}},
        {"messages": (matched("ARGS:password", "{}"),)},
        {"messages": (matched("REQUEST_COOKIES:anything", "{}"),)},
        {"messages": (matched("REQUEST_HEADERS:Authorization", "Bearer {}"),)},
        {"messages": (matched("ARGS:json.user.password", "cut", data="{}"),)},
        {"messages": (matched("REQUEST_BODY", "user=bob&password={}"),)},
    ],
)  # fmt: skip
def test_a_secret_is_masked_where_it_stands(changed: dict[str, Any]) -> None:
    secret = "Zx81-spectrum_48K"

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return value.format(secret)
        if isinstance(value, dict):
            return {
                key: put(each) if key in ("match", "data", "details") or len(value) < 3 else each
                for key, each in value.items()
            }
        return tuple(put(each) for each in value)

    raw = record(**{name: put(value) for name, value in changed.items()})
    assert secret.encode() in raw
    done = redacted(raw)
    assert secret.encode() not in done.event.raw
    assert MASK.search(done.event.raw.decode())
    assert done.identity == event_id(KEY, raw)
    assert ("masked" in done.event.gaps) is ("messages" in changed)
    kept = read_json(raw, Context())
    assert (done.event.time, done.event.host, done.event.status) == (kept.time, kept.host, kept.status)


def test_the_name_the_attributes_and_all_else_stay_byte_for_byte() -> None:
    raw = record(
        headers={"Cookie": "a=first-value; sid=second-value"},
        answered={"Set-Cookie": "sid=second-value; Path=/; HttpOnly"},
        body="user=bob&q=%27%20or%201=1&password=second-value",
    )
    first, second = mask(b"first-value", KEY), mask(b"second-value", KEY)
    expected = raw.replace(b"first-value", first).replace(b"second-value", second)
    assert redacted(raw).event.raw == expected


def test_the_scheme_of_credentials_stays() -> None:
    raw = record(headers={"Authorization": "Bearer some-token-1"})
    assert redacted(raw).event.raw == raw.replace(b"some-token-1", mask(b"some-token-1", KEY))


def test_equal_values_have_equal_masks_and_another_store_has_others() -> None:
    one = redacted(record(headers={"Cookie": "a=the-same-value"})).event.raw
    two = redacted(record(body="password=the%2Dsame%2dvalue")).event.raw
    other = redacted(record(body="password=the-same-value"), Redactor(Redaction(), b"o" * 32)).event.raw
    assert MASK.search(one.decode()) is not None
    assert MASK.findall(one.decode()) == MASK.findall(two.decode())
    assert MASK.findall(one.decode()) != MASK.findall(other.decode())


def test_what_is_masked_is_not_masked_again() -> None:
    once = redacted(record(headers={"Cookie": "a=some-value"})).event.raw
    assert redacted(once).event.raw == once


def test_credentials_hide_no_password() -> None:
    credentials = base64.b64encode(b"bob:open-sesame-42").decode()
    raw = record(
        headers={"Authorization": f"Basic {credentials}"},
        messages=(
            matched("REQUEST_HEADERS:X", "bob:open-sesame-42"),
            matched("REQUEST_URI", "/?q=open-sesame-42"),
            matched("REQUEST_HEADERS:Authorization", credentials),
        ),
    )
    done = redacted(raw).event.raw
    assert credentials.encode() not in done
    assert b"sesame" not in done


@pytest.mark.parametrize(
    "password",
    [
        "open-sesame-42",
        "AbCdE-12345-fGhIj-67890",
        "a1-b2-c3-d4",
        "S3cretOfTwelve",
        "abcd+e/f",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_a_password_out_of_credentials_is_found_in_any_encoding(password: str) -> None:
    """It stands nowhere as it is, and so nothing tells how it may be cut."""
    credentials = base64.b64encode(f"bob:{password}".encode()).decode()
    middle = len(password) // 2
    coded = {
        "percent": "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in password),
        "percent twice": "".join(c if c.isalnum() else f"%25{ord(c):02x}" for c in password),
        "entities": "".join(c if c.isalnum() else f"&#{ord(c)};" for c in password),
        "JSON": "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in password),
        "small": password.lower(),
        "two lines": f"{password[:middle]}\n{password[middle:]}",
        "two lines, coded": f"{password[:middle]}%0a{password[middle:]}",
    }
    for name, written in coded.items():
        done = redacted(record(headers={"Authorization": f"Basic {credentials}"}, body=f"x {written} y")).event
        assert done.request_body is not None
        assert re.fullmatch("x masked-[0-9a-f]{8} y", done.request_body), (name, done.request_body)


@pytest.mark.parametrize("lead", ["", "&", "%26", "%2526", "\\x26", "\\u0026", "\\u003c", "\\n", "&#38;"])
def test_numbers_are_told_behind_a_code(lead: str) -> None:
    for number in ("4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "523-45-6789"):
        done = redacted(record(body=f"x {lead}{number} y")).event
        assert done.request_body is not None
        assert number not in done.request_body


def test_cards_and_national_numbers_are_told_by_their_form() -> None:
    raw = record(
        body='{"a":"4111 1111 1111 1111","b":"4111111111111112","c":"123-45-6789","d":"2026-11-24",'
        '"thirteen":"4222222222222","one digit":"6666666666666"}'
    )
    done = redacted(raw).event
    assert done.request_body is not None
    assert re.sub("masked-[0-9a-f]{8}", "*", done.request_body) == (
        '{"a":"*","b":"4111111111111112","c":"*","d":"2026-11-24","thirteen":"*","one digit":"6666666666666"}'
    )
    off = Redactor(Redaction(cards=False, national=False), KEY)
    assert redacted(raw, off).event.raw == raw


def test_a_site_names_its_own_and_keeps_what_it_will() -> None:
    own = Redactor(Redaction(names=("p", "X-Site"), keep=("csrftoken",)), KEY)
    raw = record(
        headers={"X-Site": "site-value-1", "Cookie": "csrftoken=kept-value-1"}, body="u=wikiuser&p=own-value-1&r=1"
    )
    done = redacted(raw, own).event.raw
    assert b"kept-value-1" in done
    assert b"site-value-1" not in done
    assert b"own-value-1" not in done
    assert b"wikiuser" in done


def test_nothing_is_masked_where_it_is_off() -> None:
    raw = record(headers={"Cookie": "a=some-value"})
    assert redacted(raw, Redactor(Redaction(enabled=False), KEY)).event.raw == raw


@pytest.mark.parametrize(
    "word", ["transaction", "e", "Matched", "200", "example.org", "192.0.2.7", "(?:.*", "\\", "POST", "password"]
)
def test_a_secret_that_is_a_common_word_does_no_harm(word: str) -> None:
    raw = record(body="x=1&password=" + quote(word), messages=(matched("ARGS:q", "example"),))
    before, after = read_json(raw, Context()), redacted(raw).event
    for name in ("time", "transaction_id", "client_address", "host", "method", "path", "status", "outcome"):
        assert getattr(before, name) == getattr(after, name), name
    assert [match.rule_id for match in after.matches] == [942100]
    assert MASK.search(after.request_body or "")


@pytest.mark.parametrize("word", ["example.org", "/rules/x.conf", "1795487314"])
def test_a_secret_that_the_engine_says_of_itself_leaves_that_alone(word: str) -> None:
    raw = NATIVE.replace(b"/x.conf", b"/rules/x.conf").replace(b"native-secret-3%27+or+1%3D1", word.encode())
    raw = raw.replace(b"Content-Type", b"X-Said-Again: " + word.encode() + b"\nContent-Type")
    done = redacted(raw).event
    assert b"password=" + word.encode() not in done.raw
    assert b"X-Said-Again: masked-" in done.raw
    assert (done.host, done.time) == ("example.org", redacted(NATIVE).event.time)
    assert [match.file for match in done.matches] == ["/rules/x.conf"]


def test_a_number_that_is_a_secret_is_not_looked_for_inside_of_longer_ones() -> None:
    raw = record(body="token=79548731&at=1795487314&again=79548731")
    number = mask(b"79548731", KEY)
    assert redacted(raw).event.raw == raw.replace(b"=79548731", b"=" + number)


def test_of_very_many_secrets_none_stays_elsewhere() -> None:
    values = [f"q-{n:03}-Secret" for n in range(100)]
    body = "&".join(f"token{n}={value}" for n, value in enumerate(values))
    done = redacted(record(uri="/?" + "+".join(values), body=body)).event
    assert b"Secret" not in done.raw


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "query": lambda s: {"uri": "/x?token=" + quote(s, safe="")},
    "form": lambda s: {"body": "a=b&password=" + quote_plus(s)},
    "lower": lambda s: {"body": "a=b&password=" + quote(s, safe="").lower()},
    "json": lambda s: {"body": json.dumps({"user": {"password": s}})},
    "escaped": lambda s: {"body": json.dumps({"inner": json.dumps({"secret": s})})},
    "header": lambda s: {"headers": {"X-Api-Key": s}},
    "cookie": lambda s: {"headers": {"Cookie": "sid=" + quote(s, safe="")}},
    "multipart": lambda s: {
        "body": f'--x\r\nContent-Disposition: form-data; name="passwd"\r\n\r\n{s}\r\n--x--\r\n'
    },
}  # fmt: skip

secrets = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="<>", codec="utf-8"),
    min_size=1, max_size=40,
).map(lambda tail: "Qz7x" + tail + "w9Kp").filter(lambda s: s == s.strip())  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@example(secret="Qz7xa'b\"c\\d&e=f;g h+i%20j%25w9Kp")
@example(secret="Qz7x(.*)[a-z]+$^|\\w9Kp")
@given(secret=secrets)
def test_no_secret_stays_in_any_encoding(place: str, secret: str) -> None:
    low = secret.encode().lower().decode().replace(" ", "")
    messages = (
        matched("ARGS:password", secret),
        matched("REQUEST_URI", quote(secret, safe="")),
        matched("TX:x", secret, data=low),
    )
    raw = record(**PLACES[place](secret), messages=messages)
    done = redacted(raw).event
    for form in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], low}:
        assert form.encode() not in done.raw
    for shown in (done.uri, done.request_body or "", *(value for _, value in done.request_headers)):
        assert secret not in shown
    for match in done.matches:
        assert secret not in match.data + match.value
        assert "Qz7x" not in match.data + match.value


def test_a_huge_hostile_body_is_masked_in_one_go() -> None:
    """Every name begins a search; none of them may go to the end of the body."""
    parts = ["password=" * 3000, "token=a&" * 3000, '"secret":' * 3000, "<password>" * 3000, 'name="token"\r\n' * 3000,
             'form-data; name="token"\r\n' * 3000, "Matched Data: " * 3000, "ARGS:password=" * 3000, "4" * 9000,
             "eyJ" * 9000, "%70" * 9000, "\\" * 9000, "://a:" * 3000, "&#x41;" * 3000]  # fmt: skip
    raw = record(
        body="".join(parts) + "&password=very-last-secret", messages=(matched("REQUEST_BODY", "".join(parts)),)
    )
    assert b"very-last-secret" not in redacted(raw).event.raw


def test_a_value_that_the_engine_cut_is_masked_as_far_as_it_goes() -> None:
    secret = "".join(f"{n:03x}" for n in range(100))
    raw = record(body=f"password={secret}", messages=(matched("TX:1", secret[:100], data=secret[:60]),))
    done = redacted(raw).event
    assert secret[:40].encode() not in done.raw
    assert "masked" in done.gaps


NATIVE = b"""--4a164c5f-A--
[24/Nov/2026:02:28:34.954996 +0000] awT2Uv0GuWwdB4WSmh5yqQAAAAk 192.0.2.7 43128 127.0.0.1 18081
--4a164c5f-B--
POST /login?token=native-secret-1 HTTP/1.1
Host: example.org
Cookie: sid=native-secret-2; 1795487314=1795487314
Content-Type: application/x-www-form-urlencoded

--4a164c5f-C--
user=bob&password=native-secret-3%27+or+1%3D1
--4a164c5f-F--
HTTP/1.1 200 OK
Set-Cookie: sid=native-secret-4; Path=/

--4a164c5f-H--
Message: Warning. Pattern match "x" at ARGS:password. [file "/x.conf"] [line "1"] [id "942100"] [msg "m"] \
[data "Matched Data: or 1=1 found within ARGS:password: native-secret-3' or 1=1"] [severity "CRITICAL"]
Stopwatch: 1795487314954797 213 (- - -)
Producer: ModSecurity for Apache/2.9.7 (http://www.modsecurity.org/).
Engine-Mode: "ENABLED"

--4a164c5f-Z--
"""


def test_a_native_record_stays_one() -> None:
    done = redacted(NATIVE).event
    assert b"native-secret" not in done.raw
    assert b"or 1=1" not in done.raw
    assert b"Stopwatch: 1795487314954797 213" in done.raw
    assert (done.status, done.host, [m.rule_id for m in done.matches]) == (200, "example.org", [942100])
    assert "masked" in done.gaps
    assert dict(done.response_headers)["Set-Cookie"] == f"sid={mask(b'native-secret-4', KEY).decode()}; Path=/"


@pytest.mark.parametrize(
    "piece",
    [
        record(headers={"Cookie": "sid=torn-secret-1"})[:-40],
        NATIVE.replace(b"native-secret-2", b"torn-secret-1")[:400],
        b"GET / HTTP/1.1\r\nCookie: sid=torn-secret-1\r\nX-Api-Key: torn-secret-1\r\n\r\npassword=torn-secret-1",
        b'{"transaction":{"request":{"headers":{"Cookie":"sid=torn-secret-1',
    ],
)
def test_what_could_not_be_read_is_shown_without_its_secrets(piece: bytes) -> None:
    assert b"torn-secret-1" in piece
    assert b"torn-secret-1" not in REDACTOR.text(piece)


def test_the_reference_page_is_made_of_the_tables() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "redaction.md").read_text()
    assert page == fill(page)


@pytest.mark.parametrize("value", ["\t", "\t\t", " \t", "\x0b", "\n", ""])
@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Cookie", "Set-Cookie", "Proxy-Authorization"])
def test_a_header_of_nothing_but_blanks_has_nothing_to_mask(name: str, value: str) -> None:
    raw = record(headers={name: value}, uri="/?password=Geheim12345")
    masked = redacted(raw).event.raw
    assert b"Geheim12345" not in masked
    assert json.loads(masked)["transaction"]["request"]["headers"][name].strip() == ""


def test_a_record_that_brings_down_the_redaction_is_lost_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = record(uri="/?password=Geheim12345")
    (found,) = [piece for piece in read_pieces(raw, 0, Context()) if isinstance(piece, Found)]

    def fail(*_: object) -> None:
        raise IndexError

    monkeypatch.setattr(Masker, "redact", fail)
    lost: list[Found] = []
    assert list(REDACTOR.records([found], REDACTOR.hot([raw])[0], "UTC", lost.append)) == []
    assert lost == [found]
