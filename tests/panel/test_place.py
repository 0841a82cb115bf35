"""Finding the bytes that a rule matched, and not finding them where nothing proves it."""

from typing import Any

from tests.make import START, event, match

from wafscope.event.model import Event, Match
from wafscope.event.text import from_bytes
from wafscope.panel.place import find
from wafscope.panel.region import lay_out

HEADERS = (("Host", "git.example.org"), ("User-Agent", "Nmap Scripting Engine"), ("Cookie", "sid=1; lang=en"))


def request(uri: str = "/api/items?url=sleep%285%29%23", **values: Any) -> Event:
    known = {"method": "GET", "protocol": "1.1", "uri": uri, "request_headers": HEADERS}
    return event(START, **(known | values))


def marked(made: Event, of: Match) -> str | None:
    laid = lay_out(made)
    place = find(of, laid)
    return None if place is None else from_bytes(laid.text[place.start : place.end])


def test_a_header_by_offset() -> None:
    of = match(
        913100,
        target="REQUEST_HEADERS:User-Agent",
        operator="PmFromFile",
        value="Nmap Scripting Engine",
        data="Matched Data: nmap scripting engine found within REQUEST_HEADERS:User-Agent: nmap scripting engine",
        reference="o0,21v78,21t:lowercase",
    )
    assert marked(request(), of) == "Nmap Scripting Engine"


def test_a_parameter_is_marked_as_it_was_sent() -> None:
    of = match(target="ARGS:url", operator="DetectSQLi", value="sleep(5)#", reference="v19,9")
    assert marked(request(), of) == "sleep%285%29%23"


def test_the_part_that_matched_is_marked_inside_the_value() -> None:
    of = match(
        942160,
        target="ARGS:url",
        operator="Rx",
        value="sleep(5)#",
        data="Matched Data: sleep(5) found within ARGS:url: sleep(5)#",
        reference="o0,8v19,9t:urlDecodeUni",
    )
    assert marked(request(), of) == "sleep%285%29"
    place = find(of, lay_out(request()))
    assert place is not None
    assert (place.whole, place.value) != (True, None)


def test_a_part_without_logged_data_is_found_by_its_offset() -> None:
    of = match(
        920270, target="ARGS:q", operator="ValidateByteRange", value=r"ab\x00c", reference="o2,1v9,4t:urlDecodeUni"
    )
    assert marked(request("/x?q=ab%00c"), of) == "%00"


def test_an_offset_after_a_transformation_that_changes_lengths_is_not_used() -> None:
    of = match(target="ARGS:q", operator="ValidateByteRange", value="a  b", reference="o1,1v9,4t:compressWhitespace")
    assert marked(request("/x?q=a++b"), of) == "a++b"


def test_a_computed_variable_is_traced_to_the_header_it_was_taken_from() -> None:
    headers = (("Host", "a.example"), ("Content-Type", "application/foo"))
    made = request("/", method="POST", request_headers=headers)
    offset = lay_out(made).text.index(b"application/foo")
    of = match(
        920420,
        target="TX:content_type",
        operator="Within",
        value="|application/foo|",
        reference=f"o0,15v{offset},15t:lowercase",
    )
    assert marked(made, of) == "application/foo"


def test_without_an_offset_the_name_must_be_there_once() -> None:
    of = match(target="ARGS:q", operator="Rx", value="x")
    assert marked(request("/?q=x"), of) == "x"
    assert marked(request("/?q=x&q=x"), of) is None
    assert marked(request("/?q=x&q=y"), of) == "x"


def test_another_value_than_the_logged_one_is_not_marked() -> None:
    assert marked(request("/?q=other"), match(target="ARGS:q", operator="Rx", value="x")) is None


def test_a_value_that_the_engine_cut_is_found_by_its_beginning() -> None:
    value = "a" * 100
    of = match(target="ARGS:q", operator="Rx", value=f"{value} (20 characters omitted)")
    assert marked(request(f"/?q={value}{'b' * 20}"), of) == f"{value}{'b' * 20}"


def test_cookies_method_file_name_and_query() -> None:
    assert marked(request(), match(target="REQUEST_COOKIES:lang")) == "en"
    assert marked(request(), match(target="REQUEST_METHOD", value="GET")) == "GET"
    assert marked(request(), match(target="REQUEST_BASENAME")) == "items"
    assert marked(request(), match(target="QUERY_STRING")) == "url=sleep%285%29%23"


def test_a_form_in_the_body() -> None:
    made = request("/", request_body="a=1&q=%3Cscript%3E", content_type="application/x-www-form-urlencoded")
    assert marked(made, match(target="ARGS:q", value="<script>")) == "%3Cscript%3E"


def test_a_value_out_of_json_is_marked_where_it_stands_once() -> None:
    of = match(target="ARGS:json.text", operator="Rx", value="' or 1=1")
    once = request("/", request_body='{"text":"\' or 1=1"}', content_type="application/json")
    twice = request("/", request_body='{"text":"\' or 1=1","other":"\' or 1=1"}', content_type="application/json")
    assert marked(once, of) == "' or 1=1"
    assert marked(twice, of) is None


def test_bytes_that_are_no_utf8_are_kept() -> None:
    made = request(from_bytes(b"/?q=\xff\xfe"))
    assert marked(made, match(target="ARGS:q", value=r"\xff\xfe")) == from_bytes(b"\xff\xfe")


def test_nothing_is_marked_for_an_unknown_target() -> None:
    assert marked(request(), match(target="", operator="Rx")) is None
    assert marked(request(), match(target="TX:1", operator="Rx", value="5")) is None
    assert marked(request(), match(target="ARGS:nothere", value="5")) is None


def test_a_header_is_found_though_the_record_lists_headers_in_another_order() -> None:
    headers = (("Host", "a.example"), ("Content-Length", "9"), ("Content-Type", "application/foo; a=b"))
    made = request("/", method="POST", request_headers=headers)
    of = match(
        920420,
        target="TX:content_type",
        operator="Within",
        value="|application/foo|",
        reference="o0,15v30,20t:lowercase",
    )
    assert marked(made, of) == "application/foo"
    other = request("/", method="POST", request_headers=(*headers, ("X-Type", "application/foo; c=d")))
    assert marked(other, of) is None


def test_the_name_of_a_header() -> None:
    made = request("/", request_headers=(("Host", "a.example"), ("Accept-Charset", "utf-8")))
    of = match(
        920450,
        target="TX:header_name_accept-charset",
        operator="Within",
        value="/accept-charset/",
        reference="o0,4v9,4o0,14v7,14t:lowercase",
    )
    assert marked(made, of) == "Accept-Charset"


def test_an_offset_alone_proves_nothing() -> None:
    """The record lists the headers in another order, and the offset is by chance that of another name as long."""
    headers = (("Content-Length", "3"), ("Content-Coding", "gzip"))
    made = request("/", request_headers=headers)
    offset = lay_out(made).text.index(b"Content-Length")
    of = match(920450, target="TX:header_name_content-coding", value="/content-coding/", reference=f"o0,14v{offset},14")
    assert marked(made, of) == "Content-Coding"


def test_another_argument_of_the_same_name_may_have_matched() -> None:
    """One `q` is in the query, the other in the body, which is not in the log; the logged value is of that one."""
    of = match(933170, target="ARGS:q", operator="Rx", value="in the body", reference="o0,3v8,3o0,11v200,11")
    assert marked(request("/?q=abc", method="POST"), of) is None


def test_without_offsets_the_target_alone_may_prove_the_place() -> None:
    made = request(format="v2.native")
    assert marked(made, match(1, target="REQUEST_HEADERS:User-Agent", operator="Pm", parameter="nmap")) == (
        "Nmap Scripting Engine"
    )
    data = "Matched Data: nmap found within REQUEST_HEADERS:user-agent: nmap scripting engine"
    of = match(1, target="REQUEST_HEADERS:user-agent", value="nmap scripting engine", data=data)
    assert marked(made, of) == "Nmap"
    twice = request("/?a=1&a=2", format="v2.native")
    assert marked(twice, match(1, target="ARGS:a", operator="Rx")) is None


def test_a_fingerprint_is_no_text_of_the_request_whether_or_not_the_operator_is_logged() -> None:
    data = "Matched Data: 5 found within ARGS:url: sleep(5)#"
    of = match(942100, target="ARGS:url", value="sleep(5)#", data=data)
    assert marked(request(), of) == "sleep%285%29%23"


def test_a_value_that_was_cut_is_the_beginning() -> None:
    of = match(1, target="ARGS:url", value="sleep", cut=True)
    assert marked(request(), of) == "sleep%285%29%23"
    assert marked(request(), match(1, target="ARGS:url", value="sleep")) is None


def test_the_fields_of_a_multipart_body_written_as_a_form() -> None:
    made = request(
        request_body="a=1&field=value+%3cscript%3e", body_kind="fake_multipart", content_type="multipart/form-data"
    )
    assert marked(made, match(941110, target="ARGS:field", value="value <script>")) == "value+%3cscript%3e"
