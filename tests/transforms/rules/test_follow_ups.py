from faults.memory_tables import merge_event
from transforms.elements import MergeEvent
from transforms.rules.follow_ups import FollowUp, follow_ups


def _log(*into: str, mid: str | None = "m") -> list[dict[str, object]]:
    return [{"userid": "b", "intoid": account, "mid": mid} for account in into]


def _into(event: MergeEvent, *log: str) -> list[str]:
    return [follow_up.into_account for follow_up in follow_ups(event, _log(*log))]


def test_there_is_a_follow_up_into_each_account_of_the_log_in_their_order() -> None:
    assert _into(merge_event("a", "b"), "e", "c", "d") == ["c", "d", "e"]


def test_without_a_log_there_are_none() -> None:
    assert _into(merge_event("a", "b")) == []


def test_the_path_of_a_follow_up_is_the_accounts_passed_so_far() -> None:
    (first,) = follow_ups(merge_event("a", "b"), _log("c"))
    assert first.path == ("a", "b")
    (second,) = follow_ups(merge_event("b", "c", path=first.path), _log("d"))
    assert second.path == ("a", "b", "c")


def test_an_account_on_the_path_may_need_one_too() -> None:
    assert _into(merge_event("b", "c", path=("a", "b")), "a", "b", "d") == ["a", "b", "d"]


def test_a_path_names_each_account_once() -> None:
    (follow_up,) = follow_ups(merge_event("b", "a", path=("a", "b")), _log("c"))
    assert follow_up.path == ("a", "b")


def test_accounts_are_told_apart_exactly() -> None:
    assert _into(merge_event("a", "b"), "A", "a ", "e\u0301", "\u00e9") == ["A", "a ", "e\u0301", "\u00e9"]


def _mid(event: MergeEvent, into: str = "c", log_mid: str | None = "m") -> str:
    (follow_up,) = follow_ups(event, _log(into, mid=log_mid))
    return follow_up.mid


def test_the_mid_is_derived_from_both_events() -> None:
    event = merge_event("a", "b", mid="x")
    assert _mid(event) == _mid(merge_event("a", "b", mid="x")), "a repeat has the same"
    others = [
        _mid(merge_event("a", "b", mid="y")),
        _mid(merge_event("a", "d", mid="x")),
        _mid(event, into="d"),
        _mid(event, log_mid="n"),
        _mid(event, log_mid=None),
        _mid(merge_event("a", "b", mid="")),
        _mid(merge_event("e", "b", mid="")),
    ]
    assert len({_mid(event), *others}) == len(others) + 1


def test_the_mid_never_changes() -> None:
    event = merge_event("a", "b", mid="LP.1.x")
    assert list(follow_ups(event, _log("c"))) == [
        FollowUp("c", ("a", "b"), "LP.1.dc5826b3-1b37-5e9e-892e-756a1ef9834c"),
    ]
