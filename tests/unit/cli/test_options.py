"""What is typed becomes a recipe and a run folder, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.cli.options import (
    build_recipe,
    columns_of,
    data_and_overrides,
    run_path,
    seconds_of,
    setting_help,
)
from sintonia.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2H", 7200)],
)
def test_a_budget_is_read_in_any_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "0", "-5m", "10 m", "5d", "m", "0s"])
def test_a_budget_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a length of time"):
        seconds_of(text)


def test_columns_are_read_by_role() -> None:
    assert columns_of("input=text, target=team name") == {"input": "text", "target": "team name"}


@pytest.mark.parametrize("text", ["text", "input=", "=text", "input=a,,target=b"])
def test_columns_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="role=column"):
        columns_of(text)


def test_options_win_over_the_file_and_overrides_over_both(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("seed: 1\nmethod: head\ndata: {path: a.csv}\ntraining: {epochs: 2, dropout: 0.2}\n")
    recipe = build_recipe(file, {"seed": 5, "method": None}, ["training.epochs=3", "training.learning_rate=2e-4"])
    assert (recipe.seed, recipe.method, recipe.data.path) == (5, "head", "a.csv")
    assert (recipe.training.epochs, recipe.training.dropout, recipe.training.learning_rate) == (3, 0.2, 2e-4)


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(None, {"data.path": "a.csv"}, ["training.epoch=3"])
    assert caught.value.exit_code == 2
    assert "`training.epochs`" in str(caught.value)


def test_no_data_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no data"):
        build_recipe(None, {"seed": 3}, [])


def test_the_first_word_may_be_an_override_when_a_recipe_names_the_data() -> None:
    assert data_and_overrides("seed=3", ["method=head"]) == (None, ["seed=3", "method=head"])


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a=b.csv"
    file.touch()
    assert data_and_overrides(str(file), []) == (str(file), [])


def test_a_second_word_that_is_no_override_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`b\.csv` is not `setting=value`"):
        data_and_overrides("a.csv", ["b.csv"])


def test_run_folders_are_numbered_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_path(None, "bank data") == Path("runs/bank-data-001")
    for name in ("bank-data-001", "bank-data-007", "bank-data-old", "bank-012"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert run_path(None, "bank data") == Path("runs/bank-data-008")
    assert run_path(Path("here"), "bank data") == Path("here")


def test_the_help_of_an_option_is_the_documentation_of_its_setting() -> None:
    assert "never moves the split" in setting_help("seed")
