"""What is not UTF-8 is read only when it is certainly Windows-1252; all else is refused by name, never mangled."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import DataError
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Table, look_at

WESTERN = {
    "Italian": "perché no, così è più città: l’amico disse “già” e pagò 5 €",
    "French": "l'été à Noël, où le cœur déçu rêve : « ça va » déjà créée",
    "German": "für größere Häuser „schön“ übrig, Straße, Äpfel, Öl",
    "Spanish": "¿qué pasó mañana? ¡está aquí! el niño, la acción, 3º y 4ª",
    "Portuguese": "não há informação, às três manhãs, você é avó, lições",
    "Swedish": "på väg över ån, små grå äpplen",
    "Danish": "blåbær på øen, æbler og grød",
    "Icelandic": "það er þú, sjá ekki ömmu mína, já ætla að sofa",
    "signs": "20 °C ± 1, § 5, m² – und … 5 µm · ½ Tasse — ©",
}
OTHERS = {
    "cp1251": "привет, как дела сегодня вечером",
    "koi8_r": "привет, как дела сегодня вечером",
    "cp1253": "καλημέρα σε όλους τους φίλους",
    "cp1255": "שלום לכולם היום יפה מאוד",
    "cp1256": "مرحبا بكم جميعا في هذا اليوم",
    "shift_jis": "今日はとても良い天気ですね、散歩に行きましょう",
    "euc_jp": "今日はとても良い天気ですね、散歩に行きましょう",
    "gb18030": "今天天气很好，我们去公园散步吧",
    "big5": "今天天氣很好，我們去公園散步吧",
    "euc_kr": "오늘은 날씨가 아주 좋습니다 공원에 갑시다",
    "cp1250": "příliš žluťoučký kůň úpěl ďábelské ódy, zażółć gęślą jaźń",
    "iso8859_2": "dnes je velmi hezké počasí, půjdeme na procházku, věřím",
    "cp1254": "bugün hava çok güzel, yürüyüşe çıkalım, ığşİĞ",
    "cp1257": "šiandien labai gražus oras, eikime pasivaikščioti, ačiū už žinią",
    "mac_roman": "perché no, così è più città, però già",
    "cp850": "perché no, così è più città, però già",
    "iso8859_15": "costa 5 € e non di più, perché",
}


def _read(folder: Path, content: bytes) -> Table:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return look_at(open_source(path))


def _rows(text: str) -> str:
    return "text;label\n" + "".join(f"plain words {number} {text};{'ab'[number % 2]}\n" for number in range(40))


@pytest.mark.parametrize("language", WESTERN)
def test_western_text_is_read_and_said(tmp_path: Path, language: str) -> None:
    content = _rows(WESTERN[language])
    table = _read(tmp_path, content.encode("cp1252"))
    assert [row.values["text"] for row in table.rows] == [line.split(";")[0] for line in content.splitlines()[1:]]
    count = sum(not character.isascii() for character in content)
    assert any("Windows-1252" in note and f"{count:,} characters" in note for note in table.notes)


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_encodings_are_refused_with_a_way_to_convert(tmp_path: Path, encoding: str) -> None:
    text = OTHERS[encoding].encode(encoding, errors="ignore").decode(encoding)
    with pytest.raises(DataError, match="is not UTF-8") as caught:
        _read(tmp_path, _rows(text).encode(encoding))
    assert caught.value.where.endswith(":2")
    assert ".decode(" in caught.value.hint
    assert text not in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "gb18030", "mac_roman", "euc_kr", "big5"])
def test_the_likely_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, _rows(OTHERS[encoding]).encode(encoding))
    assert encoding in str(caught.value)


def test_one_accent_in_many_rows_is_read(tmp_path: Path) -> None:
    table = _read(tmp_path, b"text,label\n" + b"hello,a\n" * 60 + b"caff\xe8,b\n")
    assert table.rows[-1].values["text"] == "caffè"


def test_two_encodings_in_one_file_are_refused_with_a_line_of_each(tmp_path: Path) -> None:
    for first, second in (("utf-8", "cp1252"), ("cp1252", "utf-8")):
        content = b"text,label\n" + b"x,a\n" * 5 + "perché,a\n".encode(first) + b"x,a\n" * 7 + "già,b\n".encode(second)
        with pytest.raises(DataError, match="two encodings in one file") as caught:
            _read(tmp_path, content)
        bad, good = (15, 7) if first == "utf-8" else (7, 15)
        assert f"line {good} holds UTF-8" in caught.value.what
        assert caught.value.where.endswith(f":{bad}")


def test_a_file_that_ends_within_a_character_is_refused(tmp_path: Path) -> None:
    for content in (b"text,label\nperch\xc3\xa9,a\ncaff\xc3", b"text,label\na,perch\xc3", b"text,label\na,\xe2\x82"):
        with pytest.raises(DataError, match="is not UTF-8"):
            _read(tmp_path, content)


def test_a_mark_that_lies_is_believed_by_nobody(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="begins with its mark"):
        _read(tmp_path, b"\xef\xbb\xbftext,label\ncaff\xe8,a\n")
