"""The templates that the product brings along: what the installer creates, and the dashboard where there is none."""

from importlib.resources import files
from typing import Final

import msgspec
import yaml

from devworkspace.api.template import TemplateSpec

# What the images of the files begin with.
DEFAULT_IMAGE_PREFIX: Final = "localhost/devworkspace"


class Starter(msgspec.Struct, frozen=True):
    name: str
    spec: TemplateSpec


def read_starters(image_prefix: str) -> tuple[Starter, ...]:
    """By name; their images come from where this installation has them."""
    folder = files("devworkspace.server.starters")
    texts = [item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".yaml")]
    moved = [text.replace(f"{DEFAULT_IMAGE_PREFIX}/", f"{image_prefix}/") for text in texts]
    found = [_read(text) for text in moved]
    return tuple(sorted(found, key=lambda starter: starter.name))


def _read(text: str) -> Starter:
    document = yaml.safe_load(text)
    return Starter(document["metadata"]["name"], msgspec.convert(document["spec"], TemplateSpec))
