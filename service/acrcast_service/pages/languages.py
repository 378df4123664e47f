"""The languages of the pages, and how a text that was made elsewhere is said in one of them.

English is the language of the sources: a page's own sentences are the keys of the catalogue `words/<language>.toml`, and a
study's are those of the file beside it. A key may hold places, `%(name)s` for words and `%(name)d` for a number, so that
sentences which the core makes with values in them are recognised and said anew.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from fastapi import Request
from markupsafe import Markup

from acrcast.contract import Patient
from acrcast.translations import read_catalogue, translated

CATALOGUES = Path(__file__).parent / "words"
PLACE = re.compile(r"%\((\w+)\)([sd])")
FORMS = {"s": r"(?P<{}>.+?)", "d": r"(?P<{}>[-+]?\d[\d.,]*)"}


@dataclass(frozen=True, slots=True)
class Language:
    """tag: BCP 47, for `lang`. query: as `?lang=` has it. name: in the language itself. joint: between items of a list."""

    tag: str
    query: str
    name: str
    joint: str = ", "


ENGLISH = Language("en", "en", "English")
CHINESE = Language("zh-Hans", "zh", "中文", "、")
LANGUAGES = (ENGLISH, CHINESE)


def language_of(request: Request) -> Language:
    """What `?lang=` asks for, or else the best of Accept-Language; English when neither is known here."""
    asked = request.query_params.get("lang", "")
    for language in LANGUAGES:
        if language.query == asked:
            return language
    return _accepted(request.headers.get("accept-language", ""))


def _accepted(header: str) -> Language:
    """The first of the highest quality; by their primary tags, so that zh-CN and zh-TW are both Chinese."""
    found: list[tuple[float, Language]] = []
    for item in header.split(","):
        tag, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        known = [language for language in LANGUAGES if tag.split("-")[0] == language.query]
        if known and re.fullmatch(r"[01](\.\d{0,3})?", quality):
            found.append((float(quality), known[0]))
    best = max(found, key=lambda pair: pair[0], default=(0.0, ENGLISH))
    return best[1] if best[0] > 0 else ENGLISH


class Words:
    """Says texts in one language. catalogue: by their English, with places or without."""

    def __init__(self, language: Language, catalogue: Mapping[str, str]) -> None:
        self.language = language
        self._catalogue = catalogue

    def gettext(self, message: str) -> str:
        """A page's own sentence, its places still to be filled."""
        return self._catalogue.get(message, message)

    def say(self, message: str, **values: object) -> str:
        """A sentence of ours with its places filled, as plain text; for whoever draws pictures."""
        return self.gettext(message) % values

    def of(self, text: str, about: str = "") -> str | None:
        """A text that was made elsewhere, in this language; None when it cannot be said in it. about: see `told`."""
        if self.language is ENGLISH or not text:
            return text
        known = self._catalogue.get(f"{text} ({about})") or self._catalogue.get(text)
        if known is not None:
            return known.replace("%%", "%")
        for pattern, translation in self._patterns:
            if (found := pattern.fullmatch(text)) is not None:
                return self._filled(translation, found.groupdict(), about)
        return None

    def told(self, text: str, about: str = "") -> Markup:
        """The text for a page: marked as English where it is. about: the label of the measure that it is said of."""
        said = self.of(text, about)
        return Markup("{}").format(said) if said is not None else Markup('<span lang="en">{}</span>').format(text)

    def plain(self, text: str, about: str = "") -> str:
        """The same where no mark can stand, as in an attribute."""
        said = self.of(text, about)
        return text if said is None else said

    def told_all(self, texts: Iterable[str]) -> Markup:
        """The texts as a list within a sentence."""
        return Markup(self.language.joint).join(map(self.told, texts))  # noqa: S704  of two literals

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Those with places, the one with the most words of its own first."""
        with_places = [(text, said) for text, said in self._catalogue.items() if PLACE.search(text)]
        with_places.sort(key=lambda pair: -len(PLACE.sub("", pair[0])))
        return [(_pattern(text), said) for text, said in with_places]

    def _filled(self, translation: str, values: Mapping[str, str], about: str) -> str:
        return PLACE.sub(lambda place: self._part(values[place[1]], about), translation).replace("%%", "%")

    def _part(self, text: str, about: str) -> str:
        """What stood at a place: a text of its own, a list of such, or as it is."""
        whole = self.of(text, about)
        if whole is not None:
            return whole
        parts = [self.of(part, about) for part in text.split(ENGLISH.joint)]
        return text if None in parts else self.language.joint.join(part for part in parts if part is not None)


def _pattern(text: str) -> re.Pattern[str]:
    written, end = "", 0
    for place in PLACE.finditer(text):
        before = f"(?P={place[1]})" if f"(?P<{place[1]}>" in written else FORMS[place[2]].format(place[1])
        written += re.escape(text[end : place.start()].replace("%%", "%")) + before
        end = place.end()
    return re.compile(written + re.escape(text[end:].replace("%%", "%")))


@lru_cache(maxsize=16)
def words_of(language: Language, patient: type[Patient] | None = None) -> Words:
    """What the pages and the core say, and the study of these patients, which may say any of it anew."""
    if language is ENGLISH:
        return Words(language, {})
    own = read_catalogue(CATALOGUES / f"{language.tag}.toml")
    return Words(language, own if patient is None else {**own, **translated(patient, language.tag)})
