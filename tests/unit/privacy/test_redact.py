"""Placeholders are consistent, the rest stays, and a mapping opens with its passphrase alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sintonia.errors import StorageError, UsageError
from sintonia.privacy import Redactor
from sintonia.privacy.redact import restore
from sintonia.privacy.sealed_mapping import read_mapping, write_mapping

PASSPHRASE = "a long passphrase"
MAPPING = {"[EMAIL_1]": "anna@example.org", "[PHONE_1]": "333 1234567"}


def test_spellings_of_one_value_share_a_placeholder() -> None:
    redactor = Redactor()
    assert redactor.redact("333 1234567, +39 333 123 4567; 0039 333 1234567") == "[PHONE_1], [PHONE_1]; [PHONE_1]"
    assert redactor.redact("Anna@Example.org anna@example.org") == "[EMAIL_1] [EMAIL_1]"
    assert redactor.redact("bea@example.org") == "[EMAIL_2]"
    assert redactor.redact("IT07643520567, P.IVA 07643520567") == "[PARTITA_IVA_1], P.IVA [PARTITA_IVA_1]"
    assert redactor.num_replaced == {"phone": 3, "email": 3, "partita_iva": 2}
    assert redactor.num_distinct == {"phone": 1, "email": 2, "partita_iva": 1}
    assert redactor.mapping["[EMAIL_1]"] == "Anna@Example.org"


def test_the_rest_stays_character_by_character() -> None:
    text = "  \tÀ “x”\r\n\u00a0anna@example.org\u2028 "
    assert Redactor().redact(text) == text.replace("anna@example.org", "[EMAIL_1]")


def test_a_title_counts_as_words_before_the_text() -> None:
    assert Redactor().redact("07643520567") == "07643520567"
    assert Redactor().redact("07643520567", title="partita_iva") == "[PARTITA_IVA_1]"
    assert Redactor().redact("3331234567", title="order_id") == "3331234567"


def test_a_reserved_placeholder_is_never_given_out() -> None:
    redactor = Redactor()
    redactor.reserve("as [EMAIL_7] said")
    assert redactor.redact("anna@example.org") == "[EMAIL_8]"


def test_restoring_undoes_redacting() -> None:
    redactor, text = Redactor(), "Anna: anna@example.org, 333 1234567, [EMAIL_x] [PHONE_99]"
    assert restore(redactor.redact(text), redactor.mapping) == text


def test_a_mapping_is_encrypted_private_and_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "mapping"
    write_mapping(path, MAPPING, PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(value.encode() in path.read_bytes() for value in [*MAPPING, *MAPPING.values()])
    assert read_mapping(path, PASSPHRASE) == MAPPING
    with pytest.raises(StorageError, match="passphrase is wrong"):
        read_mapping(path, PASSPHRASE + "x")


def test_no_changed_bit_goes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "mapping"
    write_mapping(path, MAPPING, PASSPHRASE)
    content = path.read_bytes()
    everywhere = [(place, 5) for place in range(len(content))]  # bit 5 turns `a` into `A`, the same hex digit
    for place, bit in [*everywhere, *((place, place % 8) for place in range(0, len(content), 17))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
        with pytest.raises(StorageError, match=r"was changed|schema"):
            read_mapping(path, PASSPHRASE)
    path.write_bytes(content[:-30])
    with pytest.raises(StorageError, match="was changed"):
        read_mapping(path, PASSPHRASE)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too short"):
        write_mapping(tmp_path / "mapping", MAPPING, "short")
    assert list(tmp_path.iterdir()) == []
