"""A study's tables beside the paper's: the cells they share, what the paper says of each, and whether it is so.

The published numbers are those of Tables 1, 2, 3, 5, 6 and 7, as printed, one CSV per table, in `printed/`; languages
by ISO 639-1 code (the paper's "jp" is `ja`), models by the names that `models.*.published` of the config refers to.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from workflow_scripts.config.settings import PublishedName
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables import shown_models

# The paper calls paraphrase accuracy largely unchanged where it changes by up to this much; its own tables change by
# more in Bloom-7B for Japanese (0.12) and Aya-8B for Japanese (0.06).
UNCHANGED = 0.05
ROUNDING = 1e-9  # of differences of numbers with two decimals


class Model(shown_models.Model):
    """A model of the study, and which of the paper's models it is."""

    published: PublishedName = None


@dataclass(frozen=True)
class Claim:
    """What the paper says of one number of a row, decided from the row's numbers."""

    phrase: str
    numbers: tuple[str, ...]
    test: Callable[..., bool]

    def holds(self, row: pd.Series) -> str:
        """Return yes, no, or undefined where one of the numbers is undefined."""
        values = [row[name] for name in self.numbers]
        if any(math.isnan(value) for value in values):
            return "undefined"
        return "yes" if self.test(*values) else "no"


FALLS = Claim("post < pre", ("pre", "post"), lambda pre, post: post < pre)
RISES = Claim("post > pre", ("pre", "post"), lambda pre, post: post > pre)
STAYS = Claim(
    f"|post - pre| <= {UNCHANGED}", ("pre", "post"), lambda pre, post: abs(post - pre) <= UNCHANGED + ROUNDING
)
DROPS = Claim("mixed < pre", ("pre", "mixed"), lambda pre, mixed: mixed < pre)
NEGATIVE = Claim("r < 0", ("r",), lambda r: r < 0)
POSITIVE = Claim("r > 0", ("r",), lambda r: r > 0)
UNCORRELATED = Claim(
    "the interval of r holds 0", ("r", "ci_low", "ci_high"), lambda r, ci_low, ci_high: ci_low <= 0 <= ci_high
)


@dataclass(frozen=True)
class Layout:
    """How a table is laid out: the columns that name a row, and the numbers in it, each a (space, statistic)."""

    title: str
    keys: tuple[str, ...]
    numbers: dict[str, tuple[str, str]]
    claims: dict[tuple[str, str], Claim]  # by what the last key column says, "" for anything, and by number
    readings: tuple[str, ...] = ()  # columns in which the study's table has more than the paper's one reading

    def claim(self, row: pd.Series, number: str) -> Claim | None:
        """Return what the paper says of a number in a row, if anything."""
        return self.claims.get((row[self.keys[-1]], number), self.claims.get(("", number)))


def _accuracies(*spaces: str) -> dict[str, tuple[str, str]]:
    return {space: (space, "accuracy") for space in spaces}


PARAPHRASE = {
    "keys": ("target",),
    "numbers": _accuracies("pre", "post", "mixed"),
    "readings": ("similarity",),
}
LAYOUTS = {
    "table1": Layout(
        title="Distances",
        keys=("role", "metric"),
        numbers={
            "pre": ("pre", "mean"),
            "post": ("post", "mean"),
            "pre_sem": ("pre", "sem"),
            "post_sem": ("post", "sem"),
        },
        claims={("", "post"): FALLS},
    ),
    "table2": Layout(
        title="Correlations",
        keys=("query", "correlation"),
        numbers={"r": ("", "r"), "ci_low": ("", "ci_low"), "ci_high": ("", "ci_high")},
        claims={
            ("acc_post~d_post", "r"): NEGATIVE,
            ("acc_pre~d_pre", "r"): NEGATIVE,
            ("d_post~d_pre", "r"): POSITIVE,
            ("delta_acc~delta_d", "r"): UNCORRELATED,
        },
        readings=("similarity", "measure", "candidates_set"),
    ),
    "table3": Layout("Paraphrases", **PARAPHRASE, claims={("", "post"): STAYS, ("", "mixed"): DROPS}),
    "table5": Layout("Paraphrases", **PARAPHRASE, claims={("", "post"): STAYS, ("", "mixed"): DROPS}),
    "table6": Layout("Paraphrases, random neurons", **PARAPHRASE, claims={("", "post"): STAYS}),
    "table7": Layout(
        title="Translations",
        keys=("dataset", "target"),
        numbers=_accuracies("pre", "post"),
        claims={("", "post"): RISES},
        readings=("similarity", "direction"),
    ),
}
# Table 3 is about one target and Table 5 about the others; which one it is differs between studies.
PUBLISHED_IN = {"table3": ("table3", "table5"), "table5": ("table3", "table5")}
MAIN_STATISTICS = ("mean", "accuracy", "r")  # the others say how uncertain these are
KEYS = list(dict.fromkeys(key for layout in LAYOUTS.values() for key in layout.keys))
COLUMNS = [
    "table",
    "cell",
    *KEYS,
    "space",
    "statistic",
    "model",
    "pooling",
    "measured",
    "published",
    "published_low",
    "published_high",
    "difference",
    "claim",
    "holds",
    "holds_published",
    "note",
]


def laid_out(table: str, rows: pd.DataFrame, where: str, shown_readings: dict[str, str] | None = None) -> pd.DataFrame:
    """Return a table with one row per model (and pooling) and key, and its numbers in columns, means over seeds.

    Args:
        table: Name in `LAYOUTS`.
        rows: The CSV as it was read.
        where: The file, for messages.
        shown_readings: The reading to take of each column in `Layout.readings`; None for a published table, which has
            one reading, and one pooling.

    Raises:
        StudyError: the table lacks a column or the reading, or has two rows for one key.
    """
    layout = LAYOUTS[table]
    readings = {name: shown_readings[name] for name in layout.readings} if shown_readings else {}
    key = ["model", *([] if shown_readings is None else ["pooling"]), *layout.keys]
    _need(rows, [*key, *readings], where)
    for name, reading in readings.items():
        if len(rows) and reading not in set(rows[name]):
            raise StudyError(f"{where} holds no {name} {reading}, which is the one compared with the paper's.")
        rows = rows[rows[name] == reading]
    if table == "table1":
        _need(rows, ["space", "mean", "sem"], where)
        rows = _spaces_in_columns(rows, key)
    _need(rows, [*layout.numbers], where)
    one = [*key, *(["seed"] if "seed" in rows else [])]
    if rows.duplicated(one).any():
        twice = rows[rows.duplicated(one)].iloc[0][one]
        raise StudyError(f"{where} has two rows for {', '.join(map(str, twice))}, where one can be compared.")
    return rows.groupby(key, sort=False, as_index=False)[[*layout.numbers]].mean()


def _spaces_in_columns(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return Table 1, which has the spaces in rows, laid out like the other tables."""
    pre, post = (
        rows.loc[rows["space"] == space, [*key, "mean", "sem"]].rename(columns={"mean": space, "sem": f"{space}_sem"})
        for space in ("pre", "post")
    )
    return pre.merge(post, how="outer", on=key, sort=False)


def _need(rows: pd.DataFrame, columns: list[str], where: str) -> None:
    if absent := [column for column in columns if column not in rows.columns]:
        raise StudyError(f"{where} has no column {', '.join(absent)}, so it is not the table that its name says.")


def compare(ours: dict[str, pd.DataFrame], papers: dict[str, pd.DataFrame], models: list[Model]) -> pd.DataFrame:
    """Return every number of the study's tables beside the published one; columns as in `COLUMNS`.

    Where the study's model is none of the paper's, `published` is empty and `holds_published` says for how many of the
    paper's models the claim holds; the range is over the paper's models in both cases.

    Args:
        ours: The study's tables by name, as `laid_out` gives them.
        papers: The published ones.
        models: The study's models.
    """
    names = {model.name: model.published for model in models}
    published = {
        table: pd.concat([papers[source] for source in PUBLISHED_IN.get(table, (table,))], ignore_index=True)
        for table in ours
    }
    other_pre = other_scores(papers)
    rows = []
    for table, measured in ours.items():
        for _, row in measured.iterrows():
            if row["model"] in names:
                same = (published[table][[*LAYOUTS[table].keys]] == row[[*LAYOUTS[table].keys]]).all(axis=1)
                rows += _compared(table, row, published[table][same], names[row["model"]], other_pre)
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(
    table: str, row: pd.Series, papers: pd.DataFrame, published: str | None, other_pre: dict[tuple, str]
) -> list[dict]:
    """Return a row of the study's table beside the same row of every model of the paper."""
    layout = LAYOUTS[table]
    own = papers[papers["model"] == published]
    compared = []
    for number, (space, statistic) in layout.numbers.items():
        claim = layout.claim(row, number)
        value = own[number].iloc[0] if len(own) else math.nan
        compared.append(
            {
                "table": table,
                "cell": _in_words(table, row, space, statistic),
                **{key: row[key] for key in layout.keys},
                "space": space,
                "statistic": statistic,
                "model": row["model"],
                "pooling": row["pooling"],
                "measured": row[number],
                "published": value,
                "published_low": papers[number].min(),
                "published_high": papers[number].max(),
                "difference": row[number] - value,
                "claim": claim.phrase if claim else "",
                "holds": claim.holds(row) if claim else "",
                "holds_published": _holds_published(claim, own if published else papers, published) if claim else "",
                "note": _note(table, row, number, published, other_pre),
            }
        )
    return compared


def _holds_published(claim: Claim, papers: pd.DataFrame, published: str | None) -> str:
    verdicts = [claim.holds(row) for _, row in papers.iterrows()]
    if published:
        return verdicts[0] if verdicts else ""
    decided = [verdict for verdict in verdicts if verdict != "undefined"]
    return f"{decided.count('yes')} of {len(decided)}" if decided else ""


def _in_words(table: str, row: pd.Series, space: str, statistic: str) -> str:
    keys = [str(row[key]).replace("non_", "non-").replace("_", " ") for key in LAYOUTS[table].keys]
    what = statistic if table in ("table1", "table2") else ""
    return ", ".join(part for part in [f"Table {table.removeprefix('table')}", *keys, space, what] if part)


# --- Oddities of the paper ---

BLOOM_JA = (
    "The paper has NA for Bloom-7B, since its distances from Japanese were all the same before the intervention; but "
    "with those distances it gives r(d_post, d_pre), which would be undefined too."
)


def other_scores(papers: dict[str, pd.DataFrame]) -> dict[tuple, str]:
    """Return notes, by model and target, on scores without intervention that differ between Tables 3, 5 and 6."""
    found: dict[tuple, str] = {}
    if not {"table3", "table5", "table6"} <= papers.keys():
        return found
    sixth = papers["table6"].set_index(["model", "target"])["pre"]
    for table in ("table3", "table5"):
        for (model, target), pre in papers[table].set_index(["model", "target"])["pre"].items():
            other = sixth.get((model, target), pre)
            if abs(other - pre) > ROUNDING:
                place = table.removeprefix("table")
                found[model, target] = (
                    f"The paper's score of {model} without intervention is {pre:.2f} in Table {place} and {other:.2f} "
                    "in Table 6."
                )
    return found


def _note(table: str, row: pd.Series, number: str, published: str | None, other_pre: dict[tuple, str]) -> str:
    """Return what is odd in the paper's number, or in those of its range where the model is none of the paper's."""
    if table == "table2" and row["query"] == "ja" and published in ("bloom-7b", None):
        return BLOOM_JA if row["correlation"] in ("acc_pre~d_pre", "d_post~d_pre") else ""
    if table in ("table3", "table5", "table6") and number == "pre":
        notes = [
            note
            for (model, target), note in other_pre.items()
            if target == row["target"] and published in (model, None)
        ]
        return " ".join(notes)
    return ""
