"""The stages of transfer on embeddings that are made to hold labels, and the table and the figure of their scores."""

import json
from itertools import pairwise, permutations, product

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from workflow_scripts.config.sections import Resampling
from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.embeddings.word_files import write_words
from workflow_scripts.figures import figure_transfer
from workflow_scripts.interventions.conditions import Condition, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import average_over_pairs
from workflow_scripts.probes import probe_ngrams, probe_topics, probe_words
from workflow_scripts.probes.split import held_out
from workflow_scripts.tables import layout, table_transfer
from workflow_scripts.texts import cldr, schema

LANGUAGES = ["de", "en", "ja"]
LOCALES = {code: code for code in LANGUAGES}
SETTINGS = {"dataset": "made-up", "languages": LANGUAGES, "test_share": 0.3, "regularisation": 0.01, "seed": 0}
STRUCTURAL = {"rank": 8, "epochs": 40, "learning_rate": 0.1}


def run(stage, folder, spec, **files):
    options = [item for name, path in files.items() for item in (f"--{name}", str(folder / path))]
    outputs = ["--transfer", str(folder / "transfer.csv"), "--baselines", str(folder / "baselines.csv")]
    stage.main(["--spec", json.dumps(spec), *options, "--condition", str(folder / "base.json"), *outputs])
    return pd.read_csv(folder / "transfer.csv"), pd.read_csv(folder / "baselines.csv")


@pytest.fixture
def folder(tmp_path):
    write_condition(tmp_path / "base.json", Condition(name="base", model="tiny"))
    return tmp_path


def test_topics_transfer_where_languages_share_their_directions_alone(folder):
    texts = cldr.topics("devtest", LOCALES, 200, 0)
    schema.write(folder / "texts.parquet", texts)
    generator = np.random.default_rng(0)
    topics = texts[(texts["part"] == "topic") & (texts["lang"] == "de")]
    names, codes = np.unique(topics["text"], return_inverse=True)
    embedded = {}
    with h5py.File(folder / "embeddings.h5", "w") as file:
        for language in LANGUAGES:
            directions = np.eye(len(names)) if language != "ja" else np.roll(np.eye(len(names)), 1, axis=0)
            vectors = 4 * directions[codes] + generator.normal(0, 0.5, (len(codes), len(names)))
            embedded[language] = vectors.astype(np.float32)
            write_part(file.create_group(f"{language}/sentence"), list(topics["id"]), embedded[language])
    transfer, baselines = run(probe_topics, folder, SETTINGS, embeddings="embeddings.h5", texts="texts.parquet")
    key = ["task", "train", "test", "measure"]
    assert len(transfer) == len(transfer[key].drop_duplicates()) == 2 * 9
    accuracy = transfer[transfer["measure"] == "accuracy"].set_index(["train", "test"])["score"]
    for train, test in product(LANGUAGES, LANGUAGES):
        if (train == "ja") == (test == "ja"):
            assert accuracy[train, test] > 0.95
        else:
            assert accuracy[train, test] < 0.2
    # Sentences are held out in all languages, so the reference is trained without any of them.
    tested = topics["id"].isin(held_out(topics["id"], 0.3, 0)).to_numpy()
    assert set(transfer["sentences"]) == {tested.sum()} == {60}
    reference = LogisticRegression().fit(embedded["de"][~tested], topics["text"][~tested])
    expected = accuracy_score(topics["text"][tested], reference.predict(embedded["en"][tested]))
    assert accuracy["de", "en"] == pytest.approx(expected, abs=0.04)
    frequent = topics["text"][~tested].value_counts()
    guess = min(frequent[frequent == frequent.max()].index)
    share = np.mean(topics["text"][tested] == guess)
    assert set(baselines[baselines["measure"] == "accuracy"]["score"]) == {share}


def test_topics_are_told_by_ngrams_that_were_counted_in_the_training_language_alone(folder):
    texts = cldr.topics("devtest", LOCALES, 60, 0)
    schema.write(folder / "texts.parquet", texts)
    ngrams = {"shortest": 2, "longest": 3, "regularisation": 0.001}
    spec = {key: value for key, value in SETTINGS.items() if key != "regularisation"} | {"ngrams": ngrams}
    files = ["--texts", str(folder / "texts.parquet"), "--transfer", str(folder / "ngrams.csv")]
    probe_ngrams.main(["--spec", json.dumps(spec), *files])
    found = pd.read_csv(folder / "ngrams.csv")
    assert len(found) == len(found[["train", "test", "measure"]].drop_duplicates()) == 2 * 9
    accuracy = found[found["measure"] == "accuracy"].set_index(["train", "test"])["score"]
    halves = {}
    for language in LANGUAGES:
        own = texts[texts["lang"] == language].pivot(index="id", columns="part", values="text")
        tested = own.index.isin(held_out(own.index, 0.3, 0))
        halves[language] = own[~tested], own[tested]
    for train, test in product(LANGUAGES, LANGUAGES):
        learnt, gold = halves[train][0], halves[test][1]
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3))
        probe = make_pipeline(vectors, LogisticRegression(C=1 / (0.001 * len(learnt)), max_iter=1000))
        told = probe.fit(learnt["sentence"], learnt["topic"]).predict(gold["sentence"])
        assert accuracy[train, test] == pytest.approx(accuracy_score(gold["topic"], told))
    assert accuracy["de", "de"] > accuracy["de", "ja"]


TAGS = ["ADP", "ADV", "CCONJ", "NOUN", "NUM", "PROPN", "PUNCT", "SYM"]


@pytest.fixture
def words(folder):
    """Embeddings of words that hold tags and trees, and of which one language lacks a sentence."""
    texts = cldr.treebank("devtest", LOCALES, 60, 0)
    schema.write(folder / "texts.parquet", texts)
    generator = np.random.default_rng(0)
    with h5py.File(folder / "words.h5", "w") as file:
        for language in LANGUAGES:
            own = texts[texts["lang"] == language].pivot(index="id", columns="part", values="text")
            vectors, counts = [], []
            for tags, heads in zip(own["tags"].str.split(), own["heads"].str.split(), strict=True):
                of_words = np.zeros((len(tags), 8 + 60))
                for word in sorted(range(len(heads)), key=lambda word: depth(heads, word)):
                    if head := int(heads[word]):
                        of_words[word, 8:] = of_words[head - 1, 8:]
                        of_words[word, 8 + word] += 1  # the edge to its head
                for word, tag in enumerate(tags):
                    of_words[word, TAGS.index(tag)] = 3
                vectors.append(of_words + generator.normal(0, 0.05, of_words.shape))
                counts.append(len(tags))
            kept = slice(1, None) if language == "ja" else slice(None)
            stored = np.concatenate(vectors[kept]).astype(np.float32)
            write_words(file.create_group(language), list(own.index[kept]), counts[kept], stored)
    return folder


def depth(heads, word):
    return 0 if heads[word] == "0" else 1 + depth(heads, int(heads[word]) - 1)


def test_tags_and_trees_are_found_where_embeddings_hold_them(words):
    spec = {**SETTINGS, **STRUCTURAL, "rank": 60}
    transfer, baselines = run(probe_words, words, spec, words="words.h5", texts="texts.parquet")
    assert len(transfer) == 3 * 9
    score = transfer.set_index(["measure", "train", "test"])["score"]
    assert score["accuracy"].min() > 0.95
    assert score["uuas"].min() > 0.7
    table = schema.read_part(words / "texts.parquet", "de", "sentence")[0]
    tested = held_out(table, 0.3, 0)
    assert transfer[transfer["test"] == "de"]["sentences"].unique() == [len(tested)]
    right, total = 0, 0
    ids = sorted(tested)
    tags, heads = (schema.read_labels(words / "texts.parquet", "de", part, ids) for part in ("tags", "heads"))
    for of_words, of_heads in zip(map(str.split, tags), map(str.split, heads), strict=True):
        real = [number for number, tag in enumerate(of_words, start=1) if tag != "PUNCT"]
        pairs = {frozenset((number, int(of_heads[number - 1]))) for number in real} & {
            frozenset(pair) for pair in product(real, real) if pair[0] != pair[1]
        }
        right += sum(frozenset(pair) in pairs for pair in pairwise(real))
        total += len(pairs)
    branching = baselines[baselines["baseline"] == "right_branching"].set_index("test")["score"]
    assert branching["de"] == pytest.approx(right / total)
    assert set(baselines["task"]) == {"tags", "attachment"}


def test_words_of_another_treebank_are_refused(words):
    table = pd.read_parquet(words / "texts.parquet")
    table.loc[table["part"] == "tags", "text"] += " X"
    schema.write(words / "texts.parquet", table)
    with pytest.raises(StudyError, match="differ in the words of de devtest-000000"):
        run(probe_words, words, {**SETTINGS, **STRUCTURAL}, words="words.h5", texts="texts.parquet")


MODEL = {"name": "tiny", "label": "Tiny BLOOM"}
TASKS = [
    {"name": "topics", "dataset": "sib", "languages": LANGUAGES},
    {"name": "attachment", "dataset": "pud", "languages": ["de", "en"]},
]
MEASURES = {"topics": ["accuracy", "macro_f1"], "attachment": ["uuas"]}
DISCRIMINATED = ["de", "en", "ja", "th"]
TABLE = {
    "models": [MODEL],
    "poolings": ["max"],
    "targets": ["es"],
    "tasks": TASKS,
    "discriminated": {"dataset": "flores", "languages": DISCRIMINATED},
    "resampling": {"resamples": 300, "seed": 3},
}


@pytest.fixture
def metrics(tmp_path):
    """Made-up scores by condition, task and measure, [train, test], and the CSVs that hold them."""
    generator = np.random.default_rng(1)
    scores, paths, trivial = {}, [], []
    for condition, task in product(["base", "es-expert-max-k9", "untrained"], TASKS):
        if (condition, task["name"]) == ("untrained", "topics"):
            continue
        target = "es" if condition.startswith("es") else None
        leading = {"model": "tiny", "condition": condition, "units": "expert" if target else "none", "target": target}
        leading |= {"pooling": target and "max", "task": task["name"]}
        rows = []
        for measure in MEASURES[task["name"]]:
            count = len(task["languages"])
            values = scores[condition, task["name"], measure] = generator.random((count, count))
            for one, other in product(range(count), range(count)):
                pair = {"train": task["languages"][one], "test": task["languages"][other]}
                rows.append({**leading, **pair, "measure": measure, "score": values[one, other]})
        paths.append(tmp_path / f"{condition}-{task['name']}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
        if condition == "base":
            name = {"topics": "majority", "attachment": "right_branching"}[task["name"]]
            guessed = [
                {**leading, "baseline": name, "test": code, "measure": measure, "score": 0.25}
                for code in task["languages"]
                for measure in MEASURES[task["name"]]
            ]
            trivial.append(tmp_path / f"baselines-{task['name']}.csv")
            pd.DataFrame(guessed).to_csv(trivial[-1], index=False)
    discriminated = []
    for condition, target in (("base", None), ("es-expert-max-k9", "es")):
        leading = {"model": "tiny", "condition": condition, "units": "expert" if target else "none", "target": target}
        rows = []
        for task in ("language", "meaning"):
            values = scores[condition, task, "abx"] = generator.random((4, 4))
            for one, other in permutations(range(4), 2):
                pair = {"first": DISCRIMINATED[one], "second": DISCRIMINATED[other], "score": values[one, other]}
                rows.append({**leading, "pooling": target and "max", "task": task, **pair})
        discriminated.append(tmp_path / f"abx-{condition}.csv")
        pd.DataFrame(rows).to_csv(discriminated[-1], index=False)
    return scores, paths, trivial, discriminated


def run_table(folder, metrics, **changed):
    files = {name: folder / f"transfer.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    options_of = zip(("--transfer", "--baselines", "--abx"), metrics[1:], strict=True)
    inputs = [item for option, paths in options_of for item in (option, *map(str, paths))]
    table_transfer.main(["--spec", json.dumps({**TABLE, **changed}), *inputs, *options])
    return pd.read_csv(files["csv"]), layout.read(files["json"])


def test_the_table_has_means_over_the_same_and_over_other_languages(tmp_path, metrics):
    scores = metrics[0]
    tidy, table = run_table(tmp_path, metrics)
    found = tidy.set_index(["task", "scope"])
    assert len(found) == 2 * 2 + 2
    pre, post = scores["base", "topics", "accuracy"], scores["es-expert-max-k9", "topics", "accuracy"]
    same = [pre[i, i] for i in range(3)]
    others = [pre[i, j] for i, j in product(range(3), range(3)) if i != j]
    assert found.loc[("topics", "same"), "pre"] == pytest.approx(np.mean(same))
    assert found.loc[("topics", "others"), "pre"] == pytest.approx(np.mean(others))
    expected = average_over_pairs(post - pre, Resampling(resamples=300, seed=3))
    row = found.loc[("topics", "others")]
    assert (row["change"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (expected.mean, expected.ci_low, expected.ci_high)
    )
    row = found.loc[("topics", "same")]
    changes = np.diag(post - pre)
    assert row["ci_low"] >= changes.min() - 1e-12
    assert row["ci_high"] <= changes.max() + 1e-12
    assert row["resamples"] == 300
    # Two languages have no interval; of topics, random weights are not measured.
    row = found.loc[("attachment", "others")]
    random = scores["untrained", "attachment", "uuas"]
    assert row["random_weights"] == pytest.approx((random[0, 1] + random[1, 0]) / 2)
    assert (np.isnan(row["ci_low"]), row["resamples"], row["baseline"]) == (True, 0, 0.25)
    assert np.isnan(found.loc[("topics", "same"), "random_weights"])
    assert [cell.text for cell in table.rows[0][:5]] == ["Tiny BLOOM", "es", "Topics", "0.250", "–"]
    assert "dependency trees, without punctuation" in table.caption
    assert "(UUAS)" in table.caption


def test_language_and_meaning_discrimination_stand_beside_the_probes(tmp_path, metrics):
    tidy, table = run_table(tmp_path, metrics)
    found = tidy.set_index(["task", "scope"])
    for row, task in zip(table.rows[2:], ("language", "meaning"), strict=True):
        pre, post = (metrics[0][condition, task, "abx"] for condition in ("base", "es-expert-max-k9"))
        of_pairs = [(pre[i, j], post[i, j]) for i, j in permutations(range(4), 2)]
        of_task = found.loc[(task, "others")]
        assert (of_task["pre"], of_task["post"]) == pytest.approx(np.mean(of_pairs, axis=0))
        expected = average_over_pairs(post - pre, Resampling(resamples=300, seed=3))
        change = (expected.mean, expected.ci_low, expected.ci_high)
        assert (of_task["change"], of_task["ci_low"], of_task["ci_high"]) == pytest.approx(change)
        assert (of_task["measure"], of_task["baseline"], of_task["languages"]) == ("abx", 0.5, 4)
        texts = [cell.text for cell in row]
        assert texts[2:9] == [f"{task.capitalize()} (ABX)", "0.500", *["–"] * 5] and texts[9] == f"{of_task['pre']:.3f}"
    assert "ABX scores on flores, over ordered pairs of 4 languages" in table.caption


def test_a_missing_pair_is_named(tmp_path, metrics):
    rows = pd.read_csv(metrics[1][0])
    rows[rows["test"] != "ja"].to_csv(metrics[1][0], index=False)
    with pytest.raises(StudyError, match=r"scores of probes lack 3 of 9 rows.*train de, test ja"):
        run_table(tmp_path, metrics)


FIGURE = {
    "panels": [{"model": {**MODEL, "seen": ["de", "ja"]}, "target": "es", "title": "Spanish"}],
    "poolings": ["max"],
    "tasks": TASKS,
    "names": {"es": "Spanish"},
}


def test_the_figure_colours_scores_before_and_their_changes(tmp_path, metrics):
    scores, paths, *_ = metrics
    files = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("pdf", "png", "csv", "json")}
    options = [item for suffix, path in files.items() for item in (f"--{suffix}", str(path))]
    paths = [path for path in paths if "untrained" not in path.name]
    figure_transfer.main(["--spec", json.dumps(FIGURE), "--transfer", *map(str, paths), *options])
    drawn = pd.read_csv(files["csv"])
    assert len(drawn) == 9 + 4
    assert "experts of Spanish" in json.loads(files["json"].read_text())["caption"]
    spec = figure_transfer.Spec.model_validate(FIGURE)
    figure = figure_transfer.draw(drawn, spec)
    panels = [axis for axis in figure.axes if axis.get_aspect() == 1.0]
    assert [axis.get_title() for axis in panels[:2]] == ["Before", "Spanish"]
    pre, post = scores["base", "topics", "accuracy"], scores["es-expert-max-k9", "topics", "accuracy"]
    shown = [np.asarray(axis.collections[0].get_array()).reshape(3, 3) for axis in panels[:2]]
    np.testing.assert_allclose(shown[0], pre)
    np.testing.assert_allclose(shown[1], post - pre)
    limits = [axis.collections[0].get_clim() for axis in (panels[1], panels[3])]
    largest = drawn["change"].abs().max()
    assert limits == [(-largest, largest)] * 2
