"""Who reads: a language of ours and the country whose formats of numbers and money are used.

"de-AT" reads German words with Austrian formats; a language that we lack reads English.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError

from holdfast.services.price_words.languages.danish import DANISH
from holdfast.services.price_words.languages.dutch import DUTCH
from holdfast.services.price_words.languages.english import ENGLISH
from holdfast.services.price_words.languages.french import FRENCH
from holdfast.services.price_words.languages.german import GERMAN
from holdfast.services.price_words.languages.italian import ITALIAN
from holdfast.services.price_words.languages.polish import POLISH
from holdfast.services.price_words.languages.portuguese import PORTUGUESE
from holdfast.services.price_words.languages.spanish import SPANISH
from holdfast.services.price_words.languages.swedish import SWEDISH
from holdfast.services.price_words.words import Language

HEADER_LENGTH_MAX = 200
WISHES_MAX = 10
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")
_USUAL_REGIONS = {"en": "GB", "pt": "PT"}
"""Where babel takes another country for the usual one than a reader here: a bare "en" is the United
States there, with AM and PM, a bare "pt" Brazil."""
_QUALITY = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        DANISH,
        GERMAN,
        ENGLISH,
        SPANISH,
        FRENCH,
        ITALIAN,
        DUTCH,
        POLISH,
        PORTUGUESE,
        SWEDISH,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`language`: the words; `locale`: how numbers, money and dates are written."""

    language: Language
    locale: Locale

    @property
    def tag(self) -> str:
        """For `lang` and Content-Language: "de-AT"."""
        return str(self.locale).replace("_", "-")


def reader_of(tag: str) -> Reader:
    """The reader of a BCP 47 tag; English where we lack the language. Never raises."""
    return _wished(tag) or _known("en", None)


def negotiate(accept_language: str | None, *, wish: str | None = None) -> Reader:
    """The reader of a request: what was asked for, else the best of Accept-Language, else English.

    RFC 9110 section 12.5.4. A header beyond its limits counts as far as they go.
    """
    if wish is not None and (found := _wished(wish)):
        return found
    weighed: list[tuple[float, int, str]] = []
    parts = (accept_language or "")[:HEADER_LENGTH_MAX].split(",")[:WISHES_MAX]
    for number, part in enumerate(parts):
        tag, _, rest = part.strip().partition(";")
        match = _QUALITY.fullmatch(rest.strip())
        quality = min(1.0, float(match[1])) if match else 1.0
        if quality > 0:
            weighed.append((-quality, number, tag))
    return next(
        (found for _, _, tag in sorted(weighed) if (found := _wished(tag))), _known("en", None)
    )


def _wished(tag: str) -> Reader | None:
    match = _TAG.fullmatch(tag.strip()[:HEADER_LENGTH_MAX])
    if match is None or match[1].lower() not in LANGUAGES:
        return None
    return _known(match[1].lower(), match[2].upper() if match[2] else None)


@lru_cache(maxsize=512)
def _known(code: str, region: str | None) -> Reader:
    try:
        locale = Locale(code, territory=region or _USUAL_REGIONS.get(code))
    except UnknownLocaleError:  # a country where the language has no formats of its own
        locale = Locale(code)
    return Reader(language=LANGUAGES[code], locale=locale)
