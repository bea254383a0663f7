"""Configs that are refused: each with the path of its key and what to do, before any job runs."""

import copy
import datetime
from pathlib import Path

import pytest
import yaml
from running import copy_repository, run_snakemake

from workflow_scripts.config.files import place_of, refuse_repeated_keys
from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError

ROOT = Path(__file__).parents[2]
COMMIT = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"
WITHOUT = object()  # the key is left out
LOCAL = {"source": "local", "layout": "lines", "split": "dev"}
HUB = {"source": "hub", "layout": "tatoeba", "split": "validation", "repository": "google/xtreme", "revision": COMMIT}
URL = {"source": "url", "layout": "lines", "split": "dev", "url": "https://a.org/b.zip", "sha256": "0" * 64}
CLDR = {"source": "cldr", "layout": "flores200", "split": "dev", "sentences": 10}
MODEL = {"label": "B", "k": 1}
ON_HUB = {**MODEL, "hub": "a/b", "revision": COMMIT}
GGUF = {"sha256": "0" * 64, "file": "a.gguf"}
DEMO = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())["models"]["demo"]
TRAIN = DEMO["train"]
NOTHING = dict.fromkeys(TRAIN["languages"], 0)


def packed(wheel):
    """A GGUF file inside a wheel."""
    return {"sha256": "0" * 64, "wheels": [{"wheel": wheel, "file": "a/b.gguf"}]}


# The key that is changed in config.yaml, its value, and what the message says.
CASES = [
    # Keys
    ("study/modles", ["demo"], r"study\.modles: no such key; did you mean models\? \(config\.yaml, line 5\)$"),
    ("models/demo/revison", "main", r"models\.demo\.revison: no such key; did you mean revision\?"),
    ("datasets/own", {**LOCAL, "sentenses": 10}, r"datasets\.own\.sentenses: no such key; did you mean sentences\?"),
    ("study/ ", 1, r"study\.' ': no such key; see docs/config\.md"),
    ("models/demo/train/hedas", 4, r"models\.demo\.train\.hedas: no such key; did you mean heads\?"),
    ("sweeps", {}, r"sweeps: no such key; did you mean sweep\?"),
    ("study/models", ["dmeo"], r"study\.models: dmeo is not defined under models \(demo\); did you mean demo\?"),
    ("study/comparison/methods", ["lap"], r"methods: lap not defined under methods \(.*\); did you mean lape\?"),
    ("study/probing/dataset", "cldr-dve", r"cldr-dve is not defined under datasets \(.*\); did you mean cldr-dev\?"),
    ("two\nlines", 1, r"'two\\nlines': no such key"),
    ("\ud800", 1, r"the config: .*valid string.* \(given: '\\ud800'\)"),
    ("study", WITHOUT, r"study: is required"),
    ("models/demo/k", WITHOUT, r"models\.demo\.k: is required"),
    ("experts", None, r"experts: .*valid dictionary.* \(given: None\)"),
    ("study", [], r"study: .*valid dictionary.* \(given: \[\]\)"),
    # Types
    ("study/targets", "en", r"study\.targets: .*valid list \(given: 'en'\)"),
    ("study/targets", ["en", False], r"study\.targets\.1: YAML reads an unquoted no as false: put the code in quotes"),
    ("models/demo/k", "many", r"models\.demo\.k: .*valid integer.*\(given: 'many'\)"),
    ("models/demo/k", 1.5, r"models\.demo\.k: .*integer.*\(given: 1\.5\)"),
    ("models/demo/k", True, r"models\.demo\.k: true is not what is asked for"),
    ("models/demo/k", "x" * 1000, r"models\.demo\.k: .*\(given: 'x{79}…\) \("),
    ("datasets/own", {**LOCAL, "sentences": "ten"}, r"datasets\.own\.sentences: .*valid integer"),
    ("datasets/own", {**LOCAL, "sentences": True}, r"datasets\.own\.sentences: true is not what is asked for"),
    ("models/a", {**ON_HUB, "revision": 10**39}, r"models\.a\.revision: .*valid string .*; put it in quotes"),
    ("models/demo/label", 7, r"models\.demo\.label: .*valid string \(given: 7\); put it in quotes"),
    ("datasets/own", {**LOCAL, "split": datetime.date(2024, 1, 1)}, r"split: .*date\(2024, 1, 1\)\); put it in quotes"),
    ("embeddings", {"layer": "middle"}, r"embeddings\.layer.*: Input should be 'last' \(given: 'middle'\)"),
    # Ranges
    ("models/demo/k", -1, r"models\.demo\.k: .*greater than or equal to 0 \(given: -1\)"),
    ("models/demo/k", 0, r"models\.demo\.k: 0 changes nothing"),
    ("models/demo/k", 10_000_000, r"models\.demo: k = 10000000 is larger than the model's [\d,]+ neurons"),
    ("models/a", {**ON_HUB, "k": 200, "neurons": 100}, r"models\.a: k = 200 is larger than the model's 100 neurons"),
    ("sweep", {"ks": [0, 9999]}, r"sweep\.ks: 9999 is more than the 2,560 neurons of models\.demo"),
    ("sweep", {"ks": []}, r"sweep\.ks: .*at least 1 item"),
    ("models/demo/train/heads", 5, r"models\.demo\.train: width \d+ must be a multiple of heads 5"),
    ("datasets/own", {**LOCAL, "sentences": 0}, r"datasets\.own\.sentences: .*greater than or equal to 1"),
    ("correlations", {"resamples": 10}, r"correlations\.resamples: .*100 \(given: 10\)"),
    ("correlations", {"confidence": 1}, r"correlations\.confidence: .*less than 1"),
    ("generation", {"top_p": 0}, r"generation\.top_p: .*greater than 0"),
    ("generation", {"top_p": float("nan")}, r"generation\.top_p: .*finite number \(given: nan\)"),
    ("generation", {"temperature": float("inf")}, r"generation\.temperature: .*finite number \(given: inf\)"),
    ("generation", {"seeds": [2**32]}, r"generation\.seeds\.0: .*less than 4294967296"),
    ("projection", {"seed": 2**32}, r"projection\.seed: .*less than 4294967296"),
    ("projection", {"seed": -(2**20000)}, r"projection\.seed: .*\(given: a number of very many digits\)"),
    ("perplexity", {"tokens": 2**63}, r"perplexity\.tokens: the number is too large"),
    ("sweep", {"ks": [0, 2**63]}, r"sweep\.ks: the number is too large"),
    ("perplexity", {"standard_error": 0}, r"perplexity\.standard_error: .*greater than 0"),
    ("perplexity", {"context": 64, "stride": 64}, r"perplexity\.stride: must be below perplexity\.context"),
    # Choices
    ("experts", {"poolings": ["median"]}, r"experts\.poolings\.0: .*'max', 'mean' or 'last' \(given: 'median'\)"),
    ("compute", {"device": "gpu"}, r"compute\.device: .*\(given: 'gpu'\)"),
    ("compute", {"device": "cuda:٣"}, r"compute\.device: .*\(given: 'cuda:٣'\)"),
    ("intervention", {"method": "dampen"}, r"intervention\.method: is none of .*force.* \(given: 'dampen'\)"),
    ("methods", {"own": {"method": "dampen"}}, r"methods\.own\.method: is none of .*force.* \(given: 'dampen'\)"),
    ("methods", {"own": {"method": "mean_difference"}}, r"methods\.own\.layer: mean_difference acts on a layer; say"),
    ("methods", {"own": {"layer": 2}}, r"methods\.own\.layer: force acts on units; leave it out"),
    ("methods", {"own": {"layer": 0}}, r"methods\.own\.layer.*: .*greater than or equal to 1"),
    ("intervention", {"method": "mean_difference"}, r"intervention\.method: .* on a layer.* give it under methods"),
    ("intervention", {"method": "linear_act_by_layer"}, r"intervention\.method: .* fitted .* give it under methods"),
    ("intervention", {"percentile": 90}, r"intervention\.percentile: .*neither .* setting of force, which has none"),
    (
        "methods",
        {"own": {"method": "linear_act", "suport": "all"}},
        r"methods\.own\.suport: .*setting of linear_act, whose settings are support; did you mean support\?",
    ),
    (
        "methods",
        {"own": {"method": "linear_act", "support": "some"}},
        r"methods\.own\.support: .*'observed' or 'all' \(given: 'some'\)",
    ),
    ("methods", {"own": {"units": "random", "method": "linear_act_by_layer"}}, r"methods\.own\.units: .*experts alone"),
    ("methods", {"own": {"units": "random", "selection": "lape"}}, r"methods\.own\.selection: random units are not"),
    ("methods", {"own": {"strengths": []}}, r"methods\.own\.strengths: .*at least 1 item"),
    ("methods", {"own": {"strengths": [0]}}, r"methods\.own\.strengths\.0: .*greater than 0"),
    (
        "random_control",
        {"seeds": []},
        r"methods\.random\.units: random units are drawn by seed; give random_control\.see",
    ),
    ("study/comparison/methods", ["own"], r"study\.comparison\.methods: own not defined under methods \(median, "),
    ("methods", {"s3": {}}, r"methods\.s3: .*pattern"),
    ("methods", {"a-b": {}}, r"methods\.a-b: .*pattern"),
    ("methods", {"own": {"strengths": [float("inf")]}}, r"methods\.own\.strengths\.0: .*(finite|less than)"),
    ("neurons", {"sites": []}, r"neurons\.sites.*: .*at least 1 item"),
    ("metrics", {"similarities": ["cosine"]}, r"metrics: shown_similarity inner_product is not among similarities"),
    ("datasets/own", {**LOCAL, "layout": "flores"}, r"datasets\.own\.layout: .*'flores200'"),
    # Repeated
    ("study/targets", ["en", "en"], r"study\.targets: en given more than once"),
    ("study/models", ["demo", "demo"], r"study\.models: demo given more than once"),
    ("models/demo/train/languages", ["en", "de", "en"], r"models\.demo\.train\.languages: en given more than once"),
    ("models/demo/seen", ["fr", "fr"], r"models\.demo\.seen.*: fr given more than once"),
    ("random_control", {"seeds": [1, 1]}, r"random_control\.seeds: 1 given more than once"),
    # Languages
    ("study/targets", [], r"study\.targets: .*at least 1 item"),
    ("study/targets", ["en", "xx"], r"study\.targets: add xx to study\.probing\.languages"),
    ("study/targets", ["English"], r"study\.targets\.0: .*pattern.* \(given: 'English'\)"),
    ("study/shown_target", "zh", r"study\.shown_target: zh is not among study\.targets"),
    ("study/probing/languages", ["en", "de", "fr", "es"], r"study\.targets: add ja to study\.probing\.languages"),
    ("study/probing/languages", ["en"], r"study\.probing\.languages: give at least two, since the others are"),
    ("study/alignment/languages", ["en"], r"study\.alignment\.languages: give at least two, since distances"),
    ("study/alignment/languages", ["en", "de"], r"study\.targets: add es, fr, ja to study\.alignment\.languages"),
    ("study/alignment/languages", ["en", "de", "fr", "es", "ja", "xx"], r"alignment\.languages: xx unknown; define"),
    ("study/paraphrase/languages", ["qq"], r"study\.paraphrase\.languages: qq unknown"),
    ("study/perplexity/languages", ["qq"], r"study\.perplexity\.languages: qq unknown"),
    ("study/mining/languages", ["en", "de"], r"study\.mining\.languages: leave out en"),
    ("models/demo/seen", ["qq"], r"models\.demo\.seen: qq unknown"),
    ("models/demo/train/checkpoints", [50, 450], r"models\.demo\.train: checkpoints: step 450 is not before the last"),
    ("models/demo/train/checkpoints", [-1], r"models\.demo\.train\.checkpoints\.0: .*greater than or equal to 0"),
    ("models/demo/layers", [1, 5], r"models\.demo: layers: there is no layer 5; the model has layers 0 to 4"),
    ("models/demo/layers", [1, 1], r"models\.demo\.layers: 1 given more than once"),
    (
        "models/demo/train/proportions",
        {"sv": 1.0},
        r"models\.demo\.train: proportions names sv, which languages does not",
    ),
    (
        "models/demo/train/proportions",
        {"es": -1},
        r"models\.demo\.train\.proportions\.es: .*greater than or equal to 0",
    ),
    ("models/demo/train/mixtures", {"a": {"sv": 1}}, r"models\.demo\.train: mixtures\.a names sv, which languages"),
    ("models/demo/train/mixtures", {"a b": {}}, r"models\.demo\.train\.mixtures\.a b: .*pattern"),
    ("models/demo/train/mixtures", {"a": {"es": "few"}}, r"models\.demo\.train\.mixtures\.a\.es: .*valid number"),
    ("models/demo/train/mixtures", {"a": NOTHING}, r"models\.demo\.train: mixtures\.a leaves no language to train on"),
    ("models/demo/train/mixtures", {"a" * 60: {}}, r"models\.demo: demo-a{60} is longer than 64 characters; shorten"),
    ("models/demo/train/seeds", [1, 1], r"models\.demo\.train\.seeds: 1 given more than once"),
    ("models/demo/train", {**TRAIN, "seed": 1, "seeds": [2]}, r"models\.demo\.train: give seed or seeds"),
    (
        "models",
        {"demo": {**DEMO, "train": {**TRAIN, "seeds": [1]}}, "demo-s1": {**MODEL, "path": "x"}},
        r"models\.demo-s1: is the name of a member of models\.demo",
    ),
    ("languages", {False: {}}, r"languages\.0: YAML reads an unquoted no as false"),
    # Names of data sets and models
    ("study/alignment/dataset", "flores", r"study\.alignment\.dataset: flores is not defined under datasets \(cldr-"),
    (
        "study/alignment/dataset",
        "cldr-paws-x",
        r"cldr-paws-x is a paraphrase data set; this role needs parallel or topics",
    ),
    ("study/translation/dataset", "cldr-dev", r"study\.translation\.dataset: .* parallel .* role needs translation"),
    ("study/perplexity/dataset", "cldr-paws-x", r"this role needs paragraphs or parallel"),
    ("study/topics/dataset", "cldr-devtest", r"study\.topics\.dataset: cldr-devtest is a parallel .* needs topics"),
    ("study/treebank/dataset", "cldr-topics", r"study\.treebank\.dataset: .* is a topics .* needs treebank"),
    ("study/treebank/languages", ["en"], r"study\.treebank\.languages: give at least two"),
    ("datasets/own", {**LOCAL, "layout": "sib200", "split": "test"}, r"split test: of sib200 it is the half of FLORES"),
    ("transfer", {"test_share": 1}, r"transfer\.test_share: .*less than 1"),
    ("transfer", {"ngrams": {"shortest": 5}}, r"transfer\.ngrams: .*shortest 5 is more than longest 4"),
    ("study/models", ["bloom"], r"study\.models: bloom is not defined under models \(demo\)"),
    ("models/demo/train/dataset", "nothing", r"models\.demo\.train\.dataset: not defined under datasets"),
    ("models/Demo Model", {**MODEL, "path": "x"}, r"models\.Demo Model: .*pattern"),
    ("models/modèle", {**MODEL, "path": "x"}, r"models\.modèle: .*pattern"),
    ("models/模型", {**MODEL, "path": "x"}, r"models\.模型: .*pattern"),
    ("models/..", {**MODEL, "path": "x"}, r"models\.\.\.: .*pattern"),
    ("models/a..b", {**MODEL, "path": "x"}, r"models\.a\.\.b: .*pattern"),
    ("models/a\n", {**MODEL, "path": "x"}, r"models\.'a\\n': .*pattern"),
    ("models/" + "a" * 65, {**MODEL, "path": "x"}, r"models\.a{65}: .*at most 64 characters"),
    ("models/demo/label", " ", r"models\.demo\.label: is empty; tables and figures need a name"),
    ("models/demo/label", "two\nlines", r"models\.demo\.label: .*pattern"),
    (
        "models/demo-step50",
        {**MODEL, "path": "x"},
        r"models\.demo-step50: is the name of models\.demo at step 50",
    ),
    ("datasets/$(touch pwned)", LOCAL, r"datasets\.\$\(touch pwned\): .*pattern"),
    # Where models come from
    ("models/demo/hub", "a/b", r"models\.demo: give exactly one of hub, path, gguf, train \(given: hub, train\)"),
    ("models/demo/train", WITHOUT, r"models\.demo: give exactly one of hub, path, gguf, train \(given: none\)"),
    ("models/a", {**MODEL, "hub": "a/b"}, r"models\.a: hub and revision go together: pin the repository to a commit"),
    ("models/a", {**ON_HUB, "revision": "main"}, r"models\.a\.revision: 'main' is no commit: pin the revision to 40"),
    ("models/a", {**ON_HUB, "hub": "../.."}, r"models\.a\.hub: .*pattern"),
    ("models/a", {**ON_HUB, "hub": "a/b--c"}, r"models\.a\.hub: .*pattern"),
    ("models/a", {**MODEL, "path": ""}, r"models\.a\.path: is empty"),
    ("models/a", {**MODEL, "gguf": {**GGUF, "sha256": "0"}}, r"models\.a\.gguf\.sha256: .*pattern"),
    ("models/a", {**MODEL, "gguf": {**GGUF, "file": "a.bin"}}, r"models\.a\.gguf: file must name a \.gguf file"),
    (
        "models/a",
        {**MODEL, "gguf": {**packed("x==1"), "file": "a.gguf"}},
        r"models\.a\.gguf: give either file or wheels; .*\[\]",
    ),
    ("models/a", {**MODEL, "gguf": {"sha256": "0" * 64}}, r"models\.a\.gguf: give either file or wheels"),
    ("models/a", {**MODEL, "gguf": {"sha256": "0" * 64, "wheels": []}}, r"models\.a\.gguf: give either file or wheels"),
    ("models/a", {**MODEL, "gguf": packed("--index-url=x==1")}, r"models\.a\.gguf\.wheels\.0\.wheel: .*pattern"),
    ("models/a", {**MODEL, "gguf": packed("x>=1")}, r"models\.a\.gguf\.wheels\.0\.wheel: .*pattern"),
    ("models/a", {**MODEL, "hub": "a/b", "trust_remote_code": True}, r"models\.a: hub and revision go together"),
    (
        "models/demo/architecture",
        "encoder",
        r"models\.demo: architecture encoder belongs to hub or path; gguf and train",
    ),
    ("models/demo/architecture", "decoder", r"models\.demo\.architecture: .*'causal', 'encoder_decoder' or 'encoder'"),
    ("models/demo/trust_remote_code", True, r"models\.demo: trust_remote_code belongs to hub, where revision pins"),
    # Where data sets come from
    ("datasets/own", {**HUB, "repository": None}, r"datasets\.own: source: hub needs repository"),
    ("datasets/own", {**HUB, "repository": "xtreme"}, r"datasets\.own: repository must be owner/name on the hub"),
    ("datasets/own", {**HUB, "repository": "a/../b"}, r"datasets\.own: repository must be owner/name on the hub"),
    ("datasets/own", {**HUB, "revision": None}, r"datasets\.own: source: hub needs revision: pin the repository"),
    ("datasets/own", {**HUB, "revision": "main"}, r"datasets\.own\.revision: 'main' is no commit"),
    ("datasets/own", {**HUB, "revision": COMMIT.upper()}, r"datasets\.own\.revision: .* is no commit"),
    ("datasets/own", {**HUB, "layout": "lines"}, r"datasets\.own: layout lines is for local files"),
    ("datasets/own", {**HUB, "layout": "table", "path": "a.csv"}, r"datasets\.own: layout table is for local files"),
    (
        "datasets/own",
        {**LOCAL, "layout": "table"},
        r"datasets\.own: layout table is one file.* \.csv, \.tsv, \.jsonl, \.p",
    ),
    ("datasets/own", {**LOCAL, "layout": "table", "path": "a.xlsx"}, r"datasets\.own: layout table is one file"),
    ("datasets/own", {**URL, "url": None}, r"datasets\.own: source: url needs url and sha256"),
    ("datasets/own", {**URL, "sha256": None}, r"datasets\.own: source: url needs url and sha256"),
    ("datasets/own", {**URL, "sha256": "1"}, r"datasets\.own\.sha256: .*pattern"),
    ("datasets/own", {**URL, "url": "ftp://a.org/b.zip"}, r"datasets\.own: url must begin with https://"),
    ("datasets/own", {**URL, "url": "https://me:word@a.org/b.zip"}, r"datasets\.own: url must .* no .*password"),
    ("datasets/own", {**LOCAL, "url": "https://a.org/b.zip"}, r"datasets\.own: url and sha256 belong to source: url"),
    # All languages
    (
        "study/alignment",
        {"dataset": "flores-dev", "languages": "all"},
        r"study\.alignment\.languages: all .*data_root is not",
    ),
    ("study/alignment/languages", "every", r"study\.alignment\.languages: .*list"),
    ("study/targets", "all", r"study\.targets: .*list"),
    ("datasets/own", {**CLDR, "sentences": None}, r"datasets\.own: source: cldr needs sentences"),
    ("datasets/own", {**CLDR, "repository": "a/b"}, r"datasets\.own: repository and revision belong to source: hub"),
    ("datasets/own", {**LOCAL, "revision": COMMIT}, r"datasets\.own: repository and revision belong to source: hub"),
    # Paths
    ("datasets/own", {**LOCAL, "path": "../elsewhere"}, r"datasets\.own: path must stay under data_root"),
    ("datasets/own", {**LOCAL, "path": "a/../../b"}, r"datasets\.own: path must stay under data_root"),
    ("datasets/own", {**LOCAL, "path": "/elsewhere"}, r"datasets\.own: path must stay under data_root"),
    ("datasets/own", {**LOCAL, "split": "../dev"}, r"datasets\.own\.split: .*pattern"),
    ("datasets/own", {**LOCAL, "split": ".."}, r"datasets\.own\.split: .*pattern"),
    ("results", "", r"results: is empty; give a path"),
    ("results", "two\nlines", r"results: a path must be one line of printable characters"),
    ("results", "{dataset}", r"results: Snakemake fills in what stands in braces"),
    ("cache", "a\0b", r"cache: a path must be one line"),
    ("data_root", "~/data", r"data_root: ~ is not the home folder here; write the path in full"),
    ("data_root", "", r"data_root: is empty"),
]


@pytest.fixture
def raw() -> dict:
    study = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    study["datasets"]["flores-dev"] = {"source": "local", "layout": "flores200", "split": "dev"}
    return study


def changed(raw: dict, path: str, value) -> dict:
    """The config with a key changed, or without it."""
    raw = copy.deepcopy(raw)
    *parents, key = path.split("/")
    section = raw
    for parent in parents:
        section = section[parent]
    if value is WITHOUT:
        del section[key]
    else:
        section[key] = value
    return raw


@pytest.mark.parametrize("key", ["intervention", "methods/own"])
def test_a_method_that_is_defined_by_the_auroc_is_refused_without(key):
    raw = {**yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text()), "methods": {}}
    raw["study"]["comparison"] = None
    raw = changed(raw, key, {"method": "aura"})
    if key == "methods/own":
        raw = changed(raw, "study/comparison", {"methods": ["own"]})
    read_config(raw, [])
    with pytest.raises(StudyError, match=rf"{key.replace('/', '.')}\.method: aura is defined by the AUROC; set"):
        read_config({**raw, "experts": {"expertise": "average_precision"}}, [])


@pytest.mark.parametrize(
    ("path", "value", "message"), CASES, ids=[f"{number}-{path!a}" for number, (path, *_) in enumerate(CASES)]
)
def test_refused_with_the_key_and_the_remedy(raw, path, value, message):
    with pytest.raises(StudyError, match=f"(?m){message}") as caught:
        read_config(changed(raw, path, value), ["config.yaml"])
    heading, *lines = str(caught.value).splitlines()
    assert heading == "the config is not valid:"
    assert 1 <= len(lines) <= 4
    assert max(map(len, lines)) < 400
    str(caught.value).encode()  # can be printed


@pytest.mark.parametrize("raw", [None, [], "study", 7], ids=repr)
def test_a_config_that_is_no_mapping_is_refused(raw):
    with pytest.raises(StudyError, match="the config is not valid"):
        read_config(raw, [])


def test_every_problem_is_named_at_once(raw):
    raw = changed(changed(raw, "models/demo/k", "many"), "study/extra", 1)
    with pytest.raises(StudyError) as caught:
        read_config(raw, [])
    assert "study.extra: " in str(caught.value)
    assert "models.demo.k: " in str(caught.value)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("study.modles", "overlay.yaml, line 2"),
        ("models.my.model.k", "overlay.yaml, line 5"),  # a name may have a dot
        ("models.my.model.label", "overlay.yaml, line 4"),  # where it should be
        ("study.targets.1", "overlay.yaml, line 3"),
        ("study.shown", "overlay.yaml, line 1"),
        ("study.alignment.dataset", "config.yaml, line 3"),
        ("sweep.ks", None),
    ],
)
def test_a_key_has_a_file_and_a_line(tmp_path, monkeypatch, key, place):
    (tmp_path / "config.yaml").write_text("study:\n  alignment:\n    dataset: a\nmodels: {}\n")
    (tmp_path / "overlay.yaml").write_text(
        "study:\n  modles: [a]\n  targets: [en, es]\nmodels: {my.model: {\n  k: 5}}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert place_of(key, ["config.yaml", str(tmp_path / "overlay.yaml")]) == place


def test_a_key_of_the_command_line_has_no_file(raw):
    raw = changed(raw, "study/models", ["bloom"])
    with pytest.raises(StudyError, match=r"study\.models: bloom is not defined .* \(--config\)$"):
        read_config(raw, [str(ROOT / "config.yaml")], {"study": {"models": ["bloom"]}, "cache": "elsewhere"})
    with pytest.raises(StudyError, match=r"study\.models: bloom is not defined .*config\.yaml, line \d+\)$"):
        read_config(raw, [str(ROOT / "config.yaml")], {"study": {"targets": ["en"]}})


# What is written, and where the same key stands twice: by its path, in two lines.
REPEATED = [
    ("study: 1\ncache: a\nstudy: 2\n", ["study is in line 1 and again in line 3"]),
    ("models:\n  demo:\n    k: 1\n    label: a\n    k: 2\n", ["models.demo.k is in line 3 and again in line 5"]),
    ("models: {a: 1, 'a': 2}\n", ["models.a is in line 1 and again in line 1"]),
    ("sweep:\n  - ks: 1\n    ks: 2\n", ["sweep.0.ks is in line 2 and again in line 3"]),
    ("a: 1\na: 2\na: 3\n", ["a is in line 1 and again in line 2", "a is in line 1 and again in line 3"]),
    ('{"cache": "a",\n "cache": "b"}', ["cache is in line 1 and again in line 2"]),
    ("a: &x {k: 1}\nb: {<<: *x, k: 2}\n", []),  # an alias is meant to be written over
    ("a: &x [*x]\n", []),
    ("a: {k: 1}\nb: {k: 1}\n", []),
    ("", []),
    ('{\n\t"a": 1\n}', []),  # JSON, but not YAML
]


@pytest.mark.parametrize(("text", "expected"), REPEATED)
def test_a_repeated_key_is_named_with_its_file_and_lines(tmp_path, text, expected):
    file = tmp_path / "study.yaml"
    file.write_text(text)
    if not expected:
        refuse_repeated_keys([str(file)])
        return
    with pytest.raises(StudyError) as caught:
        refuse_repeated_keys([str(ROOT / "config.yaml"), str(file)])
    heading, *lines = str(caught.value).splitlines()
    assert heading == "the config is not valid:"
    assert lines == [f"  {file}: {place}, and YAML takes the last alone; delete one" for place in expected]


def test_snakemake_refuses_a_repeated_key_before_any_job(tmp_path):
    folder = copy_repository(tmp_path / "study")
    (folder / "twice.yaml").write_text("models:\n  tiny: {k: 5}\nmodels:\n  tiny: {k: 6}\n")
    done = run_snakemake(folder, "-n", "--configfile", "tiny.yaml", "twice.yaml", check=False)
    assert done.returncode == 1
    assert "twice.yaml: models is in line 1 and again in line 3" in done.stdout
    assert "Traceback" not in done.stdout
