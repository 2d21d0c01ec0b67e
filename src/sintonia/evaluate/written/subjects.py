"""Who writes: the tuned model, the base with the same prompt, the base with answered examples before it; and the base
that chooses among known answers (`closed.py`).

Where the verdict rests on texts, two answers that need no language model are held against them (B0 and B5 of science.md
1.5): the most common one, and that of the training prompt most alike. Fits see training rows only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import UsageError
from sintonia.evaluate.ladders.chat import AMONG_KNOWN, FEW_SHOT, ZERO_SHOT, LanguageGround
from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.written.writing import (
    MOST_VALIDATED,
    Prompt,
    Said,
    before_last_answer,
    drawn,
    has_room,
    prompts_of,
    write,
    write_candidate,
)
from sintonia.records import Baseline, Example, Scorecard, Split

TUNED = "tuned"
_AT_ONCE = 512

Texts = Mapping[str, tuple[Said, ...]]
"""What each subject wrote, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """An answer that is taken from the training examples as it is."""

    texts: Callable[[Sequence[Example], Sequence[Example]], list[str]]
    """(training examples, examples) to an answer for each."""
    description: str


def write_all(
    ground: LanguageGround,
    baselines: Sequence[Baseline],
    weights: Path,
    examples: Sequence[Example],
    new_tokens: int,
) -> Texts:
    """What the candidate in a folder and the base write to examples, all of which have a prompt.

    The base writes as those of its rungs that are given and write anything.
    """
    from sintonia.models.language.saved import open_language_candidate

    prompts = [one for one in prompts_of(ground.weigher.opened, examples, new_tokens) if one and one.is_whole]
    if len(prompts) != len(examples):
        raise ValueError("an example without a prompt cannot be written to")
    ids, opened = [one.ids for one in prompts], ground.weigher.opened
    said = {TUNED: write_candidate(open_language_candidate(weights), ids, new_tokens)}
    for one in baselines:
        if one.name == ZERO_SHOT:
            said[ZERO_SHOT] = write(opened, ids, new_tokens)
        elif one.name == FEW_SHOT:
            longer = _with_shots(ground, one.setting, examples, prompts, new_tokens)
            said[FEW_SHOT] = write(opened, longer, new_tokens)
        elif one.name == AMONG_KNOWN:
            known = ground.known
            texts = known.chosen(known.likelihoods(examples), one.setting)
            said[AMONG_KNOWN] = tuple(Said(text=text) for text in texts)
    return said


def score_writing(folder: Path, examples: Sequence[Example], split: Split, new_tokens: int) -> Scorecard:
    """The scorecard of what the candidate in a folder writes to some examples: at most 200, always the same.

    Raises:
        UsageError: none of them has a prompt that is read as a whole.
    """
    from sintonia.evaluate.written.cards import written_scorecard
    from sintonia.models.language.saved import open_language_candidate

    opened = open_language_candidate(folder)
    found = zip(examples, prompts_of(opened, examples, new_tokens), strict=True)
    whole = [(one, prompt) for one, prompt in found if prompt and prompt.is_whole]
    chosen = drawn([one.id for one, _ in whole], MOST_VALIDATED)
    asked = [(one, prompt.ids) for one, prompt in whole if one.id in chosen]
    if not asked:
        raise UsageError(
            f"no example of the {split} set has a prompt that is read as a whole, so nothing can be written",
            hint="raise `training.max_tokens`, or leave `evaluation.primary_metric` on auto",
        )
    said = write_candidate(opened, [ids for _, ids in asked], new_tokens)
    return written_scorecard(TUNED, split, [one for one, _ in asked], said)


def fitted_texts(train: Sequence[Example], examples: Sequence[Example]) -> Texts:
    """The answers of the rungs that write nothing themselves."""
    answered = [one for one in train if one.target.strip()]
    if not answered:
        return {}
    return {
        name: tuple(Said(text=text.strip()) for text in one.texts(answered, examples)) for name, one in FITTED.items()
    }


def _with_shots(
    ground: LanguageGround,
    setting: float,
    examples: Sequence[Example],
    prompts: Sequence[Prompt],
    new_tokens: int,
) -> list[tuple[int, ...]]:
    """The prompts with answered examples before them; where these do not fit, the prompt itself."""
    plain = ground.weigher.rows(examples)
    longer = []
    for row, bare, prompt in zip(ground.shots.rows(setting, examples, plain), plain, prompts, strict=True):
        found = before_last_answer(row) if row is not bare else None
        is_whole = found is not None and has_room(ground.weigher.opened, len(found.ids), new_tokens)
        longer.append(found.ids if found and is_whole else prompt.ids)
    return longer


def _most_common(train: Sequence[Example], examples: Sequence[Example]) -> list[str]:
    counts = Counter(one.target.strip() for one in train)
    common = min(counts, key=lambda text: (-counts[text], text))
    return [common] * len(examples)


def _nearest(train: Sequence[Example], examples: Sequence[Example]) -> list[str]:
    """The answer of the training prompt with the highest cosine over words, word pairs and pieces of words."""
    union = word_features(1)
    try:
        there = union.fit_transform([one.input for one in train])
    except ValueError:  # not one word in any training prompt
        return _most_common(train, examples)
    here, found = union.transform([one.input for one in examples]), []
    for start in range(0, len(examples), _AT_ONCE):
        cosines = (here[start : start + _AT_ONCE] @ there.T).toarray()
        found += [train[k].target for k in cosines.argmax(axis=1).tolist()]
    return found


FITTED: dict[str, Fitted] = {
    "most common answer": Fitted(
        texts=_most_common, description="always gives the most common answer of the training examples; no model"
    ),
    "answer of the nearest prompt": Fitted(
        texts=_nearest,
        description="the answer of the training example with the most similar prompt, by words and pieces of words",
    ),
}
