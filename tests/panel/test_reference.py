"""Reading `reference` of libmodsecurity 3."""

import pytest

from wafscope.panel.reference import Link, Span, read


@pytest.mark.parametrize(
    ("written", "links"),
    [
        ("", ()),
        ("v19,9", (Link((), Span(19, 9)),)),
        ("o0,21v78,21t:lowercase", (Link((Span(0, 21),), Span(78, 21), ("lowercase",)),)),
        ("o0,3v0,3v89,2", (Link((Span(0, 3),), Span(0, 3)), Link((), Span(89, 2)))),
        (
            "o8,1v4,33t:urlDecodeUnio4,1v8,15t:urlDecodeUni",
            (
                Link((Span(8, 1),), Span(4, 33), ("urlDecodeUni",)),
                Link((Span(4, 1),), Span(8, 15), ("urlDecodeUni",)),
            ),
        ),
        (
            "o1,1v12,5o1,2o1,1o2,1v28,3t:uppercase,t:lowercase",
            (
                Link((Span(1, 1),), Span(12, 5)),
                Link((Span(1, 2), Span(1, 1), Span(2, 1)), Span(28, 3), ("uppercase", "lowercase")),
            ),
        ),
        (
            "o68,17v361,101t:lowercaseo0,17t:lowercase",
            (Link((Span(68, 17),), Span(361, 101), ("lowercase",)), Link((Span(0, 17),), None, ("lowercase",))),
        ),
    ],
)
def test_reads_links_in_order(written: str, links: tuple[Link, ...]) -> None:
    assert read(written) == links


@pytest.mark.parametrize("written", ["v1", "o1,2x", "t:nothing", "v1,2 v3,4", "v99999999999,1"])
def test_what_can_not_be_read_whole_is_not_used(written: str) -> None:
    assert read(written) == ()
