"""Measures of alignment and the table of what survives centring, from their command lines on small real files."""

import json
from itertools import permutations, product

import h5py
import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.sections import Resampling
from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.measures import measure_space, retrieve_paraphrases
from workflow_scripts.measures.averages import average_over_pairs
from workflow_scripts.measures.definitions.distances import centred_pair_distances, pair_distances
from workflow_scripts.measures.definitions.relations import debiased_cka
from workflow_scripts.measures.effects import EFFECTS
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies
from workflow_scripts.tables import layout, table_centred

LANGUAGES = ["de", "en", "es", "fr"]
TARGETS = ["en", "es"]
SIMILARITIES = ["cosine", "centred_cosine"]
COUNT = 30
SPEC = {
    "models": [{"name": "tiny", "label": "Tiny"}],
    "poolings": ["max"],
    "targets": TARGETS,
    "languages": LANGUAGES,
    "paraphrase_targets": TARGETS,
}


def base_space():
    """Unaligned embeddings [languages, 2 parts, sentences, d]: of the same meaning, and each language elsewhere."""
    draw = np.random.default_rng(0)
    meaning = draw.normal(size=(COUNT, 8)) + 0.1 * draw.normal(size=(2, COUNT, 8))
    noise = 0.6 * draw.normal(size=(len(LANGUAGES), 2, COUNT, 8))
    return (meaning + noise + 2 * draw.normal(size=(len(LANGUAGES), 1, 1, 8))).astype(np.float32)


def shifted(space):
    """What a constant alone does."""
    return space + np.float32(9)


def aligned(space):
    """As `shifted`, and each language moved to the same place and its sentences closer to what they mean."""
    means = space.mean(axis=(1, 2), keepdims=True)
    return shifted(0.5 * (space - means) + 0.5 * (space - means).mean(axis=0))


def write_space(path, space):
    with h5py.File(path, "w") as file:
        for language, parts in zip(LANGUAGES, space, strict=True):
            for part, values in {"sentence": parts[0], "sentence1": parts[0], "sentence2": parts[1]}.items():
                write_part(file.create_group(f"{language}/{part}"), [f"dev-{row}" for row in range(COUNT)], values)


def run(stage, spec, **paths):
    stage.main(["--spec", canonical_json(spec), *(f"--{name}={path}" for name, path in paths.items())])


def random_space(space, seed):
    """What random neurons do: a fifth of the way to `aligned`, and somewhat else in each draw."""
    return (0.8 + 0.02 * seed) * space + (0.2 - 0.02 * seed) * aligned(space)


def study(folder, intervene, seeds=()):
    """Run the stages for the base, and two targets' experts and random neurons, whose spaces are made of the base's."""
    base = base_space()
    done_by = {"base": {}} | {target: {"units": "expert", "target": target} for target in TARGETS}
    spaces = {"base": base} | {target: intervene(base) for target in TARGETS}
    for target, seed in product(TARGETS, seeds):
        done_by[f"{target}-s{seed}"] = {"units": "random", "target": target, "seed": seed}
        spaces[f"{target}-s{seed}"] = random_space(base, seed)
    for name, space in spaces.items():
        done = done_by[name] and {**done_by[name], "method": "force", "pooling": "max", "k": 1}
        sites = [Site(module="m", width=4, units=[1], parameters={"value": [0.5]})] if done else []
        (folder / name).mkdir()
        write_space(folder / f"{name}.h5", space)
        write_condition(folder / f"{name}.json", Condition(name=name, model="tiny", sites=sites, **done))
        paths = {"base": folder / "base.h5", "intervened": folder / f"{name}.h5", "condition": folder / f"{name}.json"}
        spec = {"dataset": "dev", "languages": LANGUAGES, "layers": ["last"], "similarities": ["cosine"]}
        of_space = {"base": paths["base"], "embeddings": paths["intervened"], "condition": paths["condition"]}
        outputs = {output: folder / f"{name}.{output}.csv" for output in measure_space.OUTPUTS}
        run(measure_space, spec, **of_space, **{**outputs, "alignment": folder / name / "alignment.csv"})
        if done:
            spec = {"dataset": "paws-x", "language": done["target"], "similarities": SIMILARITIES}
            run(retrieve_paraphrases, spec, **paths, paraphrase=folder / name / "paraphrase.csv")
    return folder


def tabulate(folder, **changed):
    outputs = {name: folder / f"centred.{name}" for name in layout.OUTPUTS}
    options = [f"--{name}={path}" for name, path in outputs.items()]
    paths = map(str, sorted(folder.glob("*/*.csv")))
    table_centred.main(
        ["--spec", json.dumps({**SPEC, "seeds": [], "resampling": {}, **changed}), "--metrics", *paths, *options]
    )
    return pd.read_csv(outputs["csv"]), layout.read(outputs["json"]), outputs


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    return study(tmp_path_factory.mktemp("moved"), shifted)


@pytest.fixture(scope="module")
def better(tmp_path_factory):
    return study(tmp_path_factory.mktemp("better"), aligned)


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    return study(tmp_path_factory.mktemp("controlled"), aligned, seeds=[0, 3])


def values(path):
    return pd.read_csv(path).set_index(["space", "centring", "measure", "query", "candidate"])["value"].sort_index()


# --- The measures ---


def test_each_space_is_measured_once_and_as_it_is(better):
    base, es = values(better / "base/alignment.csv"), values(better / "es/alignment.csv")
    assert set(base.index.get_level_values("space")) == {"pre"}
    assert set(es.index.get_level_values("space")) == {"post", "constant"}
    for found, space, embeddings in ((base, "pre", base_space()), (es, "post", aligned(base_space()))):
        sentences = embeddings[:, 0]
        centred = sentences - sentences.mean(axis=(0, 1))
        own = sentences - sentences.mean(axis=1, keepdims=True)
        expected = {
            ("none", "pairs"): pair_distances(sentences),
            ("all", "pairs"): centred_pair_distances(sentences),
            ("none", "cka"): debiased_cka(sentences),
            ("none", "margin_accuracy"): pairwise_top1_accuracies(sentences, ["margin"])["margin"],
            ("all", "cosine_accuracy"): pairwise_top1_accuracies(centred, ["cosine"])["cosine"],
            ("language", "cosine_accuracy"): pairwise_top1_accuracies(own, ["cosine"])["cosine"],
        }
        for (centring, measure), matrix in expected.items():
            assert found[space, centring, measure, "es", "de"] == pytest.approx(matrix[2, 0], abs=1e-6)
            assert found[space, centring, measure, "en", "fr"] == pytest.approx(matrix[1, 3], abs=1e-6)


def test_every_pair_is_there_and_languages_and_the_space_have_no_candidate(better):
    table = pd.read_csv(better / "es/alignment.csv")
    post = table[(table["space"] == "post") & (table["centring"] == "none")]
    sizes = post.groupby("measure").size()
    assert sizes["rsa"] == 4 * 3
    assert sizes["medoid"] == sizes["effective_rank"] == 4
    assert sizes["variance_by_language"] == 1
    assert post.loc[post["measure"] == "medoid", "candidate"].isna().all()
    assert post["value"].notna().all()


def test_the_constant_control_is_the_base_with_the_mean_of_the_intervened_space(better):
    base, intervened = base_space()[:, 0], aligned(base_space())[:, 0]
    control = base + (intervened.mean(axis=(0, 1)) - base.mean(axis=(0, 1)))
    found = values(better / "es/alignment.csv")
    assert found["constant", "none", "pairs", "es", "de"] == pytest.approx(pair_distances(control)[2, 0], abs=1e-6)
    measures = set(found["constant"].index.get_level_values("measure"))
    assert "cosine_accuracy" in measures and "cka" not in measures


def test_an_intervention_that_is_a_constant_is_its_own_control(moved):
    found = values(moved / "es/alignment.csv")
    constant = found.xs("constant")
    np.testing.assert_allclose(constant, found.xs("post").loc[constant.index], atol=1e-5)
    accuracy = pd.read_csv(moved / "es/paraphrase.csv").set_index(["similarity", "space"])["accuracy"]
    for similarity in SIMILARITIES:
        assert accuracy[similarity, "constant"] == accuracy[similarity, "post"]
        assert accuracy[similarity, "constant_mixed"] == accuracy[similarity, "mixed"]
    assert accuracy["cosine", "mixed"] < accuracy["cosine", "pre"] == accuracy["centred_cosine", "mixed"]


# --- The table ---


def test_what_a_constant_does_survives_neither_centring_nor_the_control(moved):
    found, _, _ = tabulate(moved)
    rows = found.set_index(["effect", "target"])
    assert set(found["effect"]) == set(EFFECTS)
    assert len(found) == len(EFFECTS) * 2
    for effect in ("distance_all", "distance_to_target", "others_to_medoid", "aligned", "paraphrase_mixed"):
        gains = rows.loc[effect]
        assert (gains["gain"] == 1).all()
        assert (gains["survives_centring"] == 0).all() and (gains["survives_constant"] == 0).all()
    assert (rows.loc["aligned", "survives_language_centring"] == 0).all()
    assert (rows.loc[["cka", "effective_rank", "variance_by_language"], "gain"] == 0).all()
    distance = rows.loc[("distance_all", "es")]
    assert distance["pre"] > 0.5 > 0.1 > distance["post"] == pytest.approx(distance["constant"], abs=1e-6)
    assert distance["centred_pre"] == pytest.approx(distance["centred_post"], abs=1e-5)


def test_an_alignment_survives_both(better):
    found, shown, _ = tabulate(better)
    rows = found.set_index(["effect", "target"])
    for effect in ("aligned", "retrieval_from_target", "mean_rank", "variance_by_language"):
        assert (rows.loc[effect, ["gain", "survives_centring", "survives_constant"]] == 1).all(axis=None)
    assert (rows.loc[["aligned", "retrieval_all"], "survives_language_centring"] == 1).all()
    base = values(better / "base/alignment.csv")
    means = [base["pre", "none", "cosine_accuracy", "es", language] for language in ("de", "en", "fr")]
    assert rows.loc[("retrieval_from_target", "es"), "pre"] == pytest.approx(np.mean(means))
    others = base.loc["pre", "none", "medoid", ["de", "en", "fr"]]
    assert rows.loc[("others_to_medoid", "es"), "pre"] == pytest.approx(others.mean())
    cells = {row[1].text: row for row in shown.rows}
    distance = cells["Distance of translations ↓"]
    assert [cell.text for cell in distance[-5:-1]] == ["2 of 2", *["yes (2 of 2)"] * 3]
    of_distance = rows.loc["aligned"]
    share = (of_distance["pre"] - of_distance["constant"]).sum() / (of_distance["pre"] - of_distance["post"]).sum()
    assert 0 < share < 0.995
    assert distance[-1].text == f"{share:.0%}"
    assert not any(cell.gray for cell in distance)


def test_a_gain_is_one_and_survives_only_beyond_chance(better):
    found, _, _ = tabulate(better)
    rows = found[found["target"] == "es"].set_index("effect")
    base, post = (values(better / f"{name}/alignment.csv") for name in ("base", "es"))
    others = [language for language in LANGUAGES if language != "es"]
    for centring, verdict in {"none": "gain", "all": "survives_centring"}.items():
        pairs = np.full((4, 4), np.nan)
        for one, other in permutations(range(4), 2):
            pair = (centring, "pairs", LANGUAGES[one], LANGUAGES[other])
            pairs[one, other] = post["post", *pair] - base["pre", *pair]
        expected = average_over_pairs(pairs, Resampling())
        ends = [f"{verdict}_low", f"{verdict}_high"]
        assert rows.loc["distance_all", ends].tolist() == pytest.approx([expected.ci_low, expected.ci_high], abs=1e-9)
        assert rows.loc["distance_all", verdict] == (expected.ci_high < 0)
        to_target = [pairs[LANGUAGES.index("es"), LANGUAGES.index(other)] for other in others]
        drawn = np.random.default_rng(0).integers(0, 3, (10_000, 3))
        low, high = np.quantile(np.mean(np.array(to_target)[drawn], axis=1), [0.025, 0.975])
        assert rows.loc["distance_to_target", ends].tolist() == pytest.approx([low, high], abs=1e-9)
        assert rows.loc["distance_to_target", verdict] == (high < 0)
    # The centred distance falls, but not beyond chance over so few languages; single numbers have no interval.
    assert rows.loc["distance_all", "centred_post"] < rows.loc["distance_all", "centred_pre"]
    assert rows.loc["distance_all", "survives_centring"] == 0
    single = rows.loc[["target_to_medoid", "variance_by_language", "paraphrase_mixed"]]
    assert single[["gain_low", "gain_high"]].isna().all(axis=None) and (single["gain"] == 1).any()


def test_what_does_not_survive_is_gray_and_what_does_not_gain_has_no_verdict(moved):
    _, shown, outputs = tabulate(moved)
    cells = {row[1].text: row for row in shown.rows}
    assert [(cell.text, cell.gray) for cell in cells["Distance to target ↓"][-5:]] == [
        *(("2 of 2", False), ("no (0 of 2)", True), ("–", False), ("no (0 of 2)", True), ("100%", False))
    ]
    assert [cell.text for cell in cells["CKA (debiased) ↑"][-5:]] == ["0 of 2", "–", "–", "–", "–"]
    assert "*no (0 of 2)*" in outputs["markdown"].read_text()
    assert r"Distance to target $\downarrow$" in outputs["latex"].read_text()


def test_a_gain_is_set_beside_the_mean_over_draws_of_random_neurons(controlled, better):
    found, shown, _ = tabulate(controlled, seeds=[0, 3])
    rows = found.set_index(["effect", "target"])
    drawn = [values(controlled / f"es-s{seed}/alignment.csv") for seed in (0, 3)]
    means = [of_draw.loc["post", "none", "pairs"].mean() for of_draw in drawn]
    assert abs(means[0] - means[1]) > 1e-3
    assert rows.loc[("distance_all", "es"), "random"] == pytest.approx(np.mean(means))
    # What a constant cannot change, random neurons can.
    shares = [of_draw.loc["post", "none", "variance_by_language"].item() for of_draw in drawn]
    assert rows.loc[("variance_by_language", "es"), "random"] == pytest.approx(np.mean(shares))
    for space, effect in {"post": "paraphrase", "mixed": "paraphrase_mixed"}.items():
        accuracies = [pd.read_csv(controlled / f"es-s{seed}/paraphrase.csv") for seed in (0, 3)]
        by_draw = [table.set_index(["similarity", "space"])["accuracy"]["cosine", space] for table in accuracies]
        assert rows.loc[(effect, "es"), "random"] == pytest.approx(np.mean(by_draw))
    # Experts are `aligned` all the way, so beyond random neurons wherever they gain.
    gained = found[found["effect"].isin(["distance_all", "aligned", "retrieval_all", "variance_by_language"])]
    assert (gained["gain"] == 1).all() and (gained["survives_random"] == 1).all()
    cells = {row[1].text: dict(zip([column.text for column in shown.columns], row, strict=True)) for row in shown.rows}
    distance = cells["Distance (all languages) ↓"]
    assert distance["Random"].text == f"{rows.loc['distance_all', 'random'].mean():.3f}"
    assert distance["random neurons"].text == "yes (2 of 2)"
    assert "random neurons in place of the experts, the mean over 2 draws" in shown.caption

    without, other, _ = tabulate(better)
    assert without[["random", "survives_random"]].isna().all(axis=None)
    assert len(other.columns) == len(shown.columns) - 2 and "random" not in other.caption
    same = [name for name in found.columns if "random" not in name]
    pd.testing.assert_frame_equal(without[same], found[same])


def test_what_random_neurons_do_as_well_does_not_survive_them(controlled, tmp_path):
    for path in controlled.glob("*/*.csv"):
        table = pd.read_csv(path)
        if path.parent.name in TARGETS:  # as if the experts were the first draw
            own = ["condition", "units", "seed"]
            table = pd.read_csv(controlled / f"{path.parent.name}-s0" / path.name).assign(**{n: table[n] for n in own})
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        table.to_csv(tmp_path / path.parent.name / path.name, index=False)
    found, shown, _ = tabulate(tmp_path, seeds=[0])
    gained = found[found["gain"] == 1]
    assert "distance_all" in set(gained["effect"])
    assert (gained["survives_random"] == 0).all()
    verdicts = [row[-2] for row in shown.rows if row[1].text == "Distance (all languages) ↓"]
    assert [(cell.text, cell.gray) for cell in verdicts] == [("no (0 of 2)", True)]


def test_a_draw_that_was_not_measured_is_named(controlled):
    with pytest.raises(StudyError, match=r"under random neurons lack .* seed 7"):
        tabulate(controlled, seeds=[0, 7])


def test_a_study_without_paraphrases_or_centred_cosine_has_the_rest(better, tmp_path):
    without, _, _ = tabulate(better, paraphrase_targets=[])
    assert not without["effect"].str.startswith("paraphrase").any()
    for path in better.glob("*/*.csv"):
        copy = tmp_path / path.relative_to(better)
        copy.parent.mkdir(exist_ok=True)
        table = pd.read_csv(path)
        table[table["similarity"] == "cosine"].to_csv(copy) if path.stem == "paraphrase" else table.to_csv(copy)
    rows = tabulate(tmp_path)[0].set_index("effect")
    assert rows.loc["paraphrase", "post"].notna().all()
    assert rows.loc["paraphrase", ["centred_pre", "survives_centring"]].isna().all(axis=None)


def test_a_missing_condition_and_another_metric_are_refused(better, tmp_path):
    with pytest.raises(StudyError, match=r"values of pairs lack .* target fr"):
        tabulate(better, targets=["en", "fr"])
    other = tmp_path / "base" / "distances.csv"
    other.parent.mkdir()
    other.write_text("model\n")
    with pytest.raises(StudyError, match=r"distances\.csv is none of alignment\.csv, paraphrase\.csv"):
        tabulate(tmp_path)
