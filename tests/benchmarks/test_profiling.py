"""What a flame graph says of functions."""

from hamcrest import assert_that, calling, equal_to, raises

from benchmarks.profiling import Frame, profile_of, read_flame_graph
from benchmarks.py_spy import titled


def test_own_time_is_what_no_callee_has_and_recursion_counts_once() -> None:
    profile = profile_of(
        [
            Frame("all", 0, 0, 100),
            Frame("main", 1, 0, 90),
            Frame("f", 2, 10, 50),
            Frame("f", 3, 10, 20),
            Frame("g", 2, 60, 25),
            Frame("g", 1, 90, 10),
        ]
    )
    assert_that(profile.samples, equal_to(100))
    assert_that(dict(profile.own), equal_to({"all": 0, "main": 15, "f": 50, "g": 35}))
    assert_that(dict(profile.total), equal_to({"all": 100, "main": 90, "f": 50, "g": 35}))


def test_the_boxes_of_py_spy_are_read() -> None:
    svg = (
        "<g><title>all (1,200 samples, 100%)</title>"
        '<rect x="0%" y="68" width="100%" height="15" fg:x="0" fg:w="1200"/></g>'
        "<g><title>&lt;lambda&gt; (a.py:1) (300 samples, 25.00%)</title>"
        '<rect x="0%" y="84" width="25%" height="15" fg:x="0" fg:w="300"/></g>'
    )
    profile = read_flame_graph(svg)
    assert_that(dict(profile.own), equal_to({"all": 900, "<lambda> (a.py:1)": 300}))


def test_an_empty_flame_graph_is_refused() -> None:
    assert_that(calling(read_flame_graph).with_args("<svg/>"), raises(ValueError, "no frames"))


def test_a_flame_graph_does_not_tell_where_it_was_made() -> None:
    svg = '<text id="title" x="50%">{}</text><text id="details"> </text>'

    named = titled(svg.format("/a/path/py-spy record --pid=1"))

    assert_that(named, equal_to(svg.format("./run_local.sh bench profile")))
