"""Looks over the lines of a training file before a job begins, so that the row at fault can be named.

It follows OpenAI's rules for conversations and preferences. What the lines of other tasks must be the pipeline says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FEWEST = 50
"""Examples from which a verdict can be had; OpenAI asks for 10."""
MOST_LINE_BYTES = 16 * 2**20
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_KEYS = ("role", "content", "name", "function_call", "weight", "tool_calls", "tool_call_id", "refusal", "annotations",
         "audio", "reasoning", "reasoning_content", "thinking")  # fmt: skip
_BETTER = ("preferred_output", "preferred_completion")
_WORSE = ("non_preferred_output", "non_preferred_completion")


class Unfit(Exception):
    """A file that no job can learn from: OpenAI's code, the line at fault, the field of the request."""

    def __init__(self, code: str, message: str, about: str) -> None:
        super().__init__(message)
        self.code, self.message, self.about = code, message, about


def check_file(path: Path, task: str, *, about: str = "training_file", fewest: int = FEWEST) -> int:
    """How many examples a file has.

    Args:
        path: The file.
        task: What is learned from it: `chat` and `prefer` have OpenAI's rules.
        about: Which file of the request it is.
        fewest: Examples that it must have.

    Raises:
        Unfit: a line that is no example, or too few of them.
    """
    look, count = _RULES.get(task, _no_rule), 0
    for number, row in _rows(path, about):
        if problem := look(row):
            raise Unfit("invalid_training_file", f"Line {number} of the file: {problem}", about)
        count += 1
    if count < fewest:
        kind = "Training" if about == "training_file" else "Validation"
        raise Unfit(
            "invalid_n_examples",
            f"{kind} file has {count} example(s), but must have at least {fewest} examples",
            about,
        )
    return count


def _rows(path: Path, about: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MOST_LINE_BYTES + 1):
            number += 1
            if not line.strip():
                continue
            row, problem = _row(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            if problem:
                raise Unfit("invalid_training_file", f"Line {number} of the file: {problem}", about)
            yield number, row


def _row(line: bytes) -> tuple[dict[str, Any], str]:
    if len(line) > MOST_LINE_BYTES:
        return {}, f"it is longer than {MOST_LINE_BYTES // 2**20} MiB"
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return {}, "it is not UTF-8"
    except (ValueError, RecursionError):
        return {}, "it is not JSON"
    return (row, "") if isinstance(row, dict) else ({}, "data_type: it is not a JSON object")


def _conversation(row: dict[str, Any]) -> str:
    """What is wrong with a row of answers, empty for nothing."""
    if "messages" not in row and {"prompt", "completion"} <= row.keys():
        texts = (row["prompt"], row["completion"])
        return "" if all(isinstance(one, str) and one.strip() for one in texts) else "an empty prompt or completion"
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return "missing_messages_list: there is no list `messages`"
    if problem := _problem_of(messages):
        return problem
    if not any(one["role"] == "assistant" and one.get("weight") != 0 for one in messages):
        return "example_missing_assistant_message: nothing is said by the assistant that counts"
    if "tools" in row and not isinstance(row["tools"], list):
        return "`tools` is not a list"
    return ""


def _preference(row: dict[str, Any]) -> str:
    """What is wrong with a row of two answers, empty for nothing."""
    asked = row.get("input")
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list) or not asked["messages"]:
        return "missing_messages_list: there is no list `messages` in `input`"
    if problem := _problem_of(asked["messages"]):
        return f"input: {problem}"
    for names in (_BETTER, _WORSE):
        found = [name for name in names if name in row]
        if len(found) != 1:
            return f"one of {' and '.join(names)} is needed, {len(found)} are there"
        answer = row[found[0]]
        if not isinstance(answer, list) or not answer:
            return f"`{found[0]}` is not a list of messages"
        if problem := _problem_of(answer):
            return f"{found[0]}: {problem}"
        if answer[-1]["role"] != "assistant":
            return f"{found[0]}: its last message is not the assistant's"
    return ""


def _problem_of(messages: list[Any]) -> str:
    for number, message in enumerate(messages, start=1):
        if problem := _message(message):
            return f"message {number}: {problem}"
    return ""


def _message(message: Any) -> str:
    """What is wrong with a message, by the names of OpenAI's own checks."""
    if not isinstance(message, dict):
        return "data_type: it is not an object"
    if "role" not in message:
        return "message_missing_key: it has no role"
    if unknown := [key for key in message if key not in _KEYS]:
        return f"message_unrecognized_key: {unknown[0][:40]!r}"
    if message["role"] not in ROLES:
        return f"unrecognized_role: {str(message['role'])[:40]!r}"
    has_call = message["role"] == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))
    content = message.get("content")
    if content is None and not has_call:
        return "missing_content: it has no content"
    if content is not None and not isinstance(content, str | list):
        return "missing_content: its content is not a text"
    weight = message.get("weight")
    if weight is not None and (isinstance(weight, bool) or weight not in (0, 1) or message["role"] != "assistant"):
        return "its weight is not 0 or 1, or it is not the assistant's"
    return ""


def _no_rule(row: dict[str, Any]) -> str:
    return "" if row else "data_type: it is empty"


_RULES: dict[str, Callable[[dict[str, Any]], str]] = {"chat": _conversation, "prefer": _preference}
