"""Chinese for every text of the command line that stands in the code in English; a test keeps it complete."""

from typing import Final

from devworkspace.cli.chinese.admin import ADMIN
from devworkspace.cli.chinese.developer import DEVELOPER
from devworkspace.cli.chinese.parser import PARSER
from devworkspace.cli.chinese.sentences import SENTENCES
from devworkspace.cli.chinese.server import SERVER

CATALOGUE: Final[dict[str, str]] = {**PARSER, **DEVELOPER, **ADMIN, **SERVER, **SENTENCES}
