"""What people and programs really send: secrets under other names and in other places, and what only looks like one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from tests.redact.test_redact import matched, record, redacted

SECRET = "Zx81-spectrum_48K"
PAIRS = [{"name": "user", "value": "bob"}, {"name": "password", "value": SECRET}]
INNER = json.dumps({"user": "bob", "password": "x " + SECRET})
THRICE = quote(quote(quote(f"/login?token={SECRET}")))
DELIMITED = "--x\r\nContent-Disposition: {}\r\n\r\n{}\r\n--x--\r\n"

BODIES = {
    "GraphQL": json.dumps({"query": f'mutation {{ login(user: "bob", password: "{SECRET}") {{ id }} }}'}),
    "GraphQL as it is": f'mutation {{ login(user: "bob", password: "{SECRET}") {{ id }} }}',
    "JSON in JSON in JSON": json.dumps({"a": json.dumps({"b": json.dumps({"password": SECRET})})}),
    "JSON in a form": "data=" + quote_plus(INNER),
    "JSON in JSON in a form": "data=" + quote(json.dumps({"a": INNER})),
    "a form in a form in a form": "d=" + quote("d=" + quote("x=1&password=" + SECRET)),
    "pairs": json.dumps(PAIRS),
    "pairs the other way round": json.dumps([dict(reversed(pair.items())) for pair in PAIRS]),
    "an object around the value": json.dumps({"password": {"value": SECRET}}),
    "quotes of Python": f"{{'user': 'bob', 'password': '{SECRET}'}}",
    "JavaScript": f'window.config = {{ apiKey: "{SECRET}" }};',
    "assignment": f"const csrfToken = `{SECRET}`;",
    "settings": f"user = bob\npassword = {SECRET}\n",
    "YAML": f"user: bob\n- password: {SECRET}\n",
    "a request in a batch": f"--b\r\n\r\nGET / HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\n",
    "HTML in an attribute": f'<div data-settings="{{&quot;csrfToken&quot;:&quot;{SECRET}&quot;}}">',
    "a text area": f'<textarea name="password">{SECRET}</textarea>',
    "a parameter": f'<param name="password">{SECRET}</param>',
    "an entry": f'<entry key="password" value="{SECRET}"/>',
    "a member of XML-RPC": f"<member><name>password</name><value><string>{SECRET}</string></value></member>",
    "a property list": f"<dict><key>password</key>\n<string>{SECRET}</string></dict>",
    "an element around the value": f"<password><value>{SECRET}</value></password>",
    "CDATA": f"<password><![CDATA[a<b&{SECRET}]]></password>",
    "a comment in between": f"<password><!-- of bob -->{SECRET}</password>",
    "a file with a name": DELIMITED.format('form-data; filename="a"; name="password"', SECRET),
    "blanks before the name": DELIMITED.format('form-data;  name="password"', SECRET),
    "a name in RFC 5987": DELIMITED.format("form-data; name*=UTF-8''password", SECRET),
    "a line like a boundary": DELIMITED.format('form-data; name="password"', "a\r\n--" + SECRET),
    "a form with blanks in its first name": f"the user=bob&password=two words {SECRET}",
    "a form whose first name is empty": f"&password=two words {SECRET}",
    "PEM": f"key:\n-----BEGIN RSA PRIVATE KEY-----\n{SECRET.replace('-', '+')}\n-----END RSA PRIVATE KEY-----\n",
}  # fmt: skip
NAMES = (
    "pass1", "pass2", "newpass", "oldpass", "userpass", "dbpass", "adminpw", "mdp", "senha", "contrasena",
    "mot_de_passe", "wachtwoord", "kennwort", "sid", "app_key", "session_key", "SAMLResponse", "code_verifier",
    "device_code", "oauth_verifier", "oauth_signature", "X-Goog-Signature", "mfa_code", "form_key", "creds",
    "passkey", "userTaxId", "card_no",
)  # fmt: skip
HEADERS = (
    "Ocp-Apim-Subscription-Key", "x-functions-key", "DD-APPLICATION-KEY", "X-Parse-Master-Key", "X-Mailgun-Key",
    "X-License-Key", "X-WP-Nonce", "X-Original-Cookie", "X-Session", "Authentication", "X-Key",
)  # fmt: skip
SET_COOKIES = (f'a="x;{SECRET}"; Path=/', f"={SECRET}; Path=/", f"{SECRET}; HttpOnly", f"a b={SECRET}; Path=/")
URIS = (
    f"/callback?code={SECRET}&state=x1",
    f"/blob?sv=2024&sig={SECRET}",
    f"/go?to={THRICE}",
    f"/x?password=it's{SECRET}",
    f"/x?password='a'{SECRET}",
    f"/x?password+={SECRET}",
    f"/(S({SECRET.replace('-', '0') + 'abcd'}))/page.aspx",
    f"/hook/ghp_{SECRET.replace('-', 'x') * 2}",
    f"/map?key=AIza{SECRET}{SECRET}x",
)
GIVEN: dict[str, dict[str, Any]] = {
    **{f"{where} {name}": {where: body} for name, body in BODIES.items() for where in ("body", "response")},
    **{f"argument {name}": {"uri": f"/x?a=1&{name}={SECRET}"} for name in NAMES},
    **{f"header {name}": {"headers": {name: SECRET}} for name in HEADERS},
    **{f"Set-Cookie {value[:9]}": {"answered": {"Set-Cookie": value}} for value in SET_COOKIES},
    **{f"URI {uri[:12]}": {"uri": uri} for uri in URIS},
    "Referer": {"headers": {"Referer": f"https://example.org/?token=it's{SECRET}"}},
    "brackets": {"messages": (matched("ARGS:user[password]", SECRET),)},
    "environment": {"messages": (matched("ENV:DB_PASSWORD", SECRET),)},
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_secret_is_masked_in_every_place(name: str) -> None:
    raw = record(**GIVEN[name])
    kept = redacted(raw).event.raw
    assert b"masked-" in kept
    for part in ("spectrum_48", "spectrum%5F48"):
        assert part.encode() not in kept


ORDINARY: dict[str, dict[str, Any]] = {
    "a language model": {"body": json.dumps({"max_tokens": 4096, "usage": {"prompt_tokens": 12345}})},
    "words that hold one": {"uri": "/x?taxidriver=miller&syntaxId=python3&international_id=4242&assess_id=4242"},
    "more of them": {"uri": "/x?enemyNumber=4242&card_note=hello&discard_now=yes1&ibanez=guitar&secretary=miller"},
    "parts of words": {"uri": "/x?passenger=miller&compass=north&author=miller&inside=yes1&tokenize=yes1"},
    "keys of a keyboard": {"response": '<a accesskey="s" href="/">x</a><input name="q" accesskey="f">'},
    "switches": {"uri": "/x?show_password=true&x=1", "body": json.dumps({"password": None, "hasToken": False})},
    "the code of a place": {"uri": "/x?state=CA&code=94103"},
    "labels": {
        "response": "<label for=password>Password: please enter</label>\n{password: 'Password'}\n.token: hover {"
    },
    "prose": {"body": "comment=my+password+is+fine+and+token+too", "response": "The token: see below\nPassword:\n"},
    "a program": {"response": "var token = getToken();\nif (token == other) {}\npassword: document.forms,\n"},
    "headers": {"headers": {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Idempotency-Key": "abcdefgh1"}},
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_only_looks_like_a_secret_stays(name: str) -> None:
    raw = record(**ORDINARY[name])
    assert redacted(raw).event.raw == raw


def test_a_cookie_that_is_a_plain_word_is_masked_in_its_own_place_alone() -> None:
    raw = record(
        uri="/profile/alexander",
        headers={"Cookie": "consent=accepted; user=alexander; sid=alexander-47x"},
        body="name=alexander&status=accepted&copy=alexander-47x",
    )
    event = redacted(raw).event
    assert event.path == "/profile/alexander"
    assert (event.request_body or "").startswith("name=alexander&status=accepted&copy=masked-")
    assert "alexander" not in dict(event.request_headers)["Cookie"]
