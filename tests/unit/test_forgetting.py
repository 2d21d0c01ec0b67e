"""Erased rows are taken out of what earlier tests held, and a kill at any write leaves a ledger that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.files import write_json, write_lines
from sintonia.sealed import forget_inputs, ledger
from sintonia.sealed.ledger import count_opening, openings_of

_INPUTS = [f"{number:016x}" for number in range(20)]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("write", range(1, 9))
def test_a_kill_at_any_write_leaves_a_whole_ledger_and_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    data = tmp_path / "rows.csv"
    for candidate in ("first", "second"):
        count_opening(data, "a" * 64, candidate, _INPUTS)
    counted = 0

    def killing(real):
        def written(*given: object) -> None:
            nonlocal counted
            counted += 1
            if counted == write:
                raise Killed
            real(*given)

        return written

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "write_json", killing(write_json))
        patched.setattr(ledger, "write_lines", killing(write_lines))
        with pytest.raises(Killed):
            forget_inputs(data, {_INPUTS[0]})
    rest = frozenset(_INPUTS[1:])
    assert len(openings_of(data, "b" * 64, rest)) == 2
    forget_inputs(data, {_INPUTS[0]})
    held = [path.read_text() for path in tmp_path.rglob("tests/*.json")]
    assert held and not any(_INPUTS[0] in one for one in held)
    assert len(openings_of(data, "b" * 64, rest)) == 2
    assert count_opening(data, "c" * 64, "third", sorted(rest)) == 3


def test_what_is_tried_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    count_opening(data, "a" * 64, "first", _INPUTS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(forget_inputs(data, {_INPUTS[0]}, is_tried=True)) == 2
    assert forget_inputs(data, {"f" * 16}, is_tried=True) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
