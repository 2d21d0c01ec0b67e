"""Quality against speed: what the layers of a training cost, and what training fewer of them came to beside it.

It measures and tells. Which turn is judged and kept stays with validation alone (`turns.py`).
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sintonia.adjust.remedies.speed import WORTHWHILE, time_factor
from sintonia.corridor.planning import read_ground
from sintonia.evaluate.answers import answers_of
from sintonia.evaluate.compare import FEWEST_EXAMPLES, Rule, compare
from sintonia.methods import METHODS
from sintonia.metrics import METRICS, Metric
from sintonia.records import Candidate, Change, Evaluation, Event, Interval, LayerWork, Scorecard, Turn
from sintonia.resources.estimate import num_frozen
from sintonia.tasks import TASKS
from sintonia.train import Job

FORWARD = (0.2, 0.6)
"""Share of a step that a forward pass can be: a third where all weights train, a half beside adapters, and room for
what a validation costs besides."""
_HALF, _SINGLE = 2, 4
"""Bytes of a number: training examples are kept in half precision, validation examples in single."""
_NUMBERED = re.compile(r"(.*?)\.?\b(\d+)\.")
"""Of a weight its first number, and what comes before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadTokens:
    """How many tokens the states of a frozen layer are kept of."""

    settings: str
    """What they were counted under."""
    num_train: int
    num_validation: int
    """0 where the states of validation examples are not kept."""


def layer_work(job: Job, candidate: Candidate) -> LayerWork | None:
    """What the layers cost in a training that has ended; None where some were frozen, or cannot be told apart."""
    base, recipe = job.base, job.recipe
    if not METHODS[recipe.method].trains_encoder or num_frozen(recipe, base.num_layers) or base.num_layers < 2:
        return None
    evaluations = job.run.lines(job.file("evaluations.jsonl"), Evaluation)
    step, validation = _mean_seconds(job.run.lines(job.file("events.jsonl"), Event))
    if not step or not validation or not evaluations:
        return None
    if num_separate_layers(job.run.file(candidate.weights)) != base.num_layers:
        return None
    num_scored = len(job.validation) + len(evaluations[0].train_losses)
    share = validation / max(num_scored, 1) / (step / int(recipe.training.batch_examples))
    work = LayerWork(
        num_layers=base.num_layers,
        num_epochs=evaluations[-1].epoch,
        step_seconds=step * candidate.last_step,
        validation_seconds=validation * len(evaluations),
        num_validations=len(evaluations),
        forward_fraction=min(max(share, FORWARD[0]), FORWARD[1]),
        kept_bytes=0,
        keeps_validation=TASKS[recipe.task].BASE == "language",
    )
    return dataclasses.replace(work, kept_bytes=_kept_bytes(job, candidate)) if _is_worth_keeping(job, work) else work


def trade_in_words(job: Job, before: Turn, turn: Turn) -> str:
    """Validation and seconds of a turn that was tried for its speed beside those of the turn it started from."""
    facts = f"{_facts(job, turn)}; {_facts(job, before)} (validation, seconds of training as measured)"
    if turn.resources.seconds >= before.resources.seconds:
        return f"{facts}: it was not quicker, so nothing speaks for it"
    metric, is_primary = METRICS[job.primary_metric], job.primary_metric == turn.primary_metric
    started = next((one.metric for one in job.run.lines(job.file("evaluations.jsonl"), Evaluation)), 0.0)
    margin = metric.margin(job.recipe.evaluation.margin if is_primary else "auto", started)
    saved = 1 - turn.resources.seconds / before.resources.seconds
    loss = _loss_of(job, before, turn, margin)
    how = _held_against(loss, metric, margin, len(job.validation))
    how = how if is_primary else f"by {metric.title}, which training follows: {how}"
    again = f"; the next training can begin with `{_asked(job, turn)}`" if loss and loss.high <= margin else ""
    return (
        f"{facts}: {how}; it saves {saved:.0%} of the time{again}. Which model is kept is decided by validation alone"
    )


def num_separate_layers(folder: Path) -> int:
    """How many layers the saved weights of a model or of its adapters hold: fewer than there are where they share."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for found in map(_NUMBERED.match, _weight_names(folder)):
        if found:
            numbers[found[1]].add(int(found[2]))
    return max(map(len, numbers.values()), default=0)


def _weight_names(folder: Path) -> Iterator[str]:
    from safetensors import safe_open

    for path in sorted(folder.rglob("*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            yield from weights.keys()


def _mean_seconds(events: Sequence[Event]) -> tuple[float, float]:
    """Of an optimizer step and of a validation: the time since the event before; a resumed stretch begins anew."""
    sums: dict[str, list[float]] = {"step": [], "validated": []}
    for before, event in pairwise(events):
        seconds = event.seconds - before.seconds
        if event.kind in sums and before.kind != "resumed" and seconds >= 0:
            sums[event.kind].append(seconds)
    step, validated = ((sum(one) / len(one) if one else 0.0) for one in sums.values())
    return step, validated


def _is_worth_keeping(job: Job, work: LayerWork) -> bool:
    """Whether the states of frozen layers could be kept, and even then the upper half alone would be offered.

    What the turn took besides steps and validations only makes the offer smaller.
    """
    training, change = job.recipe.training, job.run.read(job.file("change.json"), Change)
    asked = (change.recipe if change else job.run.recipe()).training.cache  # it is filled with off: no layer is frozen
    is_in_sequences = training.long_texts == "windows" or training.text_pairs == "compared"
    if is_in_sequences or asked == "off" or (asked != "on" and float(training.epochs) <= 1):
        return False
    if TASKS[job.recipe.task].BASE == "language":
        ground = read_ground(job.run)
        if ground is None or not ground.can_fuse or not training.fused:
            return False
    upper = (work.num_layers - work.num_layers // 2) / work.num_layers
    measured = work.step_seconds + work.validation_seconds
    return time_factor(work, measured, upper, keeps_states=True) <= WORTHWHILE


def _kept_bytes(job: Job, candidate: Candidate) -> int:
    """What the states of a frozen layer take on disk; the tokens of a part are counted once a run."""
    settings = f"{job.recipe.training.max_tokens} {job.recipe.chat.learn} {job.recipe.chat.template}"
    kept = f"cache/read-tokens-{job.part}.json"
    found = job.run.read(kept, _ReadTokens)
    if found is None or found.settings != settings:
        found = _count_tokens(job, candidate, settings)
        job.run.write(kept, found)
    return job.base.hidden_size * (_HALF * found.num_train + _SINGLE * found.num_validation)


def _count_tokens(job: Job, candidate: Candidate, settings: str) -> _ReadTokens:
    from sintonia.models.loading import load_tokenizer

    limit, tokenizer = int(job.recipe.training.max_tokens), load_tokenizer(job.run.file(candidate.weights))
    if TASKS[job.recipe.task].BASE != "language":
        from sintonia.models.tokens import tokenize

        num_train = sum(map(len, tokenize(tokenizer, [one.input for one in job.train], limit).ids))
        return _ReadTokens(settings=settings, num_train=num_train, num_validation=0)
    from sintonia.models.language.frozen import read_tokens
    from sintonia.models.language.template import load_template

    template, num_tokens = load_template(tokenizer), []
    for examples in (job.train, job.validation):
        rendered = template.render_all([one.whole for one in examples], limit, job.recipe.chat.learn)
        num_tokens.append(sum(map(len, read_tokens([one.row for one in rendered]))))
    return _ReadTokens(settings=settings, num_train=num_tokens[0], num_validation=num_tokens[1])


def _facts(job: Job, turn: Turn) -> str:
    """`upper 15 layers: 1.372 bits per byte in 212 s`."""
    num_layers, seconds = job.base.num_layers, turn.resources.seconds
    frozen = num_frozen(turn.recipe, num_layers)
    layers = f"upper {num_layers - frozen} layers" if frozen else f"all {num_layers} layers"
    score = f"{turn.validation_metric:.3f} {METRICS[turn.primary_metric].title}"
    return f"{layers}: {score} in {seconds:.{0 if seconds >= 10 else 1}f} s"


def _asked(job: Job, turn: Turn) -> str:
    """How a person asks for the layers that a turn trained."""
    frozen = num_frozen(turn.recipe, job.base.num_layers)
    has_adapters = METHODS[turn.recipe.method].has_adapters
    return f"lora.layers={job.base.num_layers - frozen}" if has_adapters else f"training.frozen_layers={frozen}"


def _loss_of(job: Job, before: Turn, turn: Turn, margin: float) -> Interval | None:
    """By how much the turn is worse than the one before, in its metric, example by example; None with too few."""
    metric, run = METRICS[job.primary_metric], job.run
    cards = [run.read(f"{run.turn(one.number)}/scorecards/validation.json", Scorecard) for one in (before, turn)]
    if len(job.validation) < FEWEST_EXAMPLES or cards[0] is None or cards[1] is None:
        return None
    answers = answers_of(metric, cards[0], cards[1], tuple(one.group for one in job.validation))
    found = compare(metric, answers, Rule(level=0.05, margin=margin, draws=2_000)).comparison.difference
    if not metric.higher_is_better:
        return found
    return Interval(value=-found.value, low=-found.high, high=-found.low)


def _held_against(loss: Interval | None, metric: Metric, margin: float, num_examples: int) -> str:
    """What the difference means where only one above the margin matters."""
    if loss is None:
        return f"{num_examples} validation examples are too few to compare them"
    size = f"{_size(metric, abs(loss.value))} {'better' if loss.value < 0 else 'worse'}"
    low, high, allowed = (_number(metric, one) for one in (loss.low, loss.high, margin))
    if loss.high < 0:
        return f"{size}, beyond chance"
    if loss.high <= margin:
        return f"{size}, within the margin of {allowed.lstrip('+')} also at the worst ({high}): as good in practice"
    if loss.low > margin:
        return f"{size}, more than the margin of {allowed.lstrip('+')} also at the best ({low}): worth all layers"
    between = f"by chance anything from {low} to {high} worse"
    return f"{size}, {between}: not shown to be within the margin of {allowed.lstrip('+')}"


def _number(metric: Metric, value: float) -> str:
    """A difference with its sign: shares in hundredths, which are points."""
    return f"{100 * value:+.1f}" if metric.unit == "points" else f"{value:+.3f}"


def _size(metric: Metric, value: float) -> str:
    """`2.0 points of accuracy`, `0.010 bits per byte`."""
    number = _number(metric, value).lstrip("+")
    is_named_so = metric.unit in ("plain", metric.title)
    return f"{number} {metric.title}" if is_named_so else f"{number} {metric.unit} of {metric.title}"
