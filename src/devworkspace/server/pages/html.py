"""HTML of the pages. Every value that comes from outside goes through `escape`; there is no inline script or style."""

from html import escape
from typing import Final, NamedTuple
from urllib.parse import urlencode

from devworkspace.server.pages.repository import Clone, clone_lines
from devworkspace.server.pages.starting import Start, start_steps
from devworkspace.server.pages.texts import Language, reason_title, status_sentence, text

STYLE_PATH: Final = "/-/static/style.css"
WAIT_SCRIPT_PATH: Final = "/-/static/wait.js"

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

_CONTROL_WORDS: Final = (
    "go",
    "ready",
    "open",
    "cancel",
    "cancel-failed",
    "tell",
    "tell-on",
    "tell-off",
    "failed",
    "log",
    "log-empty",
)


class Button(NamedTuple):
    """A form that posts to `path`."""

    path: str
    label: str


class Link(NamedTuple):
    """A way to another page."""

    address: str
    label: str


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


class ProviderButton(NamedTuple):
    """The identity provider on the sign-in page; `path` None while it does not answer."""

    name: str
    path: str | None


def sign_in_page(
    *,
    language: Language,
    next_address: str,
    user: str = "",
    alert: str | None = None,
    notice: str | None = None,
    provider: ProviderButton | None = None,
    local: bool = True,
    prefetch: tuple[str, ...] = (),
) -> str:
    """The ways to sign in; `alert` says what went wrong, `notice` what went right. `local`: with the local account.

    `prefetch` is what the page behind it loads, which comes while somebody types.
    """
    query = {"next": next_address} if next_address != "/" else {}
    lines = [f'<header><span class="product">{text("product", language)}</span>']
    lines.append(f"{_language_link('/signin', language, query)}</header>")
    lines.append(f'<main class="narrow"><h1>{text("signin.title", language)}</h1>')
    if notice:
        lines.append(f'<p class="notice" role="status">{escape(notice)}</p>')
    if alert:
        lines.append(f'<p class="alert" role="alert">{escape(alert)}</p>')
    if provider is not None:
        lines.append(_provider_button(provider, query, language=language))
    if local:
        lines += _local_form(language=language, next_address=next_address, user=user, alone=provider is None)
    elif provider is None:
        lines.append(f"<p>{escape(text('signin.console', language))}</p>")
    lines.append("</main>")
    title = f"{text('signin.title', language)} · {text('product', language)}"
    head = "".join(f'<link rel="prefetch" href="{escape(path)}">\n' for path in prefetch)
    return document(title, "\n".join(lines), language=language, head=head)


def _provider_button(provider: ProviderButton, query: dict[str, str], *, language: Language) -> str:
    if provider.path is None:
        return f'<p class="alert" role="status">{escape(text("provider.absent", language, name=provider.name))}</p>'
    address = f"{provider.path}?{urlencode(query)}" if query else provider.path
    label = escape(text("provider.continue", language, name=provider.name))
    return f'<p><a class="button" href="{escape(address)}" autofocus>{label}</a></p>'


def _local_form(*, language: Language, next_address: str, user: str, alone: bool) -> list[str]:
    lines = [] if alone else [f"<h2>{text('provider.local', language)}</h2>"]
    lines.append('<form method="post" action="/signin">')
    lines.append(f'<input type="hidden" name="next" value="{escape(next_address)}">')
    lines.append(
        f'<label for="username">{text("signin.user", language)}</label><input id="username" name="username" '
        f'value="{escape(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required'
        f"{' autofocus' if alone and not user else ''}>"
    )
    lines.append(
        f'<label for="password">{text("signin.password", language)}</label><input id="password" name="password" '
        f'type="password" autocomplete="current-password" required{" autofocus" if user else ""}>'
    )
    lines.append(f'<button type="submit">{text("signin.submit", language)}</button></form>')
    return lines


def leave_page(*, name: str, address: str, language: Language) -> str:
    """After our own sign-out: on to the provider's, by itself."""
    body = (
        f'<main class="narrow"><h1>{text("leave.title", language)}</h1>'
        f"<p>{escape(text('leave.hint', language, name=name))}</p>"
        f'<p><a class="button" href="{escape(address)}">{escape(text("leave.link", language, name=name))}</a></p>'
        f'<p><a href="/signin">{text("signin.title", language)}</a></p></main>'
    )
    return document(text("leave.title", language), body, language=language)


def phase_mark(phase: str, language: Language) -> str:
    sign = _SIGNS.get(phase, "◌")
    word = text(f"phase.{phase}" if phase in _SIGNS else "phase.Pending", language)
    return f'<span class="phase phase-{escape(phase)}"><span aria-hidden="true">{sign}</span> {word}</span>'


def phase_page(name: str, phase: str, main: str, *, language: Language, base: str = "", script: bool = True) -> str:
    """What the gateway shows in place of an editor that is not there; keeps itself fresh below the path `base`."""
    title = text("wait.title", language, name=name, phase=text(f"phase.{phase}", language))
    refresh = '<meta http-equiv="refresh" content="2">'
    below = f' data-base="{escape(base)}"' if base else ""
    news = f'<script src="{WAIT_SCRIPT_PATH}" defer{below}></script>\n<noscript>{refresh}</noscript>\n'
    head = news if script else refresh
    body = f"{main}\n{_controls(language)}" if script else main
    return document(title, body, language=language, head=head)


def _controls(language: Language) -> str:
    """What stays while the page changes, and works with the script only.

    Whether to go in, a start that is cancelled, a notice of the browser, the container's output, and what is read out.
    """
    words = {name: escape(text(f"wait.{name}", language)) for name in _CONTROL_WORDS}
    return (
        '<footer class="narrow">'
        f'<p id="stay" hidden><label><input type="checkbox" id="go" checked> {words["go"]}</label></p>'
        f'<p id="ready" role="status" data-title="{words["ready"]}" hidden>'
        f'<a class="button" href="">{words["open"]}</a></p>'
        f'<p class="controls"><button type="button" id="cancel" class="plain" hidden>{words["cancel"]}</button> '
        f'<button type="button" id="tell" class="plain" data-on="{words["tell-on"]}" data-off="{words["tell-off"]}" '
        f'data-failed="{words["failed"]}" hidden>{words["tell"]}</button></p>'
        f'<p id="problem" class="alert" role="alert" data-cancel="{words["cancel-failed"]}" hidden></p>'
        f'<details id="log" hidden><summary>{words["log"]}</summary>'
        f'<pre tabindex="0" lang="en" data-empty="{words["log-empty"]}"></pre></details>'
        '<p id="news" class="unseen" role="status"></p></footer>'
    )


def phase_main(
    *,
    name: str,
    phase: str,
    hint: str,
    language: Language,
    reason: str = "",
    message: str = "",
    alert: str | None = None,
    start: Start | None = None,
    clone: Clone | None = None,
    button: Button | None = None,
    link: Link | None = None,
) -> str:
    """The part of the page that changes with the environment."""
    lines = [f'<main class="narrow"><h1>{escape(name)}</h1><p>{phase_mark(phase, language)}</p>']
    if alert:
        lines.append(f'<p class="alert" role="alert">{escape(alert)}</p>')
    if phase in _TROUBLED and (headline := reason_title(reason, language)):
        lines.append(f"<h2>{headline}</h2>")
    if message:
        role = "alert" if phase == "Failed" else "status"
        lines.append(f'<p role="{role}">{escape(status_sentence(reason, message, language))}</p>')
    if start is not None:
        lines.append(start_steps(start, language, failed=phase == "Failed"))
    if clone is not None:
        lines.append(clone_lines(clone, language))
    if hint:
        lines.append(f'<p class="hint">{escape(hint)}</p>')
    if button is not None:
        lines.append(
            f'<form method="post" action="{escape(button.path)}"><button>{escape(button.label)}</button></form>'
        )
    if link is not None:
        lines.append(f'<p><a href="{escape(link.address)}">{escape(link.label)}</a></p>')
    lines.append("</main>")
    return "\n".join(lines)


def away_page(*, link: str, language: Language) -> str:
    """Rights cannot be asked now; nothing is said about whether there is anything."""
    return message_page(
        text("away.title", language),
        text("away.hint", language),
        link=link,
        link_text=text("back", language),
        language=language,
    )


def missing_page(key: str, *, link: str, language: Language) -> str:
    """The answer about something that does not exist, or not for this person; `key` names the sentence."""
    return message_page(
        text("missing.title", language),
        text(key, language),
        link=link,
        link_text=text("back", language),
        language=language,
    )


def message_page(title: str, sentence: str, *, link: str, link_text: str, language: Language) -> str:
    """A heading, a sentence and one way on."""
    body = (
        f'<main class="narrow"><h1>{escape(title)}</h1><p>{escape(sentence)}</p>'
        f'<p><a href="{escape(link)}">{escape(link_text)}</a></p></main>'
    )
    return document(title, body, language=language)
