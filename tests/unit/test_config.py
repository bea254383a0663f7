"""The config: what is refused, with which key and remedy; and that its generated descriptions are current."""

import copy
from pathlib import Path

import pytest
import yaml

from workflow_scripts.lib.config import document
from workflow_scripts.lib.config.pin import UNPINNED, pin
from workflow_scripts.lib.config.study import read_config
from workflow_scripts.lib.errors import StudyError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(raw: dict, path: str, value) -> dict:
    raw = copy.deepcopy(raw)
    *parents, key = path.split("/")
    section = raw
    for parent in parents:
        section = section[parent]
    if value is None:
        del section[key]
    else:
        section[key] = value
    return raw


def test_the_default_config_is_valid(raw):
    assert read_config(raw, ["config.yaml"]).study.models == ["demo"]


COMMIT = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"
REFUSED = [
    ("study/modles", ["demo"], r"study\.modles: no such key; see docs/config\.md"),
    ("models/demo/revison", "main", r"models\.demo\.revison: no such key"),
    ("study/targets", ["en", False], r"study\.targets\.1: YAML reads an unquoted no as false: put the code in quotes"),
    ("study/targets", ["en", "xx"], r"study\.targets: add xx to study\.probing\.languages"),
    ("study/targets", ["en", "en"], r"study\.targets: en given more than once"),
    ("study/targets", [], r"study\.targets: .*at least 1 item"),
    ("study/targets", "en", r"study\.targets: .*valid list \(given: 'en'\)"),
    ("study/shown_target", "zh", r"study\.shown_target: zh is not among study\.targets"),
    ("study/probing/languages", ["en", "de", "fr", "es"], r"study\.targets: add ja to study\.probing\.languages"),
    ("study/alignment/languages", ["en", "de"], r"study\.targets: add es, fr, ja to study\.alignment\.languages"),
    ("study/alignment/languages", ["en", "de", "fr", "es", "ja", "sv"], r"alignment\.languages: sv unknown; define"),
    ("study/alignment/dataset", "flores", r"study\.alignment\.dataset: flores is not defined under datasets \(cldr-"),
    ("study/alignment/dataset", "cldr-paws-x", r"cldr-paws-x is a paraphrase data set; this role needs parallel"),
    ("study/paraphrase/languages", ["qq"], r"study\.paraphrase\.languages: qq unknown"),
    ("study/models", ["bloom"], r"study\.models: bloom is not defined under models \(demo\)"),
    ("models/demo/k", 10_000_000, r"models\.demo: k = 10000000 is larger than the model's [\d,]+ neurons"),
    ("models/demo/k", 0, r"models\.demo\.k: 0 changes nothing"),
    ("models/demo/k", -1, r"models\.demo\.k: .*greater than or equal to 0 \(given: -1\)"),
    ("models/demo/k", "many", r"models\.demo\.k: .*valid integer.*\(given: 'many'\)"),
    ("models/demo/k", 1.5, r"models\.demo\.k: .*integer.*\(given: 1\.5\)"),
    ("models/demo/k", True, r"models\.demo\.k: true is not what is asked for"),
    ("models/demo/k", None, r"models\.demo\.k: is required"),
    ("models/demo/hub", "a/b", r"models\.demo: give exactly one of hub, path, gguf, train \(given: hub, train\)"),
    ("models/demo/train", None, r"models\.demo: give exactly one of hub, path, gguf, train \(given: none\)"),
    ("models/demo/train/heads", 5, r"models\.demo\.train: width \d+ must be a multiple of heads 5"),
    ("models/demo/train/proportions", {"sv": 1.0}, r"proportions names sv"),
    ("models/demo/train/dataset", "nothing", r"models\.demo\.train\.dataset: not defined under datasets"),
    ("models/demo/seen", ["qq"], r"models\.demo\.seen: qq unknown"),
    ("models/bloom", {"label": "B", "hub": "a/b", "k": 1}, r"models\.bloom: hub and revision go together"),
    (
        "models/bloom",
        {"label": "B", "hub": "a/b", "revision": "main", "k": 1},
        r"models\.bloom\.revision: 'main' is no commit: pin the revision to 40 hexadecimal digits",
    ),
    (
        "models/bloom",
        {"label": "B", "hub": "a/b", "revision": COMMIT, "k": 200, "neurons": 100},
        r"models\.bloom: k = 200 is larger than the model's 100 neurons",
    ),
    ("models/Demo Model", {"label": "B", "path": "x", "k": 1}, r"models\.Demo Model: .*pattern"),
    ("models/..", {"label": "B", "path": "x", "k": 1}, r"models\.\.\.: .*pattern"),
    ("experts", {"poolings": ["median"]}, r"experts\.poolings\.0: .*'max', 'mean' or 'last' \(given: 'median'\)"),
    ("metrics", {"similarities": ["cosine"]}, r"metrics: shown_similarity inner_product is not among similarities"),
    ("compute", {"device": "gpu"}, r"compute\.device: .*\(given: 'gpu'\)"),
    ("correlations", {"resamples": 10}, r"correlations\.resamples: .*100 \(given: 10\)"),
    ("study", None, r"study: is required"),
    ("study/translation/dataset", "cldr-dev", r"study\.translation\.dataset: .* parallel .* role needs translation"),
    ("study/mining/languages", ["en", "de"], r"study\.mining\.languages: leave out en"),
    ("study/perplexity/dataset", "cldr-paws-x", r"this role needs paragraphs or parallel"),
    ("study/perplexity/languages", ["qq"], r"study\.perplexity\.languages: qq unknown"),
    ("sweep", {"ks": [0, 9999]}, r"sweep\.ks: 9999 is more than the 2,560 neurons of models\.demo"),
    ("perplexity", {"context": 64, "stride": 64}, r"perplexity\.stride: must be below perplexity\.context"),
    ("generation", {"top_p": 0}, r"generation\.top_p: .*greater than 0"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), REFUSED, ids=[f"{path}={value}"[:60] for path, value, _ in REFUSED]
)
def test_refused_with_the_key_and_the_remedy(raw, path, value, message):
    with pytest.raises(StudyError, match=message) as caught:
        read_config(changed(raw, path, value), ["config.yaml"])
    assert "config.yaml" in str(caught.value)


def test_every_problem_is_named_at_once(raw):
    raw = changed(changed(raw, "models/demo/k", "many"), "study/extra", 1)
    with pytest.raises(StudyError, match=r"(?s)study\.extra.*models\.demo\.k|models\.demo\.k.*study\.extra"):
        read_config(raw, [])


def test_a_language_can_be_added_by_config(raw):
    raw["languages"] = {"sv": {"name": "Swedish", "iso639_3": "swe", "flores": "swe_Latn"}}
    raw["study"]["alignment"]["languages"].append("sv")
    assert read_config(raw, []).language_table["sv"].name == "Swedish"


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
    with pytest.raises(StudyError, match="line 1: the revision must follow"):
        pin(f"revision: {UNPINNED}", lambda kind, repository: "")
