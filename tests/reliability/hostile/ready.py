"""Imported by the warm process before it forks, so that no case has to import what opens a model. It opens none."""

from __future__ import annotations

import importlib

for _name in (
    "sintonia.choose",
    "sintonia.cli.check",
    "sintonia.models.adapter_files",
    "sintonia.models.language.saved",
    "sintonia.models.pooled",
    "sintonia.models.sources.gguf_file",
    "tests.reliability.hostile.child",
    "transformers.generation",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "transformers.modeling_gguf_pytorch_utils",
    "transformers.integrations.gguf.reader",
    "transformers.utils.chat_template_utils",
):
    importlib.import_module(_name)

importlib.import_module("sintonia.prepare.checks.d122_language")._identifier()  # a second of every command
