"""Options that do not go together are refused from one table."""

from __future__ import annotations

from typing import Any

import pytest

from sintonia.cli.adjust import DEEDS
from sintonia.cli.together import Deed, refuse_mixed
from sintonia.errors import UsageError

PLANTED = {
    "--apply": Deed(beside={"--pick": ""}),
    "--scale": Deed(beside={"--out": "--out FOLDER"}, as_in="--scale 0.6"),
    "--curve": Deed(beside={"--yes": ""}),
    "--combine": Deed(beside={"--yes": ""}),
}


def refuse(**given: Any) -> None:
    refuse_mixed(PLANTED, {f"--{name}": value for name, value in given.items()})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"apply": False, "pick": None, "scale": None},
        {"apply": True},
        {"apply": True, "pick": 2},
        {"scale": 0.0, "out": "new"},
        {"curve": True},
        {"combine": True, "yes": True},
        {"apply": True, "scale": []},
    ],
)
def test_what_goes_together_is_let_through(given: dict[str, Any]) -> None:
    refuse(**given)


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ({"apply": True, "curve": True}, "`--apply` and `--curve` are two things", "one at a time"),
        ({"curve": True, "pick": 1}, "`--pick` does not go with `--curve`", "belongs to `--apply`"),
        ({"pick": 3}, "`--pick` belongs to `--apply`", "add --apply: --apply --pick 3"),
        ({"scale": 0.5}, "`--scale` needs `--out FOLDER`", "--scale 0.6 --out FOLDER"),
        ({"scale": 0.0}, "`--scale` needs `--out FOLDER`", "--scale 0.6 --out FOLDER"),
        ({"yes": True}, "`--yes` belongs to `--curve` or `--combine`", "add --curve: --curve --yes"),
        ({"out": "new"}, "`--out` needs `--scale 0.6`", "--scale 0.6 --out FOLDER"),
    ],
)
def test_what_does_not_is_refused_with_what_does(given: dict[str, Any], what: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        refuse(**given)
    assert what in refused.value.what and hint in refused.value.hint


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        (
            ("--combine", "--yes"),
            "`--yes` does nothing for `--combine` without `--seeds",
            "--combine --seeds 2 --yes",
        ),
        (("--curve", "--yes"), "`--yes` does nothing for `--curve` without `--fine-tune`", "--curve --fine-tune --yes"),
        (("--yes",), "`--yes` belongs to `--curve`", "add --curve: --curve --fine-tune --yes"),
    ],
)
def test_a_yes_to_nothing_is_refused(given: tuple[str, ...], what: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        refuse_mixed(DEEDS, dict.fromkeys(given, True))
    assert what in refused.value.what and hint in refused.value.hint
    for whole in (("--combine", "--seeds", "--yes"), ("--curve", "--fine-tune", "--yes"), ("--add", "--yes")):
        refuse_mixed(DEEDS, dict.fromkeys(whole, True))


def test_the_table_of_adjust_names_no_option_twice() -> None:
    beside = [name for deed in DEEDS.values() for name in deed.beside]
    assert not set(beside) & set(DEEDS)
