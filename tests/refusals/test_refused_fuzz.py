"""The config, changed at random: it is either a study that can be planned, or refused in a message that names keys."""

import copy
import datetime
import math
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow_scripts.conditions import choose_units
from workflow_scripts.config.study import Config, read_config
from workflow_scripts.embeddings import embed_sentences
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures import measure_space, project_space, retrieve_paraphrases
from workflow_scripts.plan import Plan
from workflow_scripts.sweeps import generate_texts, measure_perplexity
from workflow_scripts.texts import read_texts

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def resolved() -> dict:
    """The study from scratch with every key that there is, and each kind of model and data set."""
    raw = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    raw["models"] |= {
        "on-hub": {"label": "A", "hub": "owner/name", "revision": COMMIT, "k": 5, "neurons": 100, "seen": ["en"]},
        "unpacked": {
            "label": "B",
            "gguf": {"sha256": "0" * 64, "wheels": [{"wheel": "b==1.0", "file": "b.gguf"}]},
            "k": 5,
        },
        "own": {"label": "C", "path": "weights", "k": 5},
    }
    raw["study"]["models"] = list(raw["models"])
    raw["sweep"] = {"ks": [0, 5]}
    raw["data_root"] = "data"
    raw["datasets"]["on-hub"] = {
        "source": "hub", "layout": "tatoeba", "split": "test", "repository": "owner/name", "revision": COMMIT,
    }  # fmt: skip
    raw["study"]["translation"]["dataset"] = "on-hub"
    raw["study"]["alignment"]["dataset"] = "flores-devtest"
    raw["datasets"]["flores-devtest"] = {"source": "local", "layout": "flores200", "split": "devtest"}
    raw["languages"] = {"sv": {"name": "Swedish", "iso639_3": "swe", "flores": "swe_Latn"}}
    return read_config(raw, []).model_dump(mode="json")


RESOLVED = resolved()

HUGE = st.builds(pow, st.just(10), st.just(5000))  # which Python does not write
NUMBERS = HUGE | st.sampled_from([-1, 0, 1, 2, 2**31, 2**32, 2**64, 0.5, -0.0, 1e300, math.inf, math.nan])
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "no",
        "..",
        "../..",
        "/",
        "~",
        "{x}",
        "a\0b",
        "a\nb",
        "\ud800",
        "ß",
        "名前",
        "x" * 10_000,
        "$(ls)",
        "1e3",
        "nan",
    ]
)
WORDS = st.text(max_size=8) | TEXTS
OTHERS = st.sampled_from([None, True, False, b"\xff", datetime.date(2024, 1, 1), (1, 2), frozenset({1}), object()])
KEYS = WORDS | st.sampled_from([None, True, 1, 1.5, ("a", "b")])
JUNK = st.recursive(
    NUMBERS | WORDS | OTHERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """The paths of all values within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


@st.composite
def configs(draw) -> dict:
    """The resolved config after a few changes."""
    raw = copy.deepcopy(RESOLVED)
    for _ in range(draw(st.integers(1, 3))):
        here = list(places(raw))
        if not here:
            break
        *parents, key = draw(st.sampled_from(here))
        section = raw
        for parent in parents:
            section = section[parent]
        change = draw(st.sampled_from(["drop", "rename", "replace", "empty", "wrap", "copy", "repeat", "text"]))
        if change == "drop":
            del section[key]
        elif change == "rename" and isinstance(section, dict):
            section[draw(KEYS)] = section.pop(key)
        elif change == "empty":
            section[key] = draw(st.sampled_from([None, [], {}, ""]))
        elif change == "wrap":
            section[key] = draw(st.sampled_from([[section[key]], {"value": section[key]}, {key: section[key]}]))
        elif change == "copy":
            value = raw
            for step in draw(st.sampled_from(here)):
                value = value[step]
            section[key] = copy.deepcopy(value)
        elif change == "repeat" and isinstance(section, list):
            section.append(section[key])
        elif change == "text":
            section[key] = str(section[key]) if not isinstance(section[key], int) else "7"
        else:
            section[key] = draw(JUNK)
    return raw


def plan(config: Config) -> None:
    """Ask the plan of a study for what the rules ask it for."""
    plan, study = Plan(config), config.study
    of = plan.slices
    re.compile(plan.conditions.pattern), re.compile(plan.conditions.changed_pattern)
    for table in plan.shown.tables():
        plan.shown.spec(table), plan.shown.inputs(table)
    for kind, contents in plan.shown.figures():
        plan.shown.spec(kind, contents.path), plan.shown.inputs(kind, contents.path)
    plan.shown.report(plan.shown.tables(), plan.shown.figures())
    for dataset in plan.corpora.names:
        read_texts.Spec.model_validate_json(of.read_texts(dataset))
        plan.corpora.local_files(dataset)
    for group in (*plan.embedded.embedding_groups, *plan.embedded.layer_groups):
        re.compile(group.conditions)
    for group in plan.embedded.layer_groups:
        measure_space.Spec.model_validate_json(of.measure_space(group.parts))
    for model in plan.models.nameable:
        of.describe_model(model, None)
    for model in study.models:
        for slug in [*plan.conditions.experts_of(model), *plan.conditions.randoms_of(model)]:
            choose_units.Spec.model_validate_json(of.choose_units(model, slug))
            embed_sentences.Spec.model_validate_json(of.embed_sentences(model, slug))
            if study.paraphrase is not None:
                retrieve_paraphrases.Spec.model_validate_json(of.retrieve_paraphrases(slug))
    measure_space.Spec.model_validate_json(of.measure_space([""]))
    project_space.Spec.model_validate_json(of.project_space())
    for model in config.generating_models:
        for target in plan.sweeps.targets:
            for pooling in plan.conditions.poolings:
                plan.sweeps.conditions(model, target, pooling)
                generate_texts.Spec.model_validate_json(of.generate_texts(target, pooling))
                measure_perplexity.Spec.model_validate_json(of.measure_perplexity(target, pooling))


def test_the_config_that_is_changed_can_be_planned():
    plan(read_config(RESOLVED, []))


outcomes: set[str] = set()


def check(raw):
    try:
        config = read_config(raw, ["config.yaml"])
    except StudyError as error:
        outcomes.add("refused")
        heading, *lines = str(error).splitlines()
        assert heading == "the config is not valid:"
        assert lines
        for line in lines:
            # A path of keys, then what is wrong with it.
            assert re.match(r"  [^\s:].*: \S", line), line
            assert len(line) < 2000
            assert "Traceback" not in line
            line.encode()
        return
    outcomes.add("planned")
    plan(config)


@pytest.mark.parametrize("examples", [100, pytest.param(600, marks=pytest.mark.exhaustive)])
def test_a_config_changed_at_random_is_planned_or_refused(examples):
    outcomes.clear()
    at_random = settings(max_examples=examples, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    at_random(given(configs())(check))()
    assert outcomes == {"planned", "refused"}
