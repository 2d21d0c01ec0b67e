"""Names that lead out of the folder, and files that are none."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.reliability.hostile.case import SETTINGS, TOKENIZER, WEIGHTS, Place, hostile

INDEX = "model.safetensors.index.json"
SECRET = "correct horse battery staple"


def _index(place: Place, name: str) -> None:
    (place.model / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {"model.norm.weight": name}}))


def _outside(place: Place, name: str) -> Path:
    """A file of the model, moved out of its folder."""
    return Path(shutil.move(place.model / name, place.folder / name))


@hostile(says=INDEX)
def an_index_that_climbs_out(place: Place) -> None:
    _outside(place, WEIGHTS)
    _index(place, f"../{WEIGHTS}")


@hostile(says=INDEX)
def an_index_with_an_absolute_path(place: Place) -> None:
    _index(place, str(_outside(place, WEIGHTS)))


@hostile(says=INDEX)
def an_index_of_a_pickle(place: Place) -> None:
    (place.model / "pytorch_model.bin").write_bytes(place.pickle)
    _index(place, "pytorch_model.bin")


@hostile(says="model-00002-of-00002.safetensors")
def an_index_of_a_missing_shard(place: Place) -> None:
    (place.model / WEIGHTS).rename(place.model / "model-00001-of-00002.safetensors")
    named = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (place.model / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": named}))


@hostile(says=INDEX)
def an_index_that_is_no_json(place: Place) -> None:
    (place.model / INDEX).write_text('{"weight_map": ')


@hostile(says="leads out of")
def weights_linked_from_elsewhere(place: Place) -> None:
    (place.model / WEIGHTS).symlink_to(_outside(place, WEIGHTS))


@hostile(says="leads out of")
def a_secret_as_chat_template(place: Place) -> None:
    (place.folder / "secret").write_text(SECRET)
    (place.model / "chat_template.jinja").unlink()
    (place.model / "chat_template.jinja").symlink_to(place.folder / "secret")


@hostile(says=WEIGHTS)
def weights_linked_to_themselves(place: Place) -> None:
    (place.model / WEIGHTS).unlink()
    (place.model / WEIGHTS).symlink_to(WEIGHTS)


@hostile(says="round")
def a_folder_linked_to_itself(place: Place) -> str:
    (place.folder / "round").symlink_to("round")
    return f"file:{place.folder / 'round'}"


@hostile(says=WEIGHTS)
def a_pipe_named_weights(place: Place) -> None:
    (place.model / WEIGHTS).unlink()
    os.mkfifo(place.model / WEIGHTS)


@hostile(says=SETTINGS)
def a_device_named_settings(place: Place) -> None:
    (place.model / SETTINGS).unlink()
    (place.model / SETTINGS).symlink_to("/dev/zero")


@hostile(says="special_tokens_map.json")
def a_pipe_named_special_tokens(place: Place) -> None:
    (place.model / "special_tokens_map.json").unlink(missing_ok=True)
    os.mkfifo(place.model / "special_tokens_map.json")


@hostile(task="classify", says=TOKENIZER)
def a_folder_named_tokenizer(place: Place) -> None:
    (place.model / TOKENIZER).unlink()
    (place.model / TOKENIZER).mkdir()


if os.geteuid() != 0:  # nothing is forbidden to root

    @hostile(says=WEIGHTS)
    def weights_that_may_not_be_read(place: Place) -> None:
        (place.model / WEIGHTS).chmod(0)
