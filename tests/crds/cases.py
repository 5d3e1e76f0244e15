"""The tables in cases/ as values."""

from dataclasses import dataclass

from tests.crds.schema import CASES, KINDS, Json, load


@dataclass(frozen=True)
class Case:
    """One manifest put to the API server: changes of the smallest valid one, and what must come of it."""

    kind: str
    sentence: str
    at: str
    check: str
    accepted: bool
    changes: Json
    before: Json | None
    field: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence} is {'accepted' if self.accepted else 'refused'}"

    @property
    def says(self) -> str:
        """The part of the message that a refusal must hold."""
        return "should match" if self.check == "pattern" else self.check

    @property
    def on_status(self) -> bool:
        return self.at.startswith("status")


def load_cases() -> list[Case]:
    return [
        Case(
            kind=kind,
            sentence=sentence,
            at=group["at"],
            check=group["check"],
            accepted=outcome == "accepted",
            changes=changes.get("to", changes),
            before=changes.get("from"),
            field=group.get("field", group["at"]),
        )
        for kind in KINDS
        for group in load(CASES / f"{kind}.yaml")
        for outcome in ("accepted", "refused")
        for sentence, changes in group[outcome].items()
    ]
