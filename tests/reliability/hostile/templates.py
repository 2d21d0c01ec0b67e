"""Chat templates that break out of their sandbox, never end or fill the memory; and adapters that mislead."""

from __future__ import annotations

import json
import shutil
from typing import Any

from safetensors.torch import load_file, save_file

from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.loading import load_causal
from tests.reliability.hostile.case import WEIGHTS, Place, hostile

ADAPTER = "adapter_config.json"


def escape(place: Place) -> str:
    """Templates that reach for a shell, each in its own way, before a plain conversation."""
    command = f"touch '{place.canary}'"
    ways = (
        f'{{{{ cycler.__init__.__globals__.os.popen("{command}").read() }}}}',
        f'{{{{ lipsum.__globals__["os"].system("{command}") }}}}',
        f'{{{{ (messages|attr("__class__")|attr("__mro__"))[1].__subclasses__()[140]("{command}") }}}}',
        '{{ "{0.__class__.__init__.__globals__}".format(messages) ~ raise_exception.__globals__.sys }}',
    )
    plain = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>{% endfor %}"
    return "".join(ways) + plain


def _template(place: Place, text: str) -> None:
    (place.model / "chat_template.jinja").write_text(text)


@hostile(says="chat template")
def a_template_that_calls_a_shell(place: Place) -> None:
    _template(place, escape(place))


@hostile(says="chat template")
def a_template_that_formats_its_way_out(place: Place) -> None:
    _template(place, '{{ "{0.__class__.__init__.__globals__[os].system}".format(messages)("true") }}')


@hostile(says="steps")
def a_template_that_never_ends(place: Place) -> None:
    _template(place, "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}{{ messages }}")


@hostile(says="steps")
def a_template_that_calls_itself(place: Place) -> None:
    _template(place, "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}")


@hostile(says="characters")
def a_template_of_gigabytes(place: Place) -> None:
    _template(place, "{{ 'a' * 10000000000 }}{{ messages[0].content }}")


@hostile(says="characters")
def a_template_that_doubles_itself(place: Place) -> None:
    doubled = "{% set ns.text = ns.text ~ ns.text %}"
    _template(place, "{% set ns = namespace(text='aaaaaaaa') %}{% for k in range(60) %}" + doubled + "{% endfor %}")


@hostile(says="chat template")
def a_template_longer_than_books(place: Place) -> None:
    _template(place, "{# " + "a" * 3_000_000 + " #}" + "{{ messages }}")


@hostile(says="chat template")
def a_template_that_is_none(place: Place) -> None:
    _template(place, "{% for message in %}")


@hostile(says="chat template")
def a_template_nested_without_end(place: Place) -> None:
    _template(place, "{% if messages %}" * 5000 + "{{ messages[0].content }}" + "{% endif %}" * 5000)


def adapter_in(place: Place) -> None:
    """Puts an adapter for the model of `below` into `model`."""
    place.model.rename(place.folder / "below")
    causal = load_causal(place.folder / "below")
    attach_adapters(causal, AdapterPlan(rank=2, alpha=4), seed=0)
    save_adapters(causal, place.model, AdapterOrigin(model=place.folder / "below"))


def _adapter(place: Place, **values: Any) -> None:
    adapter_in(place)
    place.change(ADAPTER, **values)


@hostile(says="the model below the adapter")
def an_adapter_of_a_model_that_is_not_here(place: Place) -> None:
    _adapter(place, base_model_name_or_path="/nowhere/../etc")


@hostile(says="the model below the adapter")
def an_adapter_of_an_address(place: Place) -> None:
    _adapter(place, base_model_name_or_path="http://127.0.0.1:9/evil")


@hostile(says="names itself")
def an_adapter_of_itself(place: Place) -> None:
    _adapter(place, base_model_name_or_path=str(place.model))


@hostile(says="auto_map")
def an_adapter_of_a_model_with_code(place: Place) -> None:
    adapter_in(place)
    settings = place.folder / "below" / "config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}))


@hostile(says="lora_alpha")
def an_adapter_whose_alpha_is_a_word(place: Place) -> None:
    _adapter(place, lora_alpha="x")


@hostile(says="`r`")
def an_adapter_of_no_rank(place: Place) -> None:
    _adapter(place, r=0)


@hostile(says="is a DoRA by its settings")
def an_adapter_that_is_half_a_dora(place: Place) -> None:
    _adapter(place, use_dora=True)


@hostile(says="EVIL")
def an_adapter_of_an_unknown_kind(place: Place) -> None:
    _adapter(place, peft_type="EVIL", auto_mapping={"parent_library": "os", "base_model_class": "system"})


@hostile(says="no adapter_model.safetensors")
def an_adapter_of_pickles(place: Place) -> None:
    adapter_in(place)
    (place.model / "adapter_model.safetensors").unlink()
    (place.model / "adapter_model.bin").write_bytes(place.pickle)


@hostile(says="this base has not")
def an_adapter_for_another_model(place: Place) -> None:
    adapter_in(place)
    path = place.model / "adapter_model.safetensors"
    save_file({name.replace("layers.1.", "layers.9."): one for name, one in load_file(path).items()}, path)


@hostile(says="no model.safetensors")
def an_adapter_without_its_settings(place: Place) -> None:
    adapter_in(place)
    (place.model / ADAPTER).unlink()
    shutil.copy(place.folder / "below" / "config.json", place.model)
    assert not (place.model / WEIGHTS).exists()
