"""Which column or parameter of a delivered table may hold a measure: by its name, and by the words of its label."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acrcast.contract import ContractField
from acrcast.contract.units import accepted_units

ENOUGH = 0.6
WORD = re.compile(r"[a-z]+|[0-9]+")
AT_A_TIME = re.compile(r"_(?:week|month)_[0-9]+$")
IN_BRACKETS = re.compile(r"\(([^()]*)\)")
# Words that say how something is measured or written, not what it is.
EMPTY_WORDS = frozenset(
    ["a", "an", "and", "at", "by", "code", "index", "of", "on", "per", "percent", "score", "the", "value"]
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column, or a parameter of a table of a row a value. label: what the file says it is."""

    name: str
    label: str = ""

    @property
    def unit(self) -> str:
        """What stands in brackets at the end of the label, "" without any."""
        found: list[str] = IN_BRACKETS.findall(self.label)
        return found[-1].strip() if found else ""


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for a measure. sure: its name is the measure's own. others: further candidates, for a person to choose."""

    best: Candidate | None
    sure: bool
    others: tuple[Candidate, ...] = ()


def match_of(name: str, field: ContractField | None, candidates: Sequence[Candidate]) -> Match:
    """The candidate that has the name of the column, or its bare name without the unit; else the one of the most words in common."""
    bare = _bare(name, field)
    for own in (squeezed(name), "".join(bare)):
        same = [candidate for candidate in candidates if squeezed(candidate.name) == own]
        if len(same) == 1:
            return Match(same[0], sure=True)
    scored = [(_likeness(bare, field, candidate), candidate) for candidate in candidates]
    likely = sorted((found for found in scored if found[0][0] >= ENOUGH), key=lambda found: found[0], reverse=True)
    if not likely:
        return Match(None, sure=False)
    best = [candidate for score, candidate in likely if score == likely[0][0]]
    if len(best) == 1:
        return Match(best[0], sure=False, others=tuple(candidate for _, candidate in likely[1:4]))
    return Match(None, sure=False, others=tuple(best[:4]))


def squeezed(name: str) -> str:
    """A name without capitals, blanks and signs, by which two spellings are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _bare(name: str, field: ContractField | None) -> tuple[str, ...]:
    """The words of a field's name that say what is measured: crp of crp_mg_per_l."""
    words = _words([AT_A_TIME.sub("", name)])
    units = _words(accepted_units(field)) if field is not None else []
    return tuple(word for word in words if word not in {*units, *EMPTY_WORDS}) or tuple(words)


def _likeness(bare: Sequence[str], field: ContractField | None, candidate: Candidate) -> tuple[float, float]:
    """The share of the measure's words that the candidate has, by the field's name or its label; then how little else it says."""
    has = {*map(_stem, _words([candidate.name, candidate.label])), *_initials(candidate.label)}
    label = [word for word in _words([field.measure.label]) if word not in EMPTY_WORDS] if field is not None else []
    spare = 1 / (1 + len(_words([IN_BRACKETS.sub("", candidate.label)])))
    initials = "".join(word[0] for word in bare if word.isalpha())
    if len(initials) > 2 and initials in has:
        return 1.0, spare
    return max(sum(_stem(word) in has for word in words) / len(words) for words in (bare, label) if words), spare


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in WORD.findall(text.lower())]


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def _initials(text: str) -> set[str]:
    """Of every run of at least two words: crp of C-Reactive Protein."""
    letters = [word[0] for word in _words([text])]
    return {"".join(letters[i:j]) for i in range(len(letters)) for j in range(i + 2, min(len(letters), i + 6) + 1)}
