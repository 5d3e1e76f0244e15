"""HTML of the pages. Every value that comes from outside goes through `escape`; there is no inline script or style."""

import json
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

import msgspec

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.server.pages.texts import Language, reason_title, status_sentence, text

STYLE_PATH: Final = "/-/static/style.css"
SCRIPT_PATH: Final = "/-/static/list.js"

# Phases in which something keeps an environment from running, so that its reason gets a title.
_TROUBLED: Final = ("Pending", "Failed")

# Status is a sign and a word; the colour only repeats it.
_SIGNS: Final = {
    "Pending": "◌",
    "Provisioning": "◔",
    "Running": "●",
    "Unreachable": "◍",
    "Stopping": "◑",
    "Stopped": "■",
    "Failed": "▲",
    "Deleting": "✕",
}


class EnvironmentView(msgspec.Struct, frozen=True, rename="camel"):
    """One environment as the list shows it and as JSON; `phase` is the word of the table, `Deleting` included."""

    uid: str
    namespace: str
    name: str
    display_name: str
    owner: str
    phase: str
    reason: str
    message: str
    template: str
    url: str
    can_open: bool


def document(title: str, body: str, *, language: Language, head: str = "") -> str:
    """A whole page. `title` is escaped here, `body` and `head` are HTML already."""
    lang = "zh-CN" if language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f'<link rel="stylesheet" href="{STYLE_PATH}">\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def _language_link(path: str, language: Language, query: dict[str, str]) -> str:
    other = "en" if language == "zh" else "zh"
    address = escape(f"{path}?{urlencode({**query, 'lang': other})}")
    return f'<a class="language" lang="{other}" href="{address}">{text("other-language", language)}</a>'


def sign_in_page(
    *, language: Language, next_address: str, user: str = "", alert: str | None = None, notice: str | None = None
) -> str:
    """The sign-in form; `alert` says what went wrong, `notice` what went right."""
    query = {"next": next_address} if next_address != "/" else {}
    lines = [f'<header><span class="product">{text("product", language)}</span>']
    lines.append(f"{_language_link('/signin', language, query)}</header>")
    lines.append(f'<main class="narrow"><h1>{text("signin.title", language)}</h1>')
    if notice:
        lines.append(f'<p class="notice" role="status">{escape(notice)}</p>')
    if alert:
        lines.append(f'<p class="alert" role="alert">{escape(alert)}</p>')
    lines.append('<form method="post" action="/signin">')
    lines.append(f'<input type="hidden" name="next" value="{escape(next_address)}">')
    lines.append(
        f'<label for="username">{text("signin.user", language)}</label><input id="username" name="username" '
        f'value="{escape(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required'
        f"{'' if user else ' autofocus'}>"
    )
    lines.append(
        f'<label for="password">{text("signin.password", language)}</label><input id="password" name="password" '
        f'type="password" autocomplete="current-password" required{" autofocus" if user else ""}>'
    )
    lines.append(f'<button type="submit">{text("signin.submit", language)}</button></form></main>')
    title = f"{text('signin.title', language)} · {text('product', language)}"
    return document(title, "\n".join(lines), language=language)


def list_page(environments: Sequence[EnvironmentView], *, user: str, language: Language) -> str:
    """The list, or, if there is nothing to list, how to get the first environment."""
    fallback = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    head = f'<script src="{SCRIPT_PATH}" defer></script>\n{fallback}\n'
    lines = [
        f'<header><span class="product">{text("product", language)}</span>',
        f'<span class="user">{escape(text("signed-in-as", language, name=user))}</span>',
        _language_link("/", language, {}),
        f'<form method="post" action="/signout"><button class="quiet">{text("signout", language)}</button></form>',
        "</header>",
        f'<main><h1>{text("environments", language)}</h1><div id="live">',
        _table(environments, language) if environments else _empty(language),
        "</div></main>",
    ]
    return document(text("environments", language), "\n".join(lines), language=language, head=head)


def _empty(language: Language) -> str:
    line = "kubectl apply -f crds/examples/workspace-instance.yaml"
    return f"<p>{text('list.empty', language)}</p><p>{text('list.create', language)}</p><pre><code>{line}</code></pre>"


def _table(environments: Sequence[EnvironmentView], language: Language) -> str:
    columns = ("name", "status", "namespace", "template", "owner", "action")
    heads = "".join(f'<th scope="col">{text(f"list.{column}", language)}</th>' for column in columns)
    rows = "\n".join(_row(environment, language) for environment in environments)
    caption = text("list.caption", language, count=len(environments))
    return f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"


def _row(environment: EnvironmentView, language: Language) -> str:
    action = ""
    if environment.can_open:
        label = escape(environment.display_name)
        action = (
            f'<a class="button" target="_blank" rel="noopener" href="{escape(environment.url)}">'
            f'{text("list.open", language)}<span class="unseen"> {label} {text("list.new-tab", language)}</span></a>'
        )
    elif environment.phase == "Stopped":
        line = escape(start_line(Key(environment.namespace, environment.name)))
        action = f"<details><summary>{text('list.start', language)}</summary><pre><code>{line}</code></pre></details>"
    second = reason_title(environment.reason, language) if environment.phase in _TROUBLED else None
    sentence = status_sentence(environment.reason, environment.message, language)
    details = " — ".join(part for part in (second, sentence) if part)
    cells = (
        f'<th scope="row">{escape(environment.display_name)}</th>',
        f'<td>{phase_mark(environment.phase, language)}<div class="message">{escape(details)}</div></td>',
        f"<td>{escape(environment.namespace)}</td>",
        f"<td>{escape(environment.template)}</td>",
        f"<td>{escape(environment.owner)}</td>",
        f"<td>{action}</td>",
    )
    marks = f'data-uid="{escape(environment.uid)}" data-phase="{escape(environment.phase)}"'
    return f'<tr {marks} data-reason="{escape(environment.reason)}">{"".join(cells)}</tr>'


def phase_mark(phase: str, language: Language) -> str:
    sign = _SIGNS.get(phase, "◌")
    word = text(f"phase.{phase}" if phase in _SIGNS else "phase.Pending", language)
    return f'<span class="phase phase-{escape(phase)}"><span aria-hidden="true">{sign}</span> {word}</span>'


def patch_line(key: Key, *, running: bool) -> str:
    patch = json.dumps({"spec": {"running": running}}, separators=(",", ":"))
    return f"kubectl -n {key.namespace} patch {names.INSTANCE_PLURAL} {key.name} --type merge -p '{patch}'"


def start_line(key: Key) -> str:
    return patch_line(key, running=True)


def phase_page(
    *,
    name: str,
    phase: str,
    reason: str,
    message: str,
    hint: str,
    commands: Sequence[str],
    language: Language,
    refresh_seconds: int,
) -> str:
    """What the gateway shows in place of an editor that is not there; reloads itself."""
    word = text(f"phase.{phase}", language)
    title = text("wait.title", language, name=name, phase=word)
    lines = [f'<main class="narrow"><h1>{escape(name)}</h1><p>{phase_mark(phase, language)}</p>']
    headline = reason_title(reason, language) if phase in _TROUBLED else None
    role = "alert" if phase == "Failed" else "status"
    if headline:
        lines.append(f"<h2>{headline}</h2>")
    if message:
        lines.append(f'<p role="{role}">{escape(status_sentence(reason, message, language))}</p>')
    lines.append(f'<p class="hint">{escape(hint)}</p>')
    if commands:
        block = "\n".join(escape(command) for command in commands)
        lines.append(f"<pre><code>{block}</code></pre>")
    lines.append("</main>")
    head = f'<meta http-equiv="refresh" content="{refresh_seconds}">\n'
    return document(title, "\n".join(lines), language=language, head=head)


def message_page(title: str, sentence: str, *, link: str, link_text: str, language: Language) -> str:
    """A heading, a sentence and one way on."""
    body = (
        f'<main class="narrow"><h1>{escape(title)}</h1><p>{escape(sentence)}</p>'
        f'<p><a href="{escape(link)}">{escape(link_text)}</a></p></main>'
    )
    return document(title, body, language=language)
