"""A tiny language model as a GGUF file, as llama.cpp writes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sintonia.models.loading import load_causal, load_tokenizer

_LAYER = "model.layers.{}."
_NAMES = {
    "model.embed_tokens.weight": "token_embd",
    "model.norm.weight": "output_norm",
    _LAYER + "input_layernorm.weight": "blk.{}.attn_norm",
    _LAYER + "post_attention_layernorm.weight": "blk.{}.ffn_norm",
    _LAYER + "self_attn.q_proj.weight": "blk.{}.attn_q",
    _LAYER + "self_attn.k_proj.weight": "blk.{}.attn_k",
    _LAYER + "self_attn.v_proj.weight": "blk.{}.attn_v",
    _LAYER + "self_attn.o_proj.weight": "blk.{}.attn_output",
    _LAYER + "mlp.gate_proj.weight": "blk.{}.ffn_gate",
    _LAYER + "mlp.up_proj.weight": "blk.{}.ffn_up",
    _LAYER + "mlp.down_proj.weight": "blk.{}.ffn_down",
}


def make_gguf(
    folder: Path, path: Path, *, pre: str = "smollm", chat_template: str | None = None, without: str = ""
) -> Path:
    """A tiny llama as llama.cpp writes it: queries and keys with their halves interleaved."""
    import gguf

    model, words = load_causal(folder), load_tokenizer(folder)
    shape, states = model.config, model.state_dict()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(shape.num_hidden_layers)
    writer.add_context_length(shape.max_position_embeddings)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.num_attention_heads)
    writer.add_head_count_kv(shape.num_key_value_heads)
    writer.add_rope_freq_base(shape.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(shape.rms_norm_eps)
    writer.add_vocab_size(shape.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    tokens = [*words.convert_ids_to_tokens(range(shape.vocab_size - 1)), "ab"]
    writer.add_token_list(tokens)
    writer.add_token_types([3 if one in words.all_special_tokens else 1 for one in tokens])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(words.bos_token_id)
    writer.add_eos_token_id(words.eos_token_id)
    writer.add_pad_token_id(words.pad_token_id)
    writer.add_chat_template(chat_template or words.chat_template)
    heads = {"q_proj": shape.num_attention_heads, "k_proj": shape.num_key_value_heads}
    for name, theirs in _NAMES.items():
        for number in range(shape.num_hidden_layers) if "{}" in name else [0]:
            if without and theirs.endswith(without):
                continue
            value = states[name.format(number)].numpy()
            for part, count in heads.items():
                if part in name:
                    split = value.reshape(count, 2, value.shape[0] // count // 2, value.shape[1])
                    value = np.ascontiguousarray(split.swapaxes(1, 2).reshape(value.shape))
            writer.add_tensor(theirs.format(number) + ".weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
