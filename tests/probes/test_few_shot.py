"""Probes with a few examples of the tested language, against loops over scikit-learn, and the table of their scores."""

import json
from itertools import product

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workflow_scripts.config.sections import Resampling
from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import average_over_languages
from workflow_scripts.probes import probe_few_shot
from workflow_scripts.probes.few_shot import examples_of, told_with_examples
from workflow_scripts.probes.split import held_out
from workflow_scripts.probes.topics import halves
from workflow_scripts.tables import layout, table_few_shot
from workflow_scripts.texts import cldr, schema

LANGUAGES = ["de", "en", "ja"]
SETTINGS = {"regularisation": 0.05, "seed": 0}


@pytest.fixture
def divided():
    """Training and test sentences by language, of topics whose directions German and English share and Japanese not."""
    generator = np.random.default_rng(0)
    ids = [f"devtest-{number:06d}" for number in range(120)]
    topics = [str(topic) for topic in generator.integers(0, 4, len(ids))]
    tested = held_out(ids, 0.3, 0)
    train, test = {}, {}
    for language in LANGUAGES:
        directions = np.roll(np.eye(4, 10), 2 if language == "ja" else 0, axis=1)
        vectors = 3 * directions[list(map(int, topics))] + generator.normal(0, 1, (len(ids), 10))
        train[language], test[language] = halves(ids, vectors.astype(np.float32), topics, tested)
    return train, test


def test_examples_are_added_to_the_source_as_a_loop_over_scikit_learn_has_it(divided):
    train, test = divided
    found = {
        (source, language, count): told
        for source, language, count, told in told_with_examples(train, test, ["de", "en"], [0, 5, 40], SETTINGS)
    }
    pairs = [(source, language) for source, language in product(["de", "en"], LANGUAGES) if source != language]
    expected = {(*pair, count) for pair, count in product(pairs, (0, 5, 40))}
    assert found.keys() == expected | {(None, language, count) for language, count in product(LANGUAGES, (5, 40))}
    right = {}
    for (source, language, count), told in found.items():
        rows = examples_of(train[language], language, 0)[:count]
        vectors, labels = train[language].vectors[rows], [train[language].topics[row] for row in rows]
        if source is not None:
            vectors, labels = np.concatenate([train[source].vectors, vectors]), [*train[source].topics, *labels]
        logistic = LogisticRegression(C=1 / (0.05 * len(labels)), max_iter=1000)
        reference = make_pipeline(StandardScaler(), logistic).fit(vectors, labels)
        assert np.mean(told == reference.predict(test[language].vectors)) > 0.97
        right[source, language, count] = np.mean(np.array(told) == test[language].topics)
    assert right["de", "ja", 0] < 0.3 < right["de", "ja", 5] < right["de", "ja", 40]
    assert right["de", "en", 0] > 0.8


def test_more_examples_have_fewer_among_them_and_languages_and_seeds_have_others(divided):
    train, test = divided
    orders = [examples_of(train[language], language, seed) for language, seed in (("de", 0), ("ja", 0), ("de", 1))]
    for order in orders:
        assert sorted(order) == list(range(len(train["de"].ids)))
    assert orders == [
        examples_of(train[language], language, seed) for language, seed in (("de", 0), ("ja", 0), ("de", 1))
    ]
    assert len({tuple(order[:10]) for order in orders}) == 3
    alone = {language: told for source, language, _, told in told_with_examples(train, test, [], [1], SETTINGS)}
    for language, told in alone.items():
        first = examples_of(train[language], language, 0)[0]
        assert set(told) == {train[language].topics[first]}  # of one example, its topic


def write_study(folder, count):
    """Write texts, embeddings that hold no topic, and the unintervened condition."""
    texts = cldr.topics("devtest", {code: code for code in LANGUAGES}, count, 0)
    schema.write(folder / "texts.parquet", texts)
    write_condition(folder / "base.json", Condition(name="base", model="tiny"))
    generator = np.random.default_rng(0)
    with h5py.File(folder / "embeddings.h5", "w") as file:
        for language in LANGUAGES:
            ids = list(texts[(texts["part"] == "topic") & (texts["lang"] == language)]["id"])
            vectors = generator.normal(size=(count, 6)).astype(np.float32)
            write_part(file.create_group(f"{language}/sentence"), ids, vectors)


def run(folder, **changed):
    spec = {"dataset": "made-up", "languages": LANGUAGES, "test_share": 0.3, **SETTINGS, "sources": ["de"]}
    files = {"embeddings": "embeddings.h5", "texts": "texts.parquet", "condition": "base.json", "few-shot": "few.csv"}
    options = [item for name, path in files.items() for item in (f"--{name}", str(folder / path))]
    probe_few_shot.main(["--spec", json.dumps({**spec, "examples": [0, 20], **changed}), *options])
    return pd.read_csv(folder / "few.csv")


def test_the_stage_writes_a_score_per_source_test_language_and_number_of_examples(tmp_path):
    write_study(tmp_path, 60)
    found = run(tmp_path)
    key = ["train", "test", "examples", "measure"]
    rows = [("de", "en", 0), ("de", "ja", 0), ("de", "en", 20), ("de", "ja", 20)]
    rows += [(None, language, 20) for language in LANGUAGES]
    expected = {(*row, measure) for row in rows for measure in ("accuracy", "macro_f1")}
    assert set(found[key].replace({np.nan: None}).itertuples(index=False, name=None)) == expected
    assert len(found) == len(expected) and set(found["sentences"]) == {18} and found["score"].between(0, 1).all()
    with pytest.raises(StudyError, match=r"few_shot\.examples: 43 is more than the 42 sentences that probes are"):
        run(tmp_path, examples=[43])


SOURCES, EXAMPLES = ["de", "ja"], [0, 10]
TESTED = ["de", "en", "ja", "th"]
TABLE = {
    "models": [{"name": "tiny", "label": "Tiny BLOOM"}],
    "poolings": ["max"],
    "targets": ["es"],
    "task": {"name": "topics", "dataset": "sib", "languages": TESTED},
    "sources": SOURCES,
    "examples": EXAMPLES,
    "experts": True,
    "resampling": {"resamples": 300, "seed": 3},
}


def run_table(folder, **changed):
    """Return made-up scores by source, test language, number of examples and condition, and the table of them."""
    generator = np.random.default_rng(1)
    scores, paths = {}, []
    for target in (None, "es"):
        leading = {"model": "tiny", "condition": target or "base", "units": "expert" if target else "none"}
        leading |= {"target": target, "pooling": target and "max", "task": "topics"}
        rows = []
        for source, test, count in product([None, *SOURCES], TESTED, EXAMPLES):
            if source != test and (source is not None or count):
                scores[source, test, count, target] = generator.random()
                of_pair = {**leading, "train": source, "test": test, "examples": count}
                rows.append({**of_pair, "measure": "accuracy", "score": scores[source, test, count, target]})
                rows.append({**of_pair, "measure": "macro_f1", "score": 0.5})
        paths.append(folder / f"{target}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    files = {name: folder / f"few_shot.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    table_few_shot.main(["--spec", json.dumps({**TABLE, **changed}), "--few-shot", *map(str, paths), *options])
    return scores, pd.read_csv(files["csv"]), layout.read(files["json"])


def test_scores_are_averaged_over_sources_then_over_test_languages(tmp_path):
    scores, tidy, table = run_table(tmp_path)
    found = tidy.fillna({"target": "none"}).set_index(["target", "training", "examples"])
    assert len(found) == 2 * 3
    for training, sources in (("source", SOURCES), ("alone", [None])):
        for count in EXAMPLES if training == "source" else [10]:
            before, after = (
                np.array(
                    [
                        np.mean([scores[source, test, count, target] for source in sources if source != test])
                        for test in TESTED
                    ]
                )
                for target in (None, "es")
            )
            row = found.loc[("none", training, count)]
            score = average_over_languages(before, Resampling(**TABLE["resampling"]))
            assert row[["score", "ci_low", "ci_high"]].tolist() == pytest.approx(
                [score.mean, score.ci_low, score.ci_high]
            )
            assert np.isnan(row["change"]) and row["languages"] == 4
            row = found.loc[("es", training, count)]
            change = average_over_languages(after - before, Resampling(**TABLE["resampling"]))
            expected = [change.mean, change.ci_low, change.ci_high]
            assert row[["change", "change_low", "change_high"]].tolist() == pytest.approx(expected)
            assert row["score"] == pytest.approx(after.mean())
    assert [cell.text for cell in table.rows[0][:3]] == ["Tiny BLOOM", "–", "Another language and the examples"]
    assert [row[1].text for row in table.rows] == ["–", "es", "–", "es"]
    assert [row[3].text for row in table.rows[2:]] == ["–", "–"]  # no probe has neither source nor examples
    assert "each of 2 source languages" in table.caption and "(post − pre)" in table.caption


def test_without_experts_the_table_has_the_unintervened_model_alone(tmp_path):
    _, tidy, table = run_table(tmp_path, experts=False)
    assert len(tidy) == 3 and tidy["target"].isna().all() and tidy["change"].isna().all()
    assert "post − pre" not in table.caption
