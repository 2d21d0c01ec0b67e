"""The noun `Recipe`: all that can be asked for. Each setting is documented in this folder, under its field, only.

Help, reference and schema come from these lines. Reading and checking a recipe is `recipe.py`, filling each
`auto` is `resolve/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sintonia.settings.of_privacy import DpSettings
from sintonia.settings.of_tasks import ChatSettings, ClassifySettings, EmbedSettings, PreferSettings
from sintonia.settings.of_training import LoraSettings, TrainingSettings

__all__ = [
    "LEAST_DAYS",
    "MOST_DAYS",
    "TASKS",
    "AdjustingSettings",
    "ChatSettings",
    "ClassifySettings",
    "DataSettings",
    "DpSettings",
    "EmbedSettings",
    "EvaluationSettings",
    "LoraSettings",
    "PreferSettings",
    "PricesSettings",
    "PrivacySettings",
    "Recipe",
    "TrainingSettings",
]

_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Where the labelled examples are and what their columns mean."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    path: str
    """The file with the labelled examples, or a folder with one sub-folder a label; of plain text, a `.txt` or `.md`
    file or a folder of them."""
    columns: dict[str, str] = field(default_factory=dict)
    """Which column plays which role, for example `{input: text, target: label}`; found by itself when empty."""
    group: str | None = None
    """A column whose equal values must stay in one set (a person, a document, a template)."""
    time: str | None = None
    """A column with dates or numbers: the latest rows become the test, those before them validation."""
    test: str | None = None
    """A file with your own test set: used as it is, sealed, and checked for rows that are also trained on."""
    validation: str | None = None
    """A file with your own validation set: used as it is."""
    added: tuple[str, ...] = ()
    """Files with more labelled rows, to be trained on only: no row of them is validated or tested on, and every other
    row stays in its set. Rows that repeat one of validation or the test, or nearly, are set aside."""
    language: str | None = None
    """The language the texts should be in (`en`, `it`, ...); rows in another one are then a finding."""
    passage_bytes: int = 1000
    """Of plain text for `pretrain`: most bytes of a passage, which is cut where a paragraph ends, if it can be. As no
    text has more tokens than bytes, 1000 are read whole by any base that reads 1024 tokens.
    Shorter ones are more, and a verdict needs 50 of them in the test: 200 in all."""
    production: str | None = None
    """A file with texts as they come in real use: a finding says when the examples differ from them."""
    licence: str | None = None
    """The licence of the data, or your right to use them, in your own words: the model card says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """How the result is judged; declared before training."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    primary_metric: str = "auto"
    """The one metric the verdict is about: of labels `accuracy`, `macro_f1`, `log_loss`, `brier`; of conversations
    `bits_per_byte`, `exact_match`, and of what the model writes `normalised_match`, `token_f1`, `rouge_l`, `chrf`; or
    what `format` and `metrics_file` add. `auto` takes macro-F1 when a class is rare, and for conversations the bits
    that the answers take per byte. With a metric of written texts all test examples are written to; the best weights
    of a training are still chosen by its losses, since writing at each validation would cost more than training."""
    margin: float | Literal["auto"] = "auto"
    """The smallest difference of the primary metric that matters in practice: of shares a difference (0.01 is one
    point), of bits per byte a share of what the base needs (0.02 is 2 %); `auto` is 0.01 and 0.02."""
    confidence: float = 0.95
    """Confidence of the printed intervals."""
    decoding: Literal["greedy", "none"] = "greedy"
    """Of conversations: whether base and tuned model write answers to test prompts, which are compared too (100 of
    them, or all where the primary metric reads texts): always the likeliest token, or not at all, which saves time."""
    new_tokens: int | Literal["auto"] = "auto"
    """Most tokens of an answer that is written; `auto` is the longest training answer and a tenth more, at most 256."""
    format: str | None = None
    """What written answers must be, for a metric `format_validity`: `json`, `json:SCHEMA_FILE`, `sql` or
    `regex:PATTERN`."""
    metrics_file: str | None = None
    """A Python file of yours with one more metric, `score(target, prediction)` of one example. It is run as the code
    it is."""
    judge: str | None = None
    """A model that is asked, of written answers, whether that of the base or of the tuned model is better, in both
    orders: a base reference, or `http(s)://HOST/v1#MODEL` of any OpenAI-compatible endpoint, which the texts are then
    sent to (its key is read from SINTONIA_JUDGE_KEY). It is told beside the verdict and never changes it."""
    judge_examples: int = 100
    """Test examples that the judge is asked about, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustingSettings:
    """How far the adjusting goes within the budget."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    turns: int = 4
    """Most turns of train, validate, diagnose, adjust."""
    search: int = 0
    """How many configurations are tried after the first turn, 3 or more; 0 is no search. Below 10 they differ in the
    learning rate, from 10 on in epochs too, from 25 on in batch, weight decay and rank. Most are trained for a small
    share of the steps; the best one is trained in full, twice. It needs 300 rows or more."""
    processes: int = 1
    """How many configurations of a search are trained at once, each in a process with its share of the processor's
    threads; fewer where the estimate says that memory is too short for so many. What is found is the same, but for the
    rounding of another number of threads; from the 26th configuration on, as many are proposed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """What is kept out of everything that is printed or handed on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    redact: bool = False
    """Print no word of the texts: reports, findings and `--json` then give places and numbers only. A review, which
    a person asks for at a terminal, shows them."""
    keep_days: int | None = None
    """So many days after the run was last worked on, `sintonia runs --expire` removes what it holds of the data: the
    sets, caches, predictions, scorecards by example, checkpoints, models of turns, `log.txt` and `report.html`. What
    stays: recipe, verdict, card, findings, resources and the model, which goes on answering."""
    vault: bool | Literal["keyring"] = False
    """Keep the run encrypted on the disk, with a passphrase (from SINTONIA_VAULT_PASSPHRASE, or asked for), or with a
    key in the keyring of the system. It is worked on in memory alone, which has to hold it, on Linux. Your own data
    file stays as it is."""
    dp: DpSettings = field(default_factory=DpSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesSettings:
    """What computing costs you. There are no prices but yours: without any, no money is told. What is left open here is
    read from `prices.toml` in SINTONIA_HOME, which has the same keys."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kwh: float | None = None
    """Price of a kilowatt-hour; it is multiplied with the energy, and has its range."""
    gpu_hour: float | None = None
    """Price of an hour of one GPU, for the time that a run computes on it: training does not yet, so that it counts
    nothing there."""
    currency: str | None = None
    """What the prices are in, as it is shown: `EUR`, for example."""


LEAST_DAYS, MOST_DAYS = 1, 36_500
"""For which a run may keep its data, where `privacy.keep_days` sets an end."""

TASKS = ("classify", "multilabel", "chat", "prefer", "tag", "regress", "embed", "pretrain")
"""The tasks of ours; other packages may add some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that was asked for. Its id is a hash of its content."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    data: DataSettings
    task: str = "auto"
    """What is learned: `classify` (a label for a text, or for two), `multilabel` (several), `tag` (spans, words),
    `regress` (numbers), `embed` (what belongs together), `chat` (what an assistant says), `prefer` (which answer is
    better), `pretrain` (how the plain text of a domain goes on, as a step before any other task), or a task of another
    package; `auto` finds it from the columns, or from a `.txt` or `.md` file."""
    base: str = "auto"
    """The pre-trained model to start from: a catalog name, `file:FOLDER` (or a GGUF file), `hf:ORG/NAME@REVISION` or
    `pypi:PACKAGE==VERSION`; `auto` ranks those of the catalog that are on this machine, as `sintonia choose` does;
    where there is but one, and for the other tasks, it takes `minilm` for texts and `smollm2` for answers."""
    method: Literal["auto", "full", "head", "lora", "contrastive"] = "auto"
    """Which weights change: all of them, only a new head on frozen features, or small matrices beside the frozen
    weights; `contrastive`, for up to 64 examples a class, changes all so that texts of one label come together, and
    fits a head afterwards. `auto` is lora for `chat`, `prefer` and `pretrain`, else full; of a classifier with at most
    64 examples a label, and rows enough for one test, it is what was right most often on training rows held out."""
    seed: int = 0
    """Seeds everything random in training; it never moves the split."""
    budget_seconds: float | None = None
    """Time for turns of adjusting; without it there is one turn. Where the whole run with one turn is estimated to be
    beyond it, judging and the time already spent included, you are asked whether to go on."""
    tracking: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = ()
    """Tools that are told how a training goes, besides the run's own record: files in the turn's folder, and nothing
    leaves this machine unless you have set them up so."""
    accept: tuple[str, ...] = ()
    """Codes of stop findings to go on in spite of; the verdict says so."""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    classify: ClassifySettings = field(default_factory=ClassifySettings)
    prefer: PreferSettings = field(default_factory=PreferSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    adjusting: AdjustingSettings = field(default_factory=AdjustingSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    prices: PricesSettings = field(default_factory=PricesSettings)
