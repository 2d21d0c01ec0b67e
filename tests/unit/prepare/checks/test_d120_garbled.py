"""Texts that nobody can read, and the many that only look so to a careless check."""

from __future__ import annotations

import base64
import json
import random

import pytest

from sintonia.prepare.checks import d120_garbled
from sintonia.prepare.checks.d120_garbled import why_garbled
from tests.unit.prepare.checks.text_rows import audit_of, lines_of, run_row_check, sentences

_CHANCE = random.Random(7)
_NOISE = "".join(chr(_CHANCE.randrange(33, 127)) for _ in range(600))
UNREADABLE = [
    ("my c\ufffdrd is l\ufffdst", "cannot be shown"),
    ("my card\x00\x01 is lost", "cannot be shown"),
    ("\ue012\ue013\ue044 is lost today", "cannot be shown"),
    ("????? ??? ?? ??????", "`?`"),
    ("%$&/()=?!^*<>@~%$&/(#)=?^*<>@~", "hardly a letter"),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "over and over"),
    ("thetransferwasdeclinedandidonotknowwhatishoulddonow", "without end"),
    (base64.b64encode(_CHANCE.randbytes(60)).decode(), "without end"),
    ("I do not know. " * 80, "one phrase"),
    (_NOISE, "noise"),
]
READABLE = [
    "def f(x):\n    return {k: v for k, v in x.items() if v != 0}  # <- all of them",
    "SELECT count(*) FROM pets WHERE weight > 10 AND (a = 'x' OR b <> 'y');",
    json.dumps([{"a": number, "b": [], "c": {"d": {}}} for number in range(8)]),
    "^(?:[a-z0-9]+|\\d{2,})*$",
    "https://www.example.com/a/very/long/path/that/goes/on/and/on?with=queries&more=1#and-a-fragment",
    "#throwbackthursdaywithallmyfriendsinthecityofrome",
    "Donaudampfschiffahrtsgesellschaftskapitän",
    "AbstractSingletonProxyFactoryBeanImplementationForTheTests",
    "ACGTTGCAACGTAGCTAGCTAGCATCGATCGATCGACTAGCACGTTGCAAC",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "👍🏽 wow 👩‍👩‍👧‍👦!!! :-) :-D",
    "what?????????? really??",
    "................................",
    "| 1 | 2 | 3 |\n|---|---|---|\n| 4 | 5 | 6 |",
    "\n".join(",".join(f"{_CHANCE.random():.3f}" for _ in range(8)) for _ in range(60)),
    "0 1 0 1 0 0 0 1 1 1 0 0 1 0 1 0 1",
    "打开厨房的灯然后关上客厅的窗户再把卧室的温度调到二十二度同时告诉我今天的天气怎么样以及明天会不会下雨谢谢你",
    "เปิดไฟในห้องครัวแล้วปิดหน้าต่างในห้องนั่งเล่นและบอกสภาพอากาศวันนี้ด้วยขอบคุณมากค่ะ",
    "أضئ مصباح المطبخ ثم أغلق نافذة غرفة المعيشة من فضلك",
    "キッチンの電気をつけてからリビングの窓を閉めて今日の天気を教えてください",
    "रसोई की बत्ती जलाओ और खिड़की बंद करो",
]


@pytest.mark.parametrize(("text", "reason"), UNREADABLE)
def test_what_nobody_can_read_is_told_with_its_reason(text: str, reason: str) -> None:
    assert reason in why_garbled(text)


@pytest.mark.parametrize("text", READABLE)
def test_code_tables_emoji_and_other_scripts_pass(text: str) -> None:
    assert why_garbled(text) == ""


def test_planted_rows_give_a_warning_with_lines_and_reasons() -> None:
    planted = [text for text, _ in UNREADABLE]
    finding = run_row_check(d120_garbled, audit_of([*sentences("en", 190), *planted]))
    assert lines_of(finding) == list(range(191, 201))
    assert finding
    assert (finding.severity, finding.count) == ("warning", 10)
    assert "10 rows of 200 (5.0 %)" in finding.message
    assert "cannot be shown" in finding.message


def test_one_row_of_many_is_a_note_and_so_are_most_of_them() -> None:
    few = run_row_check(d120_garbled, audit_of([*sentences("en", 300), _NOISE]))
    most = run_row_check(d120_garbled, audit_of([*sentences("en", 10), *["\ufffd" * 12] * 30]))
    assert few and most
    assert (few.severity, most.severity) == ("note", "note")
    assert "nothing to do" in most.hint


def test_clean_rows_give_nothing() -> None:
    assert run_row_check(d120_garbled, audit_of(sentences("it", 200))) is None


def test_a_garbled_answer_counts_too() -> None:
    finding = run_row_check(d120_garbled, audit_of(sentences("en", 50), ["fine"] * 49 + ["\ufffd" * 20], task="chat"))
    assert lines_of(finding) == [50]
