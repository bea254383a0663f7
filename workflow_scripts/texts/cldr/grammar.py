"""The grammar: what can be meant, and how a meaning is said in a language.

A meaning is a list of clauses, each a kind with its values. It is free of language; saying it in two ways,
through other CLDR patterns and orders, gives paraphrases.
"""

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from workflow_scripts.texts.cldr import vocabulary
from workflow_scripts.texts.cldr.vocabulary import Vocabulary

FIRST_DAY = datetime.date(1950, 1, 1)
DAYS = 36_500
WORDS_OF_A_KIND = 40
# Most sentences of a language begin with few words; a model that samples from its likeliest tokens needs that to write
# all of its languages.
WEEKDAY_WEIGHTS = (64, 16, 8, 4, 2, 1, 1)
Values = tuple


@dataclass(frozen=True)
class Clause:
    """One thing that is meant."""

    kind: str
    values: Values


@dataclass(frozen=True)
class Meaning:
    """What a sentence means: on which day of the week (Monday is 0) what is the case."""

    weekday: int
    clauses: tuple[Clause, ...]

    @property
    def topic(self) -> str:
        """Return the kind of the first clause."""
        return self.clauses[0].kind


@dataclass(frozen=True)
class Kind:
    """A kind of clause: how its values are drawn, and how they are said in either of two ways."""

    draw: Callable[[random.Random], Values]
    say: Callable[[Vocabulary, Values, bool], str]


# --- Drawing ---


def _some(draw: random.Random, codes: tuple[str, ...], least: int, most: int) -> tuple[str, ...]:
    """A few codes, the earlier in a fixed shuffled order the likelier, as words in a language are."""
    chosen: list[str] = []
    wanted = draw.randint(least, most)
    while len(chosen) < wanted:
        code = codes[int(len(codes) * draw.random() ** 2)]
        if code not in chosen:
            chosen.append(code)
    return tuple(chosen)


def _one(draw: random.Random, codes: tuple[str, ...]) -> str:
    return _some(draw, codes, 1, 1)[0]


def _number(draw: random.Random) -> int:
    return draw.choice([draw.randint(2, 20), draw.randint(2, 99), draw.randint(100, 999), draw.randint(1000, 9999)])


def _day(draw: random.Random) -> int:
    return draw.randrange(DAYS)


@cache
def _frequent(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The words of the corpus, the frequent first: a fixed choice that has nothing to do with the alphabet.

    Few enough that a small model sees each of them often in every language.
    """
    return tuple(random.Random(len(codes)).sample(codes, min(WORDS_OF_A_KIND, len(codes))))


def _territory(draw: random.Random) -> str:
    return _one(draw, _frequent(vocabulary.territories()))


# --- Saying ---
# `other` asks for the second way: a list in another order, another date style, a sign for a name, brackets for a colon.


def _say_countries(words: Vocabulary, values: Values, other: bool) -> str:
    names = [words.territory(code) for code in (values[::-1] if other else values)]
    return words.all_of(names)


def _say_languages(words: Vocabulary, values: Values, other: bool) -> str:
    territory, *codes = values
    names = [words.language(code) for code in (codes[::-1] if other else codes)]
    return _pair(words.territory(territory), words.all_of(names), other)


def _say_price(words: Vocabulary, values: Values, other: bool) -> str:
    number, currency, territory = values
    amount = words.price(number, currency) if other else words.amount(number, currency)
    return _pair(words.territory(territory), amount, other)


def _say_exchange(words: Vocabulary, values: Values, other: bool) -> str:
    number, currency, *others = values
    names = [words.currency(code) for code in (others[::-1] if other else others)]
    return _pair(words.either(names), words.amount(number, currency), other)


def _say_journey(words: Vocabulary, values: Values, other: bool) -> str:
    start, end, distance, unit, hours = values
    way = f"{words.territory(start)} – {words.territory(end)}"
    how_far = [words.measure(distance, unit), words.measure(hours, "duration-hour")]
    return _pair(way, words.all_of(how_far[::-1] if other else how_far), other)


def _say_measures(words: Vocabulary, values: Values, other: bool) -> str:
    quantities = [words.measure(number, unit) for number, unit in (values[::-1] if other else values)]
    return words.all_of(quantities)


def _say_date(words: Vocabulary, values: Values, other: bool) -> str:
    day, minute, territory = values
    date = words.date(FIRST_DAY + datetime.timedelta(days=day), "long" if other else "full")
    return _pair(words.territory(territory), f"{date}, {words.time(minute)}", other)


def _say_weather(words: Vocabulary, values: Values, other: bool) -> str:
    territory, month, degrees, humidity = values
    numbers = [words.measure(degrees, "temperature-celsius"), words.percent(humidity)]
    place = [words.territory(territory), words.month(month)]
    return _pair(words.all_of(place[::-1] if other else place), words.all_of(numbers), False)


def _say_relative(words: Vocabulary, values: Values, other: bool) -> str:
    number, unit, future, territory = values
    return _pair(words.territory(territory), words.relative(number, unit, future), other)


def _say_choice(words: Vocabulary, values: Values, other: bool) -> str:
    share, *codes = values
    names = [words.territory(code) for code in (codes[::-1] if other else codes)]
    return _pair(words.either(names), words.percent(share), other)


def _pair(subject: str, predicate: str, other: bool) -> str:
    return f"{subject} ({predicate})" if other else f"{subject}: {predicate}"


KINDS: dict[str, Kind] = {
    "countries": Kind(lambda draw: _some(draw, _frequent(vocabulary.territories()), 3, 6), _say_countries),
    "languages": Kind(
        lambda draw: (_territory(draw), *_some(draw, _frequent(vocabulary.languages()), 2, 4)), _say_languages
    ),
    "price": Kind(
        lambda draw: (_number(draw), _one(draw, _frequent(vocabulary.currencies())), _territory(draw)), _say_price
    ),
    "exchange": Kind(
        lambda draw: (_number(draw), *_some(draw, _frequent(vocabulary.currencies()), 3, 4)), _say_exchange
    ),
    "journey": Kind(
        lambda draw: (
            *_some(draw, _frequent(vocabulary.territories()), 2, 2),
            _number(draw),
            draw.choice(["length-kilometer", "length-mile"]),
            draw.randint(2, 48),
        ),
        _say_journey,
    ),
    "measures": Kind(
        lambda draw: tuple((_number(draw), unit) for unit in _some(draw, _frequent(vocabulary.measures()), 2, 4)),
        _say_measures,
    ),
    "date": Kind(lambda draw: (_day(draw), draw.randrange(1440), _territory(draw)), _say_date),
    "weather": Kind(
        lambda draw: (_territory(draw), draw.randint(1, 12), draw.randint(2, 45), draw.randint(1, 99)), _say_weather
    ),
    "relative": Kind(
        lambda draw: (
            draw.randint(2, 60),
            draw.choice(["hour", "day", "week", "year"]),
            draw.random() < 0.5,
            _territory(draw),
        ),
        _say_relative,
    ),
    "choice": Kind(
        lambda draw: (draw.randint(1, 99), *_some(draw, _frequent(vocabulary.territories()), 2, 4)), _say_choice
    ),
}


def draw_meaning(draw: random.Random, least: int = 1, most: int = 3) -> Meaning:
    """Return a random meaning of `least` to `most` clauses of different kinds."""
    kinds = draw.sample(list(KINDS), draw.randint(least, most))
    weekday = draw.choices(range(7), WEEKDAY_WEIGHTS)[0]
    return Meaning(weekday, tuple(Clause(kind, KINDS[kind].draw(draw)) for kind in kinds))


def vary(meaning: Meaning, draw: random.Random) -> Meaning:
    """Return the meaning with one clause said of something else: most words stay."""
    clauses = list(meaning.clauses)
    place = draw.randrange(len(clauses))
    clauses[place] = Clause(clauses[place].kind, KINDS[clauses[place].kind].draw(draw))
    return Meaning(meaning.weekday, tuple(clauses))


def say(meaning: Meaning, words: Vocabulary, other: bool = False) -> str:
    """Return a meaning as a sentence; `other` says the same in another way."""
    clauses = [words.phrase(KINDS[clause.kind].say(words, clause.values, other)) for clause in meaning.clauses]
    return _pair(words.weekday(meaning.weekday), words.phrase("; ".join(clauses)), other) + "."
