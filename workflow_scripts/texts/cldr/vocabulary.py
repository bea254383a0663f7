"""What CLDR knows to say in one locale, and which names it knows in all built-in languages."""

import datetime
from collections import Counter
from collections.abc import Callable
from functools import cache

from babel import Locale, UnknownLocaleError, dates, lists, numbers, units

from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.jobs.errors import StudyError

# Units people speak of; CLDR has many more.
UNITS = (
    *("area-hectare", "area-square-kilometer", "area-square-meter", "digital-gigabyte", "digital-megabyte"),
    *("duration-day", "duration-hour", "duration-minute", "duration-month", "duration-second", "duration-week"),
    *(
        "duration-year",
        "energy-calorie",
        "energy-kilowatt-hour",
        "length-centimeter",
        "length-foot",
        "length-kilometer",
    ),
    *("length-meter", "length-mile", "length-millimeter", "mass-gram", "mass-kilogram", "mass-pound", "mass-tonne"),
    *("power-kilowatt", "power-watt", "speed-kilometer-per-hour", "speed-mile-per-hour", "temperature-celsius"),
    *("temperature-fahrenheit", "volume-cubic-meter", "volume-gallon", "volume-liter", "volume-milliliter"),
)
DAY = datetime.date(2020, 1, 1)  # on which a currency must have been in use


class Vocabulary:
    """How one locale says names, numbers, dates and lists. Everything is remembered, since CLDR patterns are slow."""

    def __init__(self, identifier: str):
        """Read the locale.

        Raises:
            StudyError: CLDR does not have it.
        """
        try:
            self.locale = Locale.parse(identifier)
        except (UnknownLocaleError, ValueError) as error:
            raise StudyError(f"CLDR has no locale {identifier!r}; set languages.<code>.cldr to one it has.") from error
        self._said: dict[tuple, str] = {}

    def territory(self, code: str) -> str:
        """Return the name of a country, like Germany."""
        return self._name(self.locale.territories, code, "territory")

    def language(self, code: str) -> str:
        """Return the name of a language, like German."""
        return self._name(self.locale.languages, code, "language")

    def currency(self, code: str) -> str:
        """Return the name of a currency, like euro."""
        return self._name(self.locale.currencies, code, "currency")

    def amount(self, number: int, currency: str) -> str:
        """Return an amount of money with the currency's name, like 12 euros."""
        return self._remember(
            "amount",
            number,
            currency,
            say=lambda: numbers.format_currency(
                number, currency, locale=self.locale, format_type="name", currency_digits=False, format="#,##0"
            ),
        )

    def price(self, number: int, currency: str) -> str:
        """Return an amount of money with the currency's sign, like €12.00."""
        return self._remember(
            "price", number, currency, say=lambda: numbers.format_currency(number, currency, locale=self.locale)
        )

    def measure(self, number: int, unit: str) -> str:
        """Return a quantity, like 25 kilometers."""
        return self._remember("measure", number, unit, say=lambda: self._measure(number, unit))

    def percent(self, number: int) -> str:
        """Return a share, like 25%."""
        return self._remember("percent", number, say=lambda: numbers.format_percent(number / 100, locale=self.locale))

    def date(self, day: datetime.date, style: str) -> str:
        """Return a date, `full` with the day of the week or `long` without."""
        return self._remember("date", day, style, say=lambda: dates.format_date(day, style, locale=self.locale))

    def time(self, minute: int) -> str:
        """Return a time of day, given in minutes."""
        clock = datetime.time(minute // 60, minute % 60)
        return self._remember("time", minute, say=lambda: dates.format_time(clock, "short", locale=self.locale))

    def month(self, number: int) -> str:
        """Return the name of a month, like March."""
        # Not the stand-alone names: where CLDR has them inherit, Babel 2.18 can give those of another locale.
        return self.locale.months["format"]["wide"][number]

    def weekday(self, number: int) -> str:
        """Return the name of a day of the week, Monday being 0."""
        return self.locale.days["format"]["wide"][number]

    def relative(self, number: int, unit: str, future: bool) -> str:
        """Return a time relative to now, like in 3 days, 3 days ago."""
        seconds = number * {"day": 86400, "week": 604800, "hour": 3600, "year": 31536000}[unit]
        delta = datetime.timedelta(seconds=seconds if future else -seconds)
        return self._remember(
            "relative",
            number,
            unit,
            future,
            say=lambda: dates.format_timedelta(
                delta, granularity=unit, threshold=1e6, add_direction=True, locale=self.locale
            ),
        )

    def either(self, items: list[str]) -> str:
        """Return a list of alternatives, like a, b, or c."""
        return lists.format_list(items, style="or", locale=self.locale)

    def all_of(self, items: list[str]) -> str:
        """Return a list, like a, b, and c."""
        return lists.format_list(items, style="standard", locale=self.locale)

    def phrase(self, text: str) -> str:
        """Return a part of a sentence that belongs together, as it is; where trees are wanted, it is marked."""
        return text

    def _name(self, names, code: str, kind: str) -> str:
        if code not in names:
            raise StudyError(f"CLDR has no name of the {kind} {code} in {self.locale.english_name}; leave it out.")
        return names[code]

    def _measure(self, number: int, unit: str) -> str:
        # Where a locale has no long form, CLDR means the short one; Babel 2.18 gives the unit's identifier instead.
        for length in ("long", "short", "narrow"):
            said = units.format_unit(number, unit, length=length, locale=self.locale)
            if unit not in said:
                return said
        return said

    def _remember(self, *key, say: Callable[[], str]) -> str:
        if key not in self._said:
            self._said[key] = say()
        return self._said[key]


@cache
def vocabulary(identifier: str) -> Vocabulary:
    """Return the vocabulary of a locale, read once."""
    return Vocabulary(identifier)


@cache
def built_in() -> tuple[Vocabulary, ...]:
    """Return the vocabularies of all built-in languages: what is said in one must be sayable in all."""
    return tuple(vocabulary(language.cldr or code) for code, language in LANGUAGES.items())


def _shared(names: Callable[[Vocabulary], dict[str, str]]) -> tuple[str, ...]:
    """Codes named in every built-in language, by a name that no other code has there."""
    per_locale = []
    for words in built_in():
        named = dict(names(words).items())
        count = Counter(named.values())
        per_locale.append({code for code, name in named.items() if count[name] == 1 and name != code})
    return tuple(sorted(set.intersection(*per_locale)))


@cache
def territories() -> tuple[str, ...]:
    """Return the countries (two-letter codes) that every built-in language has a name of its own for."""
    named = _shared(lambda words: words.locale.territories)
    # CLDR also names the world, continents and unions; countries are those with a currency.
    return tuple(code for code in named if len(code) == 2 and numbers.get_territory_currencies(code, DAY, DAY))


@cache
def languages() -> tuple[str, ...]:
    """Return the languages with a two-letter code that every built-in language has a name of its own for."""
    return tuple(code for code in _shared(lambda words: words.locale.languages) if len(code) == 2)


@cache
def currencies() -> tuple[str, ...]:
    """Return the currencies in use in 2020 that every built-in language has a name of its own for."""
    current = {code for country in territories() for code in numbers.get_territory_currencies(country, DAY, DAY)}
    return tuple(code for code in _shared(lambda words: words.locale.currencies) if code in current)


@cache
def measures() -> tuple[str, ...]:
    """Return the units that every built-in language can say in words."""
    return tuple(unit for unit in UNITS if all(unit not in words.measure(7, unit) for words in built_in()))
