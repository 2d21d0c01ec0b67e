"""What EU AI Act Annex XI asks of whoever modifies a general-purpose model, as far as a run folder can tell it.

Each row is a fact of the run, or is left open for the person: nothing is assumed. It is no legal advice, and says
nothing of whether the duties apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sintonia.report import wording
from sintonia.report.contents import Contents
from sintonia.tasks import TASKS

OPEN = "to be filled by the provider"
_UNKNOWN = "unknown: the run is not that far yet"
_INPUTS = {
    "classify": "one text, or a pair of texts; out: one label of a fixed list, with its probability",
    "multilabel": "one text; out: any number of labels of a fixed list, each with its probability",
    "regress": "one text, or a pair of texts; out: a number",
    "tag": "one text; out: spans of it with labels",
    "embed": "one text; out: a vector of numbers",
    "chat": "a conversation as text; out: the text of the next message",
    "prefer": "a conversation as text; out: the text of the next message",
    "pretrain": "the beginning of a text; out: how it goes on",
}
_TOLD = (
    "training.epochs",
    "training.steps",
    "training.learning_rate",
    "training.batch_examples",
    "training.schedule",
    "training.weight_decay",
    "training.precision",
    "training.max_tokens",
    "lora.rank",
    "seed",
)
"""Settings that say how it was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnexRow:
    """One field: what the run says of it, or that it is open."""

    name: str
    value: str

    @property
    def is_open(self) -> bool:
        """Whether only the person knows it."""
        return self.value.startswith(OPEN)


def annex_rows(contents: Contents) -> tuple[AnnexRow, ...]:
    """All fields, in the order of the annex; none is empty."""
    parts = (_general(contents), _base(contents), _process(contents), _data(contents), _cost(contents), _others())
    return tuple(AnnexRow(name=name, value=value) for part in parts for name, value in part)


def shown_reference(contents: Contents) -> str:
    """The reference of the base; of a folder of this machine its name alone, because a card is given away."""
    if contents.base is None:
        return _UNKNOWN
    kind, mark, place = contents.base.reference.partition(":")
    return f"file:{place.rstrip('/').rpartition('/')[2]}" if mark and kind == "file" else contents.base.reference


def _general(contents: Contents) -> Iterator[tuple[str, str]]:
    task = contents.prepared.task if contents.prepared else ""
    known = f"{task}: {TASKS[task].IN_WORDS}" if task in TASKS else task or _UNKNOWN
    yield "Task that it was tuned for", known
    yield "Intended use, and systems it may be integrated into", OPEN
    yield "Acceptable use policies", OPEN
    yield "Date of release and ways of distribution", OPEN
    yield "Modality and format of inputs and outputs", f"in: {_INPUTS[task]}" if task in _INPUTS else _UNKNOWN


def _base(contents: Contents) -> Iterator[tuple[str, str]]:
    base = contents.base
    if base is None:
        for name in ("Base model, pinned", "Provider of the base", "Architecture", "Number of parameters", "Licence"):
            yield name, _UNKNOWN
        return
    kind = {"encoder": "encoder", "language": "causal language model"}[base.kind]
    head = f"; {contents.turn.candidate.num_trained:,} of the tuned model were trained" if contents.turn else ""
    is_of_hub = base.reference.startswith("hf:") and "/" in base.reference
    provider = f"{base.reference[3:].partition('/')[0]}, as its name on the hub says" if is_of_hub else OPEN
    yield "Base model, pinned", f"{shown_reference(contents)}, revision {base.revision}"
    yield "Provider of the base", provider
    yield "Architecture", f"transformer, {kind}: {base.num_layers} layers, width {base.hidden_size:,}"
    yield "Number of parameters", f"{base.num_parameters:,} in the base{head}"
    yield "Licence of the base", base.licence or "unknown: its files do not say"
    yield "Licence of the tuned model", OPEN


def _process(contents: Contents) -> Iterator[tuple[str, str]]:
    form = contents.model_form
    yield "Technical means of integration", f"the folder `model` loads in {form}" if form else _UNKNOWN
    turn = contents.turn
    if turn is None:
        yield "Training process and design choices", _UNKNOWN
        return
    settings = {one.setting: wording.setting_value(one.value) for one in turn.resolved}
    known = "".join(f"; {name} {settings[name]}" for name in _TOLD if settings.get(name, "none") != "none")
    kept = turn.candidate
    yield (
        "Training process and design choices",
        f"tuning by the method {turn.recipe.method}{known}. Step {kept.best_step} of {kept.last_step} was kept, by the "
        f"losses on the validation set ({kept.stop_reason}); the test set was sealed until the end",
    )
    yield "What was optimised, and by what it is judged", _judged(contents)


def _judged(contents: Contents) -> str:
    metric = contents.prepared.primary_metric if contents.prepared else ""
    if contents.verdict is None:
        return f"{wording.metric_name(metric)}; not judged yet" if metric else _UNKNOWN
    primary = contents.verdict.primary
    return f"{wording.metric_name(primary.metric)} on {wording.counted(primary.examples, 'sealed test example')}"


def _data(contents: Contents) -> Iterator[tuple[str, str]]:
    prepared, recipe = contents.prepared, contents.recipe
    licence = recipe.data.licence if recipe else None
    if prepared is None:
        yield "Training data", _UNKNOWN
    else:
        train = prepared.parts[0].train.count if prepared.parts else 0
        yield "Type of the data", f"text, read as {prepared.form}; data id {prepared.data_id}"
        yield (
            "Number of data points",
            f"{prepared.rows_in:,} rows read, {prepared.rows_used:,} used, {train:,} of them to train on"
            + (f" in each of {len(prepared.parts)} parts" if len(prepared.parts) > 1 else ""),
        )
        yield "Curation", _curation(contents)
        yield "Measures to detect unsuitable data", _measures(contents)
        yield "Measures to detect biases", OPEN
    yield "Provenance of the data: how they were obtained and selected", OPEN
    yield "Licence of the data", licence or f"{OPEN} (`data.licence` in the recipe says it here)"


def _curation(contents: Contents) -> str:
    prepared = contents.prepared
    aside = prepared.rows_set_aside if prepared else 0
    if contents.recipe is None:
        split = ""
    elif contents.recipe.data.group:
        split = "; rows of one group stay in one set"
    else:
        split = "; rows that repeat each other stay in one set"
    return f"audited row by row; {wording.counted(aside, 'row')} set aside with reasons{split}"


def _measures(contents: Contents) -> str:
    """Codes of what the audit found; what they mean stands under the known problems."""
    codes = sorted({one.code for one in contents.findings if one.code.startswith(("D", "P"))})
    found = ", ".join(codes) or "nothing"
    return f"checks of targets, repeats, leaks, lengths, languages and personal data found: {found}"


def _cost(contents: Contents) -> Iterator[tuple[str, str]]:
    paid = contents.bill.measured
    if paid is None:
        yield "Computational resources and time", _UNKNOWN
        yield "Energy", _UNKNOWN
        return
    time, memory = wording.duration(paid.seconds), wording.size(paid.peak_memory_bytes)
    gpu = f", {wording.duration(paid.gpu_seconds)} of GPUs" if paid.gpu_seconds else ""
    yield "Computational resources and time", f"{time} in all, at most {memory} of memory{gpu}; measured"
    yield "Training computation in FLOP", "unknown: time and energy are measured, operations are not counted"
    if paid.energy is None:
        yield "Energy", f"unknown: {paid.why_no_energy or 'nobody watched'}"
    else:
        one = paid.energy
        yield "Energy", f"{one.kwh:.2g} kWh ({one.low:.2g} to {one.high:.2g}): {one.method}"


def _others() -> Iterator[tuple[str, str]]:
    yield "Policy on copyright, and public summary of the training content", OPEN
    yield "Training computation of the base, a third of which makes a modifier a provider", OPEN
