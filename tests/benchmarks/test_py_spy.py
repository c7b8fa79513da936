"""The flame graph is that of the job."""

from hamcrest import assert_that, equal_to

from benchmarks.py_spy import titled


def test_a_flame_graph_does_not_tell_where_it_was_made() -> None:
    svg = '<text id="title" x="50%">{}</text><text id="details"> </text>'

    named = titled(svg.format("/a/path/py-spy record --pid=1"))

    assert_that(named, equal_to(svg.format("./run_local.sh bench profile")))
