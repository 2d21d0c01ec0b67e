"""Money is told by a person's own prices alone, those of the recipe before those of the home."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import UsageError
from sintonia.recipe import check_values, make_recipe, override, recipe_id
from sintonia.records import Energy
from sintonia.resources.price import FILE, money_of, read_prices
from sintonia.settings import PricesSettings

ENERGY = Energy(kwh=2.0, low=1.0, high=4.0, method="x")


def test_no_price_no_money(tmp_path: Path) -> None:
    assert money_of(read_prices(PricesSettings(), tmp_path), ENERGY, 5.0) is None
    assert money_of(PricesSettings(kwh=0.3), None) is None
    assert money_of(PricesSettings(gpu_hour=2.0), None, 0.0) is None


def test_money_has_the_range_of_the_energy_and_the_time_of_gpus_is_paid_besides() -> None:
    money = money_of(PricesSettings(kwh=0.5, gpu_hour=2.0, currency="EUR"), ENERGY, 1.5)
    assert money is not None and money.currency == "EUR"
    assert [money.low, money.amount, money.high] == pytest.approx([3.5, 4.0, 5.0])
    rented = money_of(PricesSettings(gpu_hour=2.0), None, 1.5)
    assert rented is not None and rented.low == rented.amount == rented.high == 3.0


def test_the_recipe_comes_before_the_file_of_the_home(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('kwh = 0.25\ncurrency = "CHF"\n')
    assert read_prices(PricesSettings(), tmp_path) == PricesSettings(kwh=0.25, currency="CHF")
    assert read_prices(PricesSettings(kwh=0.1), tmp_path) == PricesSettings(kwh=0.1, currency="CHF")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kwh = ", "this is not TOML"),
        ("\xff\xfe", "this is not TOML"),
        ("kwhh = 1", "unknown price `kwhh`"),
        ("kwh = -1", "`kwh` is -1"),
        ("kwh = nan", "`kwh` is nan"),
        ("kwh = true", "`kwh` is True"),
        ('gpu_hour = "2"', "`gpu_hour` is '2'"),
        ("currency = 3", "`currency` is 3"),
    ],
)
def test_a_file_of_prices_that_is_wrong_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=said) as refused:
        read_prices(PricesSettings(), tmp_path)
    assert refused.value.where == str(tmp_path / FILE) and refused.value.exit_code == 2


def test_prices_are_settings_that_do_not_change_what_a_recipe_is() -> None:
    plain = make_recipe({"data": {"path": "x"}})
    body: dict[str, object] = {"data": {"path": "x"}}
    override(body, "prices.kwh=0.3")
    priced = make_recipe(body)
    assert priced.prices.kwh == 0.3 and recipe_id(priced) == recipe_id(plain)
    with pytest.raises(UsageError, match=r"`prices\.kwh` is -1"):
        check_values(make_recipe({"data": {"path": "x"}, "prices": {"kwh": -1}}))
