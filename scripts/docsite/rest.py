"""Reference of the REST API, made from the same table of routes as docs/API.md."""

from scripts.docsite.words import Language, say

from scripts import api_reference


def make_page(language: Language) -> str:
    """All addresses, their parameters and types."""
    words = api_reference.Words(
        head=f"# {say('rest', language)}\n\n{say('made', language, source='src/devworkspace/server/api')}\n\n"
        f"{say('rest-lead', language, link='[SERVER.md](../../../SERVER.md#the-api)')}\n\n",
        addresses=say("addresses", language),
        address_columns=tuple(say(word, language) for word in ("address", "does", "right", "answers")),
        parameters=say("parameters", language),
        parameter_columns=tuple(say(word, language) for word in ("address", "parameter", "type", "default")),
        types=say("types", language),
        types_lead=say("types-lead", language),
        type_columns=(say("field", language), say("type", language)),
    )
    return api_reference.make_text(words)
