"""The plan: condition names, and that a job's slice of the config holds what it depends on and no more."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from workflow_scripts.lib.config.study import read_config
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.plan import ConditionName, Plan

ROOT = Path(__file__).parents[2]
RAW = yaml.safe_load((ROOT / "config.yaml").read_text())


def plan(**changes) -> Plan:
    raw = copy.deepcopy(RAW)
    for path, value in changes.items():
        section = raw
        *parents, key = path.split("__")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[key] = value
    return Plan(read_config(raw, []))


def slices(plan: Plan) -> dict[str, str]:
    """Every kind of job's spec."""
    es, base = plan.expert("demo", "es", "max"), "base"
    return {
        "texts of dev": plan.texts("cldr-dev"),
        "texts of devtest": plan.texts("cldr-devtest"),
        "texts of train": plan.texts("cldr-train"),
        "training": plan.training("demo"),
        "model": plan.model("demo", "weights"),
        "activations": plan.activations(),
        "experts": plan.experts("max"),
        "condition": plan.condition("demo", es),
        "base embeddings": plan.embeddings(base, "cldr-devtest"),
        "embeddings": plan.embeddings(es, "cldr-devtest"),
        "paraphrase embeddings": plan.embeddings(es, "cldr-paws-x"),
        "distances": plan.distances(),
        "retrieval": plan.retrieval(),
        "paraphrase": plan.paraphrase(es),
        "correlations": plan.correlations("demo", es),
        "table 1": plan.table1(),
        "table 2": plan.table2(),
        "table 3": plan.paraphrase_table(["es"]),
        "figure 4": plan.retrieval_figure("es"),
    }


TABLES = {"table 1", "table 2"}
LANGUAGES = RAW["study"]["alignment"]["languages"]
CHANGED = [
    ({}, set()),
    ({"compute__tokens_per_batch": 77, "compute__threads": 3, "compute__device": "cpu"}, set()),
    ({"results": "elsewhere", "cache": "/tmp/cache", "data_root": "/data"}, set()),
    ({"random_control__seeds": [7]}, set()),
    ({"models__other": {"label": "Other", "path": "x", "k": 3}}, set()),
    ({"models__demo__k": 7}, {"condition"}),
    ({"models__demo__label": "New"}, {"table 1", "table 2", "table 3", "figure 4"}),
    ({"models__demo__seen": ["en"]}, {"correlations", "figure 4"}),
    ({"study__targets": ["en", "es"]}, TABLES),
    (
        {"study__alignment__languages": LANGUAGES[::-1]},
        {
            "texts of devtest",
            "base embeddings",
            "embeddings",
            "distances",
            "retrieval",
            "correlations",
            "table 1",
            "figure 4",
        },
    ),
    ({"experts__max_tokens": 64}, {"activations"}),
    ({"experts__expertise": "average_precision"}, {"experts"}),
    ({"experts__selection": "bottom"}, {"condition"}),
    ({"intervention__forced_value": "median"}, {"condition"}),
    ({"intervention__forced_value": "token_mean"}, {"activations", "experts", "condition"}),
    ({"embeddings__max_tokens": 64}, {"base embeddings", "embeddings", "paraphrase embeddings"}),
    ({"correlations__resamples": 500}, {"correlations"}),
    ({"correlations__seed": 1}, {"correlations"}),
    ({"metrics__shown_similarity": "centred_cosine"}, {"table 2", "table 3", "figure 4"}),
    ({"neurons__sites": "linear"}, {"model"}),
    ({"models__demo__train__steps": 3}, {"model", "training"}),
]


@pytest.mark.parametrize(
    ("changes", "expected"), CHANGED, ids=[", ".join(changes) or "nothing" for changes, _ in CHANGED]
)
def test_an_edit_changes_exactly_the_specs_that_depend_on_it(changes, expected):
    before, after = slices(plan()), slices(plan(**changes))
    assert {name for name in before if before[name] != after[name]} == expected


def test_the_order_of_keys_changes_no_spec():
    raw = {key: RAW[key] for key in reversed(RAW)}
    raw["study"] = {key: RAW["study"][key] for key in reversed(RAW["study"])}
    assert slices(Plan(read_config(raw, []))) == slices(plan())


def test_conditions_are_named_by_what_they_do():
    assert plan().expert("demo", "es", "max") == "es-expert-max-k100"
    assert plan().random("demo", "es", "max")[3] == "es-random-max-k100-s3"
    for slug in ("es-expert-max-k100", "ja-random-mean-k2000-s4"):
        assert str(ConditionName.parse(slug)) == slug
    for slug in ("base", "es-expert-max", "es-expert-max-k1-s2", "es-random-max-k1", "../es-expert-max-k1"):
        with pytest.raises(StudyError, match="names no condition"):
            ConditionName.parse(slug)


def test_the_pattern_of_conditions_admits_any_k_and_no_other_target():
    pattern = re.compile(plan().condition_pattern)
    for slug in ("base", "es-expert-max-k1", "ja-random-max-k20-s9"):
        assert pattern.fullmatch(slug)
    for slug in ("it-expert-max-k1", "es-expert-mean-k1", "es-random-max-k1", "base2"):
        assert not pattern.fullmatch(slug)


def test_paraphrases_are_embedded_in_the_target_alone_under_a_condition():
    assert plan().embedded_languages("base", "cldr-paws-x") == ["en", "de", "fr", "es", "ja"]
    assert plan().embedded_languages("es-expert-max-k100", "cldr-paws-x") == ["es"]
    assert plan().embedded_languages("es-expert-max-k100", "cldr-devtest") == LANGUAGES


def test_local_files_are_known_so_that_an_edited_one_is_read_again():
    local = {"source": "local", "layout": "flores200", "split": "dev"}
    plan_of_local = plan(datasets__local=local, study__probing__dataset="local", data_root="/data")
    files = plan_of_local.local_files("local")
    assert files[:2] == ["/data/flores200_dataset/dev/eng_Latn.dev", "/data/flores200_dataset/dev/deu_Latn.dev"]
    assert len(files) == 6
    assert plan_of_local.local_files("cldr-devtest") == []
