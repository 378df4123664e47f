"""The words in pictures: English, unless somebody says them in another language."""

from collections.abc import Callable

# Takes an English sentence with places, `%(name)s`, and what to put there.
Say = Callable[..., str]


def in_english(sentence: str, **values: object) -> str:
    return sentence % values
