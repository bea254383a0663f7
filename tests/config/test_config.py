"""The config: what it may say (what it may not: tests/refusals); and that its generated descriptions are current."""

from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml

from workflow_scripts.config import document
from workflow_scripts.config.languages import BUILT_IN, LANGUAGES
from workflow_scripts.config.pin import UNPINNED, newest_commit, pin, unpinned
from workflow_scripts.config.pin import main as pin_study
from workflow_scripts.config.study import read_config
from workflow_scripts.figures.fonts import undrawn_labels
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.plan import Plan
from workflow_scripts.plan.shown import declared

ROOT = Path(__file__).parents[2]


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())


def test_the_default_config_is_valid(raw):
    assert read_config(raw, ["config.yaml"]).study.models == ["demo"]


COMMIT = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"


def test_a_language_can_be_added_by_config(raw):
    raw["languages"] = {"br": {"name": "Breton", "iso639_3": "bre", "flores": "bre_Latn"}}
    raw["study"]["alignment"]["languages"].append("br")
    assert read_config(raw, []).language_table["br"].name == "Breton"


def test_what_figures_call_models_and_named_languages_is_known_by_keys(raw):
    raw["languages"] = {"zh": {"name": "中文", "iso639_3": "zho", "flores": "zho_Hans"}}
    raw["models"]["demo"]["label"] = "模型"
    labels = read_config(raw, []).labels
    assert labels == {"models.demo.label": "模型", "languages.zh.name": "中文"}
    assert [warning.split(":")[0] for warning in undrawn_labels(labels)] == list(labels)


def test_the_languages_of_flores_are_known_by_their_codes(raw):
    raw["study"]["alignment"]["languages"] += ["sv", "zu", "zhohant"]
    assert read_config(raw, []).study.alignment.languages[-3:] == ["sv", "zu", "zhohant"]


def test_all_languages_are_those_that_a_data_set_has(raw):
    flores = {"source": "hub", "layout": "flores200", "split": "devtest", "repository": "a/b", "revision": COMMIT}
    xtreme = {"source": "hub", "layout": "tatoeba", "split": "test", "repository": "a/b", "revision": COMMIT}
    raw["datasets"] |= {"flores": flores, "of-xtreme": xtreme}
    raw["study"]["alignment"] = {"dataset": "flores", "languages": "all"}
    raw["study"]["translation"] = {"dataset": "of-xtreme", "languages": "all"}
    raw["study"]["probing"]["languages"] = "all"
    study = read_config(raw, []).study
    assert study.alignment.languages == list(BUILT_IN)
    assert study.probing.languages == list(LANGUAGES)
    assert len(study.translation.languages) == 36 and "en" not in study.translation.languages


def test_experts_tested_on_the_sentences_that_they_were_sought_in_are_warned_of(raw):
    assert read_config(raw, []).warnings == []
    raw["study"]["probing"]["dataset"] = "cldr-devtest"
    warnings = read_config(raw, []).warnings
    assert [warning.partition(":")[0] for warning in warnings] == [
        f"study.{role}.dataset" for role in ("alignment", "topics", "treebank")
    ]
    assert "cldr-devtest holds the sentences of study.probing (cldr-devtest)" in warnings[0]


def test_norwegian_is_accepted_in_quotes_and_refused_without(raw):
    norwegian = {"name": "Norwegian", "iso639_3": "nob", "flores": "nob_Latn"}
    assert "no" in read_config({**raw, "languages": {"no": norwegian}}, []).language_table
    with pytest.raises(StudyError, match="YAML reads an unquoted no as false"):
        read_config({**raw, "languages": {False: norwegian}}, [])


def test_the_schema_and_the_description_are_current():
    """After a change to the config's models: make schema."""
    assert (ROOT / "docs" / document.DESCRIPTION).read_text() == document.description()
    written = (ROOT / "docs" / document.SCHEMA).read_text()
    assert yaml.safe_load(written) == document.schema()


def test_pinning_replaces_zeros_and_nothing_else():
    text = (
        "models:\n  a:\n    hub: owner/a # comment\n"
        f'    revision: "{UNPINNED}" # pin me\n'
        f"  b:\n    hub: owner/b\n    revision: {COMMIT}\n"
        f"datasets:\n  c:\n    repository: owner/c\n    revision: {UNPINNED}\n"
    )
    commits = {("model", "owner/a"): "a" * 40, ("dataset", "owner/c"): "1" * 40}
    pinned = pin(text, lambda kind, repository: commits[kind, repository])
    assert yaml.safe_load(pinned) == {
        "models": {"a": {"hub": "owner/a", "revision": "a" * 40}, "b": {"hub": "owner/b", "revision": COMMIT}},
        "datasets": {"c": {"repository": "owner/c", "revision": "1" * 40}},
    }
    assert "# comment" in pinned
    assert "# pin me" in pinned
    with pytest.raises(StudyError, match="line 2: the revision stands beside no hub"):
        pin(f"a:\n  revision: {UNPINNED}", lambda kind, repository: "")


@pytest.mark.parametrize(
    "written",
    [
        "m: {label: My model, hub: owner/name, revision: REVISION, k: 1}  # as in README.md",
        "m: {revision: 'REVISION', hub: \"owner/name\"}",
        "m:\n  revision: REVISION # before its repository\n  hub:   owner/name\n",
        "m:\n  hub: 'owner/name'\n  label: é\n\n  revision:   REVISION",
    ],
)
def test_a_revision_is_pinned_however_the_entry_is_written(written):
    before, after = written.split("REVISION")
    pinned = pin(f"models: {{}}\n{before}{UNPINNED}{after}", lambda kind, name: f"{kind} {name}")
    assert pinned.startswith(f"models: {{}}\n{before.rstrip(chr(39))}") and pinned.endswith(after.lstrip("'"))
    assert yaml.safe_load(pinned)["m"]["revision"] == "model owner/name"


def test_the_hub_out_of_reach_is_told_of_the_hub(monkeypatch):
    """Without network, the hub's client lets errors of its HTTP library pass, which are no OSErrors."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StudyError, match="cannot ask the hub for model owner/name"):
        newest_commit("model", "owner/name")
    with pytest.raises(StudyError, match="owner/name/part is no name of a repository"):
        newest_commit("model", "owner/name/part")


def test_what_is_still_to_be_pinned_is_said(tmp_path, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(f"a:\n  hub: owner/a\n  revision: {UNPINNED}\nb:\n  hub: owner/b\n  revision: {COMMIT}\n")
    with pytest.raises(StudyError, match="out of reach"):
        pin_study(study, out_of_reach)
    assert capsys.readouterr().out == f"{study}: still to be pinned: model owner/a.\n"
    pin_study(study, lambda kind, repository: "a" * 40)
    assert capsys.readouterr().out.endswith(f"model owner/a: {'a' * 40}\n")
    pin_study(study, out_of_reach)
    assert capsys.readouterr().out == f"{study}: every revision is pinned.\n"


def out_of_reach(kind, repository):
    raise StudyError(f"{kind} {repository} is out of reach")


def test_the_studies_pin_all_but_polylm():
    assert {path.name: unpinned(path.read_text()) for path in (ROOT / "studies").glob("*.yaml")} == {
        "encoders.yaml": [],
        "flores200.yaml": [],
        "gemma3.yaml": [],
        "minimal.yaml": [],
        "paper.yaml": ["model DAMO-NLP-MT/polylm-chat-13b"],
        "proportions.yaml": [],
        "scratch.yaml": [],
        "sib200.yaml": [],
        "smollm2.yaml": [],
    }


def test_only_aya_of_the_study_of_the_paper_needs_an_account():
    """FLORES-200 and FLORES+ are gated on the hub, too, so the study takes it from elsewhere."""
    raw = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    used = [corpus["dataset"] for corpus in raw["study"].values() if isinstance(corpus, dict) and "dataset" in corpus]
    sources = {raw["datasets"][name].get("repository") or raw["datasets"][name]["url"] for name in used}
    assert sources == {
        "https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz",
        "google/xtreme",
        "wikimedia/wikipedia",
        "Davlan/sib200",
        "commul/universal_dependencies",
    }


def test_an_overlay_takes_an_entry_out_of_a_mapping_by_null(raw):
    raw["methods"] = {**raw.get("methods", {}), "gone": None}
    assert "gone" not in read_config(raw, []).methods


def test_a_method_that_is_not_compared_needs_no_auroc(raw):
    raw["methods"] = {"aura": {"method": "aura"}}
    raw["experts"] = {"expertise": "average_precision"}
    raw["study"]["comparison"] = None
    read_config(raw, [])
    raw["study"]["comparison"] = {"methods": ["aura"]}
    with pytest.raises(StudyError, match=r"methods\.aura\.method: .*, or leave it out of study\.comparison\."):
        read_config(raw, [])


def test_a_study_without_paraphrases_says_so_of_the_tables_that_need_them(raw):
    raw["study"]["paraphrase"] = None
    plan = Plan(read_config(raw, []))
    assert {3, 5, 6} & set(plan.shown.table_numbers) == set()
    assert "study.paraphrase" in next(table for table in declared()[0] if table.name == "table3").why_none(plan)
