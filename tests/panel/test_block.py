"""Lines of a request with nested marks."""

from hypothesis import given
from hypothesis import strategies as st
from tests.make import START, event

from wafscope.panel.block import Block, Mark, merged, request_block, response_block
from wafscope.panel.region import lay_out


def written(block: Block) -> str:
    """Write a block as text: marks in brackets with their numbers."""
    signs = {"open": "[", "close": "]"}
    lines = []
    for line in block.lines:
        parts = [
            p.text or signs.get(p.kind, "") + (",".join(map(str, p.numbers)) if p.kind == "close" else "")
            for p in line.pieces
        ]
        lines.append("".join(parts))
    return "\n".join(lines)


MADE = event(START, method="GET", protocol="1.1", uri="/abcdef", request_headers=(("Host", "h"), ("A", "b: c")))


def test_head_lines_and_body() -> None:
    made = event(START, method="POST", protocol="1.1", uri="/", request_headers=(("Host", "h"),), request_body="a\nb")
    assert written(request_block(lay_out(made), ())) == "POST / HTTP/1.1\nHost: h\n\na\nb"


def test_names_of_headers_and_the_method_stand_apart() -> None:
    block = request_block(lay_out(MADE), ())
    assert [(p.kind, p.text) for line in block.lines for p in line.pieces] == [
        ("method", "GET"),
        ("text", " /abcdef HTTP/1.1"),
        ("name", "Host:"),
        ("text", " h"),
        ("name", "A:"),
        ("text", " b: c"),
    ]


def test_a_mark_inside_another() -> None:
    marks = merged([Mark(5, 8, (2,)), Mark(5, 11, (1,))])
    assert written(request_block(lay_out(MADE), marks)).split("\n")[0] == "GET /[[abc]2def]1 HTTP/1.1"


def test_equal_marks_are_one() -> None:
    assert merged([Mark(1, 2, (1,)), Mark(1, 2, (3,))]) == (Mark(1, 2, (1, 3)),)


def test_marks_that_cross_are_opened_again() -> None:
    marks = merged([Mark(5, 9, (1,)), Mark(7, 11, (2,))])
    assert written(request_block(lay_out(MADE), marks)).split("\n")[0] == "GET /[ab[cd]]1[ef]2 HTTP/1.1"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=6))
def test_marks_nest_and_no_text_is_lost(spans: list[tuple[int, int]]) -> None:
    request = lay_out(MADE)
    end = len(request.text)
    marks = [Mark(a, min(a + n, end), (i,)) for i, (a, n) in enumerate(spans) if a < end]
    block = request_block(request, merged(marks))
    depth = 0
    for line in block.lines:
        for piece in line.pieces:
            depth += {"open": 1, "close": -1}.get(piece.kind, 0)
            assert depth >= 0
        assert depth == 0
    text = "\n".join("".join(piece.text for piece in line.pieces) for line in block.lines)
    assert text + "\n" == request.text.decode()


def test_a_long_body_says_how_many_lines_are_left_out() -> None:
    made = event(START, method="POST", uri="/", request_body="x\n" * 1000 + "end")
    block = request_block(lay_out(made), ())
    assert len(block.lines) + block.more == 1003


def test_response() -> None:
    made = event(START, protocol="1.1", status=404, response_headers=(("Server", "nginx"),), response_body="no\nbody")
    assert written(response_block(made)) == "HTTP/1.1 404\nServer: nginx\n\nno\nbody"


def test_a_response_in_the_words_of_its_log() -> None:
    made = event(START, protocol="2.0", status=403, response_protocol="1.1", response_reason="Forbidden")
    assert written(response_block(made)) == "HTTP/1.1 403 Forbidden"


def test_a_response_without_status_has_no_line_made_up() -> None:
    made = event(START, protocol="1.1", response_headers=(("Server", "x"),), response_body="b")
    assert written(response_block(made)) == "Server: x\n\nb"
    assert response_block(event(START, protocol="1.1")).lines == ()


def test_a_match_that_stands_twice_has_its_number_once() -> None:
    assert merged([Mark(1, 2, (1,)), Mark(1, 2, (1,))]) == (Mark(1, 2, (1,)),)


def test_long_lines_take_the_room_of_many() -> None:
    body = ("x" * 5_000 + "\n") * 300
    request = request_block(lay_out(event(START, method="POST", uri="/", request_body=body)), ())
    assert 10 < len(request.lines) < 20
    assert len(request.lines) + request.more == 302
    response = response_block(event(START, status=200, response_body=body))
    assert len(response.lines) + response.more == 302


def test_a_line_without_a_method_has_none() -> None:
    block = request_block(lay_out(event(START, uri="/a b")), ())
    assert [(p.kind, p.text) for p in block.lines[0].pieces] == [("text", "/a b")]
