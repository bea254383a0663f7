"""What runs again after an edit: exactly the jobs that the edit concerns, and those that need them.

Each test edits a finished study as a user would, states which jobs are concerned, and compares with Snakemake's dry
run.
What needs them is taken from the inputs and outputs that Snakemake lists when it is made to plan everything.
"""

import json
import os
import re
import shutil
from pathlib import Path

import h5py
import pytest
from planning import Chosen, Job, assert_planned, assert_same, config_edit, of, planned, replace
from running import TINY, copy_repository, run_snakemake

from workflow_scripts.plan.shown import declared

BASE = "results/embeddings/tiny/base/tiny-devtest.h5"
DISTANCES = "results/metrics/tiny/base/tiny-devtest/distances.csv"
LOG = "results/logs/embed_sentences/tiny/base"
# Of the unintervened model: of the parallel corpus by two layers, PAWS-X, Tatoeba, BUCC-18 and topics.
CELLS = 4 * 2 + 2 + 1 + 1 + 3
SHOWN = {*(table.name for table in declared()[0]), *(f"figure_{kind.kind}" for kind in declared()[1])}


# --- The config ---

BOOTSTRAPPED = of(
    *(
        "correlate_languages",
        "centred",
        "families",
        "figure_families",
        "abx",
        "similarity",
        "checkpoints",
        "layers",
        "transfer",
        "sources",
        "methods",
    ),
    *("figure_retrieval", "figure_retrieval_other_targets", "figure_retrieval_random", "write_findings"),
    *("figure_retrieval_change", "figure_retrieval_change_other_targets"),
)

SETTINGS: dict[str, tuple[str, str, Chosen]] = {
    "k of the model": (
        "k: 5",
        "k: 6",
        lambda job: "-k6" in job["condition"] or job.rule in ("figure_sweep", "list_experts"),  # the figure marks k
    ),
    "two settings of a rule": (
        "seeds: [0, 1]}\nperplexity",
        "seeds: [0, 1], max_tokens: 50, top_k: 20}\nperplexity",  # by default 20 and 50
        of("generate_texts"),
    ),
    "a seed of the control": (
        "random_control: {seeds: [0, 1]}",
        "random_control: {seeds: [0, 2]}",
        lambda job: (
            job["condition"].endswith("-s2")
            or job.rule in ("table6", "claims", "compute", "centred", "abx", "write_findings")
        ),
    ),
    "the seed of the training": ("steps: 20", "steps: 20\n      seed: 1", of("train_model")),
    "another step to keep": (
        "checkpoints: [5]",
        "checkpoints: [5, 9]",
        lambda job: job.rule == "train_model" or (
            job.rule == "change_nothing" and job["model"] == "tiny-step9"
        ),
    ),
    "the seed of the projection": ("{sentences: 10}", "{sentences: 10, seed: 1}", of("project_space")),
    "the size of the bootstrap": ("resamples: 200", "resamples: 300", BOOTSTRAPPED),
    "the seed of the bootstrap": ("resamples: 200", "resamples: 200, seed: 1", BOOTSTRAPPED),
    "the stride of windows": ("stride: 32", "stride: 16", of("measure_perplexity")),
    "what names a language": (
        "seeds: [0, 1]}\nperplexity",
        "seeds: [0, 1], identifier: fasttext}\nperplexity",
        of("identify_languages"),
    ),
    "where jobs run": ("threads: 1", "threads: 2\n    tokens_per_batch: 64", of()),
    "how figures call the model": (
        "label: Tiny BLOOM",
        "label: Small BLOOM",
        of(*SHOWN, "write_findings", "write_report"),
    ),
    "another layer": (
        "layers: [1]",
        "layers: [0, 1]",
        # What the table of layers shows: of the control, the shown target's; and whatever else has the layer on file.
        lambda job: (
            job.rule in ("measure_layers", "layers", "figure_layers")
            or (
                job.rule == "embed_sentences"
                and re.fullmatch("base|(en|es)-expert-max-k5|es-random-max-k5-s[01]", job["condition"])
            )
        ),
    ),
    "the rank of the structural probe": ("rank: 4", "rank: 5", of("probe_words")),
    "the strengths of a method": (
        "strengths: [0.5, 1]",
        "strengths: [0.25, 1]",
        lambda job: (
            job["condition"].endswith("-act-x0.25")
            or job["method"] == "-act"
            or job.rule in ("methods", "figure_methods")
        ),
    ),
    "a data set that is left out": (
        "translation: {dataset: tiny-tatoeba, languages: [es]}",
        "translation: null",
        # One job embeds all data sets; what it has embedded before it finds in the cache.
        lambda job: (
            job.rule in ("table7", "write_report")
            or (
                job.rule == "embed_sentences"
                and job["model"] == "tiny"
                and job["condition"] in ("base", "es-expert-max-k5")
            )
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", SETTINGS)
def test_a_setting_concerns_what_depends_on_it(study, all_jobs, edit):
    old, new, concerned = SETTINGS[edit]
    replace(study / "tiny.yaml", old, new)
    assert_planned(study, config_edit(concerned), all_jobs)


def test_settings_concern_all_embeddings_also_where_a_layer_is_new_that_nothing_needs(study):
    replace(study / "tiny.yaml", "layers: [1]", "layers: [0, 1]")
    with (study / "tiny.yaml").open("a") as config:
        config.write("embeddings: {max_tokens: 30}\n")
    jobs = planned(study)
    embedding = {job for job in planned(study, force=True) if job.rule == "embed_sentences"}
    assert embedding <= jobs


def test_nothing_changed_concerns_nothing(finished):
    assert planned(finished) == set()


def test_the_order_of_keys_and_comments_concern_nothing(study):
    replace(
        study / "tiny.yaml",
        "  models: [tiny]\n  targets: [en, es]\n",
        "  # Two targets.\n  targets: [en, es]\n\n  models: [tiny]  # the only one\n",
    )
    replace(
        study / "tiny.yaml",
        "{dataset: tiny-paws-x, languages: [en, es]}",
        "{languages: [en, es], dataset: tiny-paws-x}",
    )
    assert planned(study) == set()


def test_an_added_target_concerns_its_conditions_and_what_shows_all_targets(study, all_jobs):
    replace(study / "tiny.yaml", "targets: [en, es]", "targets: [en, es, de]")
    jobs = assert_planned(study, config_edit(lambda job: job not in all_jobs or job.rule == "table4"))
    assert {"de-expert-max-k5", "de-random-max-k5-s0"} <= {job["condition"] for job in jobs}
    assert not {"train_model", "record_responses", "rank_neurons", "generate_texts"} & {job.rule for job in jobs}


def test_an_added_candidate_passes_through_the_model_alone(study):
    replace(study / "tiny.yaml", "languages: [de, en, es, ru]", "languages: [de, en, es, ru, ja]")

    jobs = assert_planned(study, config_edit(of("table4", "compare_languages", "compare_subwords", "embed_sentences")))
    embedding = [job for job in jobs if job.rule == "embed_sentences"]
    assert {job["model"] for job in embedding} == {"tiny", "tiny-step5"}
    assert len(embedding) == 1 + 1 + 2 * 3 + 3  # unintervened, experts and controls, other methods
    some = [job for job in embedding if job["condition"] in ("base", "es-expert-max-k5")]
    run_snakemake(study, *sorted(job.output for job in some), "--cores", "2", *TINY)
    assert len(some) == 3
    for job in some:
        log = study / "results/logs/embed_sentences" / job["model"] / job["condition"]
        usage = json.loads(log.with_suffix(".usage.json").read_text())
        said = log.with_suffix(".log").read_text()
        assert re.findall(r"embedding (\S+ \w+):", said) == ["tiny-devtest ja"]
        assert usage["sequences"] == 20
        assert usage["from_cache"] == said.count("found in the cache") >= 4


def test_a_data_set_that_is_left_out_passes_nothing_through_the_model(study):
    replace(study / "tiny.yaml", "translation: {dataset: tiny-tatoeba, languages: [es]}", "translation: null")
    before = (study / BASE).read_bytes()
    run_snakemake(study, BASE, "--cores", "2", *TINY)
    usage = json.loads((study / f"{LOG}.usage.json").read_text())
    assert (usage["sequences"], usage["from_cache"]) == (0, CELLS - 1)
    assert (study / BASE).read_bytes() == before


def of_other(job: Job) -> bool:
    """Whether a job is of the added model or of one of its checkpoints."""
    return job["model"] in ("other", "other-step5")


def test_an_added_model_concerns_its_jobs_and_what_shows_all_models(two_models):
    everything, found = two_models.everything, two_models.planned
    assert_same(found, everything, config_edit(lambda job: of_other(job) or job.rule == "table4"))
    assert set(filter(of_other, everything)) <= found
    assert planned(two_models.folder) == set()


def test_k_of_one_of_two_models_concerns_that_model(two_models, tmp_path):
    study = shutil.copytree(two_models.folder, tmp_path / "study", symlinks=True)
    replace(study / "tiny.yaml", "k: 7", "k: 8")

    def concerned(job):
        return "-k8" in job["condition"] or job.rule == "figure_sweep" or (job.rule == "list_experts" and of_other(job))

    jobs = assert_planned(study, config_edit(concerned))
    assert {job["model"] for job in jobs if job.rule in ("choose_units", "embed_sentences", "measure_space")} == {
        "other"
    }


# --- The code ---

CODE: dict[str, tuple[str, str, str, Chosen]] = {
    "a function of two stages": (
        "measures/correlations.py",
        "def pearson(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:\n",
        "def pearson(x: np.ndarray, y: np.ndarray, axis: int = -2) -> np.ndarray:\n",
        of("correlate_languages", "sources"),
    ),
    "a function of four stages": (
        "measures/vectors.py",
        "lengths = np.sqrt(np.vecdot(embeddings, embeddings))",
        "lengths = np.linalg.norm(embeddings, axis=-1)",
        of("measure_space", "measure_layers", "find_examples", "retrieve_paraphrases", "retrieve_translations"),
    ),
    "a method of intervention": (
        "interventions/language_projection.py",
        "NEGLIGIBLE = 1e-9",
        "NEGLIGIBLE = 1e-8",
        lambda job: job["condition"].endswith("-projection") or job["method"] == "-projection",
    ),
    "a colour": (
        "figures/drawing.py",
        'POST_COLOUR = "#0072B2"',
        'POST_COLOUR = "#0072B3"',
        lambda job: (
            job.rule in ("figure_overview", "figure_sweep", "figure_abx", "figure_checkpoints", "figure_layers")
            or job.rule == "figure_families"
            or job.rule in ("figure_retrieval", "figure_retrieval_other_targets", "figure_retrieval_random")
        ),
    ),
    "a template of the report": ("report/page.html", "<h2>Provenance</h2>", "<h2>Origin</h2>", of("write_report")),
}  # fmt: skip


@pytest.mark.parametrize("edit", CODE)
def test_changed_code_concerns_the_stages_that_use_it(study, all_jobs, edit):
    path, old, new, concerned = CODE[edit]
    replace(study / "workflow_scripts" / path, old, new)
    assert_planned(study, concerned, all_jobs)


def test_comments_docstrings_and_formatting_concern_nothing(study):
    """In every module of the package at once, and every file at another time."""
    for path in (study / "workflow_scripts").rglob("*.py"):
        text = path.read_text()
        if text.startswith('"""'):
            text = '"""Another docstring. ' + text[3:]
        lines = [f"{line}  # a comment" if line.startswith(("import ", "def ")) else line for line in text.splitlines()]
        path.write_text("# A comment.\n" + "\n".join(lines) + "\n\n\n")
    for path in (study / "rules").glob("*.smk"):
        path.write_text("# A comment.\n" + path.read_text())
    assert planned(study) == set()


# --- The files ---


def test_a_deleted_table_is_made_again(study, all_jobs):
    (study / "results/table2.csv").unlink()
    assert_planned(study, of("table2"), all_jobs)


def test_what_nothing_needs_any_more_is_made_again_when_asked_for(study):
    """The tables made of a metric are there, so its absence concerns nothing until somebody wants it."""
    distances = (study / DISTANCES).read_bytes()
    (study / DISTANCES).unlink()
    assert planned(study) == set()
    only = Job.of("measure_space", model="tiny", condition="base")
    assert planned(study, DISTANCES) == {only}
    (study / BASE).unlink()
    assert planned(study) == set()
    jobs = planned(study, DISTANCES)
    assert jobs == {only, Job.of("embed_sentences", model="tiny", condition="base")}
    run_snakemake(study, DISTANCES, "--cores", "2", *TINY)
    assert (study / DISTANCES).read_bytes() == distances
    usage = json.loads((study / f"{LOG}.usage.json").read_text())
    assert (usage["sequences"], usage["from_cache"]) == (0, CELLS)


def test_a_deleted_language_alone_passes_through_the_model_again(study):
    embeddings = (study / BASE).read_bytes()
    cells = {cell for cell in (study / "cache/embeddings").rglob("*.h5") if holds(cell, study / BASE, "ru")}
    assert len(cells) == 1
    cells.pop().unlink()
    assert planned(study) == set()
    (study / BASE).unlink()
    run_snakemake(study, BASE, "--cores", "2", *TINY)
    usage = json.loads((study / f"{LOG}.usage.json").read_text())
    assert (usage["sequences"], usage["from_cache"]) == (20, CELLS - 1)
    assert (study / BASE).read_bytes() == embeddings


def holds(cell: Path, embeddings: Path, language: str) -> bool:
    """Whether a cell has the embeddings that a file has for a language."""
    with h5py.File(cell) as one, h5py.File(embeddings) as other:
        there = one.get("sentence/embeddings")  # of paraphrases and translations, the parts have other names
        return there is not None and there[:].tobytes() == other[f"{language}/sentence/embeddings"][:].tobytes()


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    """Take away a file's second half."""
    os.truncate(path, path.stat().st_size // 2)


RANKING = "results/experts/tiny/max.h5"
CONDITION = "results/conditions/tiny/es-expert-max-k5.json"


@pytest.mark.parametrize(
    ("damage", "damaged", "needed_for"),
    [
        (flip_a_byte, "results/activations/tiny.h5", RANKING),
        (cut_off, "results/activations/tiny.h5", RANKING),
        (cut_off, RANKING, CONDITION),
        (flip_a_byte, BASE, DISTANCES),
        (cut_off, BASE, DISTANCES),
        (flip_a_byte, "results/texts/tiny-devtest.parquet", BASE),
    ],
)
def test_a_damaged_file_is_noticed_and_made_again_and_never_read_as_data(study, finished, damage, damaged, needed_for):
    command = (needed_for, "--cores", "2", *TINY)
    (study / needed_for).unlink()
    damage(study / damaged)
    failed = run_snakemake(study, *command, check=False)
    assert failed.returncode == 1
    assert f"{damaged} is damaged" in failed.stdout
    assert "The same command makes it anew" in failed.stdout
    assert "Traceback" not in failed.stdout
    assert not (study / damaged).exists()
    run_snakemake(study, *command)
    for name in (damaged, needed_for):
        assert (study / name).read_bytes() == (finished / name).read_bytes()


def test_a_fresh_clone_with_the_results_copied_in_has_nothing_to_do(finished, tmp_path):
    """With Snakemake's own records or without them, and with files whose times are in no order."""
    clone = copy_repository(tmp_path / "clone")
    shutil.copytree(finished / "results", clone / "results")
    assert planned(clone) == set()
    shutil.copytree(finished / ".snakemake", clone / ".snakemake", dirs_exist_ok=True)
    assert planned(clone) == set()
