"""The Authorization header for a token. By itself, for programs that must begin quickly and load nothing else."""

from devworkspace.kube.errors import ConfigError


def bearer(token: str, *, origin: str) -> str:
    """Return the header for `token`; `origin` names its source in the error, which never shows the token."""
    token = token.strip()
    if not token:
        raise ConfigError(f"the token from {origin} is empty")
    if not token.isascii() or any(character.isspace() or not character.isprintable() for character in token):
        raise ConfigError(f"the token from {origin} contains characters that no token has")
    return f"Bearer {token}"
