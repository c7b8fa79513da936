"""A preview on a terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hamcrest import (
    all_of,
    assert_that,
    contains_exactly,
    contains_string,
    empty,
    equal_to,
    greater_than,
    has_items,
    not_,
)

from pipeline.operators.answers import put_out
from pipeline.operators.options import Output
from pipeline.operators.preview.preview import Preview
from pipeline.operators.preview.text import PreviewAnswer
from tests.support.previews import BATCH, COURSE, NEW, OLD, account, changes, preview

Printed = Callable[..., list[str]]
"""The lines of a preview, with `full` if it is to be that."""


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    def show(of: Preview, *, full: bool = False) -> list[str]:
        put_out(PreviewAnswer(of, full), Output("table", None))
        return capsys.readouterr().out.splitlines()

    return show


def test_it_fits_80_columns_with_every_id_in_one_piece(printed: Printed) -> None:
    lines = printed(preview())
    assert_that([line for line in lines if len(line) > 80], empty())
    for word in (OLD, NEW, COURSE, BATCH, OLD.upper()):
        assert_that("\n".join(lines), contains_string(word))


def test_what_changes_is_all_there_with_old_and_new_values(printed: Printed) -> None:
    lines = [line.strip() for line in printed(preview())]
    assert_that(
        lines,
        has_items(
            "Contents (user_content_consumption)",
            f"+ {BATCH} do_atoms",
            "status            2",
            "Enrolments (user_enrolments)",
            f"~ {BATCH}",
            "active                  no → yes",
            "contentstatus do_atoms  1 → 2",
            "issued_certificates     + identifier cert-1, name Completed",
            "2 unchanged",
            "Scores and progress (user_activity_agg)",
            "agg_details               - attempt a1 on do_quiz, score 5 of 10",
            "+ attempt a1 on do_quiz, score 8 of 10",
            "+ attempt a2 on do_quiz, score 2 of 10",
            "aggregates score:do_quiz  5 → 8",
            "Where views came from (user_content_merge_facts)",
            "recorded_on          the time of the merge",
        ),
    )


def test_unchanged_columns_are_shown_where_all_is_asked_for(printed: Printed) -> None:
    text = "\n".join(printed(preview(), full=True))
    shown = contains_string("addedby                 somebody (unchanged)")
    assert_that(text, all_of(shown, not_(contains_string("2 unchanged"))))


def test_both_accounts_come_first_and_last(printed: Printed) -> None:
    lines = printed(preview())
    heads = [at for at, line in enumerate(lines) if line.split() == ["from", "to"]]
    assert_that(heads, contains_exactly(4, len(lines) - 10))


def test_nothing_is_cut_off_however_long_it_is(printed: Printed) -> None:
    lines = printed(preview(made=changes(content="x" * 300)))
    whole = "".join(line.strip() for line in lines)
    assert_that(whole.count("x" * 300), equal_to(3))
    assert_that([line for line in lines if len(line) > 80], empty())


def test_ids_are_text_whatever_they_are(printed: Printed) -> None:
    id_ = "[/red] [bold]\x1b[2J"
    text = "\n".join(printed(preview(id_, id_, changes(id_, id_, id_)), full=True))
    assert_that(text.count(r"[/red] [bold]\x1b[2J"), greater_than(6))


def test_nothing_is_told_where_nothing_changes(printed: Printed) -> None:
    lines = printed(dataclasses.replace(preview(made=[]), requests=(), follow_ups=()))
    assert_that(lines, has_items("  nothing changes"))
    assert_that(lines.count("  none"), equal_to(2))


def test_notes_say_what_to_think_about_before() -> None:
    notes = preview().notes()
    assert_that(notes, contains_exactly(f"{OLD} was merged into {NEW} on 2024-03-31."))
    empty_one = dataclasses.replace(preview(), to_account=account("x", enrolments=0, contents=0, last_access=None))
    assert_that(
        empty_one.notes(),
        has_items(
            "The from account was used last: make sure that x is the account that the learner keeps.",
            "There is no enrolment and no content of x.",
        ),
    )
