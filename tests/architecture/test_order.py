"""The order of the test files: what is named as long is there."""

from __future__ import annotations

from tests.conftest import LONGEST, ROOT


def test_the_files_that_begin_first_exist() -> None:
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
