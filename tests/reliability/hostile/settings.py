"""A `config.json` that chooses code, or that no machine could obey; and a tokenizer that does."""

from __future__ import annotations

import json
import os

from tests.reliability.hostile.case import IGNORED, SETTINGS, TOKENIZER, Place, hostile

_WORDS = "tokenizer_config.json"


def _with_code(place: Place) -> None:
    for name in ("evil.py", "modeling_evil.py"):
        (place.model / name).write_text(place.code)


@hostile(says="auto_map")
def settings_with_auto_map(place: Place) -> None:
    _with_code(place)
    place.change(SETTINGS, auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})


@hostile(task="classify", says="auto_map")
def settings_with_auto_map_deep_within(place: Place) -> None:
    _with_code(place)
    place.change(SETTINGS, text_config={"inner": [{"auto_map": {"AutoModel": "evil.Model"}}]})


@hostile(says="trust_remote_code")
def settings_that_trust_themselves(place: Place) -> None:
    _with_code(place)
    place.change(SETTINGS, trust_remote_code=True)


@hostile(says="_attn_implementation_internal")
def settings_with_a_kernel_of_others(place: Place) -> None:
    place.change(SETTINGS, _attn_implementation_internal="acme/kernel")


@hostile(says="attn_implementation")
def settings_with_a_kernel_by_its_new_name(place: Place) -> None:
    place.change(SETTINGS, attn_implementation={"": "acme/kernel"})


@hostile(says="quantised")
def settings_that_unpack_weights(place: Place) -> None:
    place.change(SETTINGS, quantization_config={"quant_method": "gptq", "bits": 4})


@hostile(says="transformers_weights")
def settings_that_name_other_weights(place: Place) -> None:
    (place.folder / "evil.bin").write_bytes(place.pickle)
    place.change(SETTINGS, transformers_weights="../evil.bin")


@hostile(says="kind of model")
def settings_of_an_unknown_kind(place: Place) -> None:
    _with_code(place)
    place.change(SETTINGS, model_type="evil", architectures=["EvilForCausalLM"])


@hostile(task="classify", says="kind of model")
def settings_without_a_kind(place: Place) -> None:
    body = json.loads((place.model / SETTINGS).read_text())
    del body["model_type"]
    (place.model / SETTINGS).write_text(json.dumps(body))


@hostile(says=SETTINGS)
def settings_of_10_12_words(place: Place) -> None:
    place.change(SETTINGS, vocab_size=10**12)


@hostile(says=SETTINGS)
def settings_of_10_9_layers(place: Place) -> None:
    place.change(SETTINGS, num_hidden_layers=10**9)


@hostile(task="classify", says=SETTINGS)
def an_encoder_of_10_9_layers(place: Place) -> None:
    place.change(SETTINGS, num_hidden_layers=10**9)


@hostile(task="classify", says=SETTINGS)
def an_encoder_10_9_wide(place: Place) -> None:
    place.change(SETTINGS, intermediate_size=10**9)


@hostile(says=SETTINGS)
def an_epsilon_that_is_no_number(place: Place) -> None:
    place.change(SETTINGS, rms_norm_eps=float("nan"))


@hostile(says=SETTINGS)
def a_width_that_is_no_number(place: Place) -> None:
    place.change(SETTINGS, hidden_size=float("nan"))


@hostile(says="weights")
def positions_for_10_10_tokens(place: Place) -> None:
    place.change(SETTINGS, model_type="gpt2", n_positions=10**10, architectures=["GPT2LMHeadModel"])


@hostile(says=SETTINGS)
def settings_nested_too_deep(place: Place) -> None:
    place.change(SETTINGS, **json.loads('{"a":' * 300 + "1" + "}" * 300))


@hostile(says=SETTINGS)
def settings_nested_without_end(place: Place) -> None:
    (place.model / SETTINGS).write_text('{"a":' * 200_000)


@hostile(says=SETTINGS)
def settings_of_400_megabytes(place: Place) -> None:
    os.truncate(place.model / SETTINGS, 400 * 2**20)


@hostile(says="auto_map")
def a_tokenizer_with_auto_map(place: Place) -> None:
    _with_code(place)
    place.change(_WORDS, auto_map={"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]})


@hostile(outcome=IGNORED)
def a_tokenizer_of_a_class_of_others(place: Place) -> None:
    _with_code(place)
    place.change(_WORDS, tokenizer_class="evil.EvilTokenizer")


@hostile(says="custom_generate")
def generation_with_code_of_others(place: Place) -> None:
    (place.model / "custom_generate").mkdir()
    (place.model / "custom_generate" / "generate.py").write_text(place.code)
    place.change("generation_config.json", custom_generate=".")


@hostile(says="tokenizer")
def a_tokenizer_that_is_no_json(place: Place) -> None:
    content = (place.model / TOKENIZER).read_bytes()
    (place.model / TOKENIZER).write_bytes(content[: len(content) // 2])


@hostile(says=TOKENIZER)
def a_tokenizer_of_a_gigabyte(place: Place) -> None:
    os.truncate(place.model / TOKENIZER, 2**30)


@hostile(task="classify", says=TOKENIZER)
def a_tokenizer_of_another_model(place: Place) -> None:
    """Its numbers go beyond what the model knows."""
    body = json.loads((place.model / TOKENIZER).read_text())
    body["model"]["vocab"] = {word: number + 5000 * (number > 4) for word, number in body["model"]["vocab"].items()}
    (place.model / TOKENIZER).write_text(json.dumps(body))


@hostile(says=TOKENIZER)
def a_tokenizer_that_never_ends(place: Place) -> None:
    """Its expression takes exponential time on the plainest of texts."""
    body = json.loads((place.model / TOKENIZER).read_text())
    split = {"type": "Split", "pattern": {"Regex": r"(?:(?:[a-z ]+)+)+\x00"}, "behavior": "Isolated", "invert": False}
    body["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, body["pre_tokenizer"]]}
    (place.model / TOKENIZER).write_text(json.dumps(body))
