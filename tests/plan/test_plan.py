"""The plan: condition names, and that a job's slice of the config holds what it depends on and no more."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.plan import LAYER_PATTERN, ConditionName, Plan

ROOT = Path(__file__).parents[2]
RAW = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
RAW["study"]["comparison"] = None  # tests name their own methods
RAW["methods"] = {}


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
    """Every kind of job's spec; those of data sets that a changed study leaves out are left out, too."""
    translation = {"translation": plan.translation("es-expert-max-k100", "cldr-tatoeba")}
    return {**(translation if "cldr-tatoeba" in plan.translated else {}), **_slices(plan)}


def comparing(methods: dict, **changes) -> Plan:
    """The plan of a study that compares these methods with its own."""
    return plan(methods=methods, study__comparison={"methods": list(methods)}, **changes)


def _slices(plan: Plan) -> dict[str, str]:
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
        "layer embeddings": plan.layer_embeddings("demo", es),
        "paraphrase embeddings": plan.embeddings(es, "cldr-paws-x"),
        "topic embeddings": plan.embeddings(es, "cldr-topics"),
        "word embeddings": plan.word_embeddings(es),
        "random word embeddings": plan.word_embeddings("untrained"),
        "topic transfer": plan.topic_transfer(),
        "syntax transfer": plan.syntax_transfer(),
        "distances": plan.distances(),
        "retrieval": plan.retrieval(),
        "alignment": plan.alignment(),
        "abx": plan.abx(),
        "paraphrase": plan.paraphrase(es),
        "correlations": plan.correlations("demo", es),
        "examples": plan.examples(es),
        "projection": plan.projection(),
        "generation": plan.generation("es", "max"),
        "identification": plan.identification("es"),
        "perplexity": plan.perplexity("es", "max"),
        "table 1": plan.table1(),
        "table 2": plan.table2(),
        "table 3": plan.paraphrase_table(["es"]),
        "table 4": plan.table4(),
        "table 6": plan.table6(),
        "table 7": plan.table7(),
        "centred": plan.centred_table(),
        "abx table": plan.abx_table(),
        "similarity": plan.similarity(),
        "subwords": plan.subwords(),
        "similarity table": plan.similarity_table(),
        "mixed table": plan.mixed_table(),
        "similarity figure": plan.similarity_figure("similarity/demo"),
        "transfer table": plan.transfer_table(),
        "figure 1": plan.overview_figure("overview/es"),
        "figure 2": plan.sweep_figure(),
        "figure 3": plan.projection_figure("projection/es"),
        "figure 4": plan.retrieval_figure("retrieval/es"),
        "figure 5": plan.retrieval_change_figure("retrieval_change/es"),
        "figure 27": plan.projection_figure("projection_random/demo"),
        "figure 30": plan.retrieval_figure("retrieval_random/demo"),
        "layers table": plan.layers_table(),
        "layers figure": plan.layers_figure("layers/demo"),
        "checkpoints table": plan.checkpoints_table(),
        "checkpoints figure": plan.checkpoints_figure("checkpoints/demo"),
        "abx figure": plan.abx_figure("abx/demo"),
        "transfer figure": plan.transfer_figure("transfer/demo"),
        "claims": plan.claims(),
        "replication": plan.replication(),
    }


BOTH = {"aura": {"method": "aura"}, "caa": {"method": "mean_difference", "layer": 2, "strengths": [1, 3]}}
LANGUAGES = RAW["study"]["alignment"]["languages"]
FIGURES_OF_LANGUAGES = {"figure 1", "figure 3", "figure 4", "figure 5", "figure 27", "figure 30", "abx figure"}
COMPARED = {"layers table", "layers figure", "checkpoints table", "checkpoints figure"}
TABLES = {
    *("table 1", "table 2", "table 3", "table 6", "table 7", "centred", "abx table", "layers table", "transfer table"),
}
SIMILARITY_TABLES = {"similarity table", "mixed table"}
SHOWN = {
    *TABLES,
    *COMPARED,
    *SIMILARITY_TABLES,
    "similarity figure",
    "table 4",
    *FIGURES_OF_LANGUAGES,
    "transfer figure",
    "figure 2",
    "claims",
    "replication",
}  # all but table 4 name models
EMBEDDINGS = {"base embeddings", "embeddings", "layer embeddings", "paraphrase embeddings", "topic embeddings"}
WORDS = {"word embeddings", "random word embeddings"}
BOOTSTRAPPED = {"centred", "abx table", "layers table", "checkpoints table", "similarity table", "transfer table"}
MEASURED = {"distances", "retrieval", "alignment", "abx"}
CHANGED = [
    ({}, set()),
    ({"compute__tokens_per_batch": 77, "compute__threads": 3, "compute__device": "cpu"}, set()),
    ({"results": "elsewhere", "cache": "/tmp/cache", "data_root": "/data"}, set()),
    ({"study__shown_target": "de"}, {"claims", "layers table", "layers figure"}),
    (
        {"random_control__seeds": [7]},
        {"table 6", "figure 27", "figure 30", "claims", "centred", "abx table", "layers table"},
    ),
    ({"models__other": {"label": "Other", "path": "x", "k": 3}}, set()),
    ({"models__demo__billion_parameters": 7}, set()),
    ({"models__demo__k": 7}, {"condition", "figure 2", "claims"}),
    ({"models__demo__label": "New"}, SHOWN),
    ({"models__demo__published": "bloom-7b"}, {"claims", "replication"}),
    (
        {"models__demo__seen": ["en"]},
        {"correlations", "table 4", *FIGURES_OF_LANGUAGES, "transfer figure", "figure 2", "claims", "replication"},
    ),
    (
        {"study__targets": ["en", "es"]},
        {
            *(*TABLES, *SIMILARITY_TABLES, "table 4", "figure 2", "figure 27", "figure 30"),
            *("abx figure", "layers figure", "transfer figure", "claims"),
        }
        - {"table 3"},
    ),
    (
        {"study__alignment__languages": LANGUAGES[::-1]},
        {
            *(
                "texts of devtest",
                "base embeddings",
                "embeddings",
                "layer embeddings",
                "distances",
                "retrieval",
                "abx",
                "correlations",
            ),
            *("examples", "projection", "alignment", "table 1", "table 4", "centred", "abx table", "claims"),
            *FIGURES_OF_LANGUAGES,
            *("layers table", "checkpoints table"),
            *("similarity", "subwords", *SIMILARITY_TABLES, "similarity figure"),
        },
    ),
    ({"study__translation": None}, {"table 7"}),
    ({"experts__max_tokens": 64}, {"activations"}),
    ({"experts__expertise": "average_precision"}, {"experts"}),
    ({"experts__selection": "bottom"}, {"condition"}),
    ({"intervention__forced_value": "median"}, {"condition"}),
    ({"intervention__strength": 0.5}, {"condition"}),
    ({"methods": {"median": {"forced_value": "median"}}}, set()),
    ({"methods": {"lape": {"selection": "lape"}}, "study__comparison": {"methods": ["lape"]}}, set()),
    ({"methods": {"token_mean": {"forced_value": "token_mean"}}}, {"activations", "experts"}),
    ({"intervention__forced_value": "token_mean"}, {"activations", "experts", "condition"}),
    ({"embeddings__max_tokens": 64}, EMBEDDINGS),
    (
        {"embeddings__layer": 2},
        {*EMBEDDINGS, *WORDS, *MEASURED, *COMPARED} - {"layer embeddings", "checkpoints figure"},
    ),
    ({"transfer__test_share": 0.5}, {"topic transfer", "syntax transfer"}),
    ({"transfer__rank": 3}, {"syntax transfer"}),
    ({"transfer__seed": 3}, {"topic transfer", "syntax transfer", "random word embeddings"}),
    ({"transfer__max_tokens": 64}, WORDS),
    (
        {"study__treebank__languages": ["en", "es"]},
        {*WORDS, "syntax transfer", "transfer table", "transfer figure"},
    ),
    (
        {"study__topics__languages": ["en", "es"]},
        {"topic embeddings", "topic transfer", "transfer table", "transfer figure"},
    ),
    ({"models__demo__layers": [1]}, {"layer embeddings", "layers table", "layers figure"}),
    ({"models__demo__train__checkpoints": [7]}, {"training", "checkpoints table", "checkpoints figure"}),
    ({"correlations__resamples": 500}, {"correlations", *BOOTSTRAPPED}),
    ({"correlations__seed": 1}, {"correlations", *BOOTSTRAPPED}),
    ({"similarity__file": "own.csv"}, {"similarity"}),
    (
        {"metrics__shown_similarity": "centred_cosine"},
        {
            *("examples", "table 2", "table 3", "table 6", "table 7", "claims", "replication"),
            *("figure 1", "figure 4", "figure 5", "figure 30", *SIMILARITY_TABLES),
        },
    ),
    ({"generation__temperature": 0.7}, {"generation"}),
    ({"generation__identifier": "fasttext"}, {"identification", "figure 2"}),
    ({"sweep__ks": [0, 10]}, {"figure 2", "claims"}),
    ({"perplexity__stride": 64}, {"perplexity"}),
    ({"projection__neighbours": 5}, {"projection", "figure 3", "figure 27"}),
    ({"projection__seed": 5}, {"projection"}),
    ({"neurons__sites": "linear"}, {"model"}),
    ({"models__demo__train__steps": 300}, {"model", "training", "checkpoints table", "checkpoints figure"}),
]


@pytest.mark.parametrize(
    ("changes", "expected"), CHANGED, ids=[", ".join(changes) or "nothing" for changes, _ in CHANGED]
)
def test_an_edit_changes_exactly_the_specs_that_depend_on_it(changes, expected):
    before, after = slices(plan()), slices(plan(**changes))
    assert {name for name in after if before[name] != after[name]} == expected


def test_the_order_of_keys_changes_no_spec():
    raw = {key: RAW[key] for key in reversed(RAW)}
    raw["study"] = {key: RAW["study"][key] for key in reversed(RAW["study"])}
    assert slices(Plan(read_config(raw, []))) == slices(plan())


def test_conditions_are_named_by_what_they_do():
    assert plan().expert("demo", "es", "max") == "es-expert-max-k100"
    assert plan(random_control__seeds=[0, 3]).random("demo", "es", "max")[1] == "es-random-max-k100-s3"
    for slug in ("es-expert-max-k100", "ja-random-mean-k2000-s4"):
        assert str(ConditionName.parse(slug)) == slug
    by_method = {"aura": {"method": "aura"}, "det0": {"method": "damp"}}
    assert comparing(by_method).by_methods("demo", ["es"]) == ["es-expert-max-k100-aura", "es-expert-max-k100-det0"]
    for slug in ("es-expert-max-k100-det0", "es-random-max-k5-s3-s_3"):
        assert str(ConditionName.parse(slug)) == slug
    assert comparing(BOTH, experts__poolings=["max", "mean"]).by_methods("demo", ["es", "ja"]) == [
        *("es-expert-max-k100-aura", "ja-expert-max-k100-aura"),
        *("es-expert-mean-k100-aura", "ja-expert-mean-k100-aura"),
        *("es-layer-caa", "es-layer-caa-x3", "ja-layer-caa", "ja-layer-caa-x3"),
    ]
    for slug in ("es-layer-caa", "es-layer-caa-x0.25", "es-random-max-k5-s3-aura-x12"):
        assert str(ConditionName.parse(slug)) == slug
    for slug in (
        "es-layer",
        "es-layer-",
        "es-layer-max-k1-caa",
        "es-layer-caa-x",
        "es-layer-caa-x-1",
        "es-expert-max-k1-x2",
        "es-expert-max-k1-s2-aura",
        "es-random-max-k1-aura",
        "es-expert-max-k1-",
    ):
        with pytest.raises(StudyError, match="names no condition"):
            ConditionName.parse(slug)
    for slug in ("base", "es-expert-max", "es-expert-max-k1-s2", "es-random-max-k1", "../es-expert-max-k1"):
        with pytest.raises(StudyError, match="names no condition"):
            ConditionName.parse(slug)


def test_a_method_is_what_its_section_says_whatever_the_studys_intervention_is():
    methods = {"aura": {"method": "aura"}, "half": {"method": "damp", "strengths": [0.5]}}
    one, other = plan(methods=methods), plan(methods=methods, intervention__forced_value="median")
    for name, method, strength in (("aura", "aura", 1.0), ("half-x0.5", "damp", 0.5), ("half-x7", "damp", 7.0)):
        spec = json.loads(one.condition("demo", f"es-expert-max-k100-{name}"))
        assert (spec["method"], spec["strength"], spec["k"]) == (method, strength, 100)
        assert spec == json.loads(other.condition("demo", f"es-expert-max-k100-{name}"))
    assert one.condition("demo", "es-expert-max-k100") == plan().condition("demo", "es-expert-max-k100")


def test_the_responses_are_read_for_a_method_that_needs_them_alone():
    both = plan(methods={"act": {"method": "linear_act"}, "aura": {"method": "aura"}})
    slugs = ["es-expert-max-k100-act", "es-expert-max-k100-aura", "es-expert-max-k100"]
    assert [both.needs_responses(slug) for slug in slugs] == [True, False, False]
    specs = [json.loads(both.condition("demo", slug)) for slug in slugs]
    assert [spec.get("languages") for spec in specs] == [RAW["study"]["probing"]["languages"], None, None]


def test_a_layer_is_changed_by_methods_on_layers_and_units_by_those_on_units():
    both = comparing(BOTH)
    assert re.fullmatch(both.layer_pattern, "es-layer-caa")
    assert re.fullmatch(both.unit_pattern, "es-expert-max-k1-aura")
    for slug in ("es-layer-aura", "it-layer-caa", "es-expert-max-k1-caa"):
        assert not re.fullmatch(both.condition_pattern, slug)
    assert not re.fullmatch(plan().condition_pattern, "es-layer-caa")
    assert both.changed_layers == ["2"] and json.loads(both.layer_means("2"))["layer"] == 2
    spec = json.loads(both.layer_condition("demo", "es-layer-caa-x3"))
    assert (spec["target"], spec["layer"], spec["strength"]) == ("es", 2, 3.0)


def test_methods_are_swept_over_strengths_at_the_models_number_of_experts_alone():
    both = comparing(BOTH)
    assert [name for name in both.sweeps() if name.startswith("es-")] == ["es-max", "es-max-aura", "es-layer-caa"]
    assert [name for name in both.sweeps(compared=False) if name.startswith("es-")] == ["es-max"]
    assert both.sweep_by("demo", "es", "max", "aura") == ["es-expert-max-k100-aura"]
    assert both.sweep_by("demo", "es", None, "caa") == ["es-layer-caa", "es-layer-caa-x3"]


def test_the_comparison_has_a_row_for_each_pooling_method_and_strength():
    both = comparing(BOTH, experts__poolings=["max", "mean"])
    rows = json.loads(both.methods_table())["compared"]
    assert [(row["pooling"], row["method"], row["strength"]) for row in rows] == [
        (None, "none", 0.0),
        *(("max", "constant", None), ("max", "intervention", 1.0), ("max", "aura", 1.0)),
        *(("mean", "constant", None), ("mean", "intervention", 1.0), ("mean", "aura", 1.0)),
        *((None, "caa", 1.0), (None, "caa", 3.0)),
    ]
    slugs = {slug for row in rows for slugs in row["conditions"].values() for slug in slugs}
    assert slugs == {"base", *both.experts_of("demo"), *both.by_methods("demo")}


def test_methods_are_compared_on_some_targets_and_with_random_units_of_every_seed():
    methods = {"drawn": {"units": "random", "draw": "same_layers"}}
    comparison = {"methods": ["drawn"], "targets": ["ja"]}
    compared = plan(methods=methods, study__comparison=comparison, random_control__seeds=[0, 3])
    slugs = ["ja-random-max-k100-s0-drawn", "ja-random-max-k100-s3-drawn"]
    assert compared.by_methods("demo") == slugs == compared.sweep_by("demo", "ja", "max", "drawn")
    assert compared.by_methods("demo", ["es"]) == []
    assert "es-max-drawn" not in compared.sweeps() and "es-max" in compared.sweeps()
    spec = json.loads(compared.condition("demo", slugs[1]))
    assert (spec["units"], spec["seed"], spec["draw"], spec["values"]) == ("random", 3, "same_layers", "experts")
    rows = json.loads(compared.methods_table())["compared"]
    assert [list(row["conditions"]) for row in rows] == [["ja"]] * 4
    assert rows[-1]["conditions"]["ja"] == slugs


def test_what_is_fitted_layer_after_layer_is_made_by_a_rule_of_its_own():
    by_layer = comparing({"act": {"method": "linear_act_by_layer", "selection": "lape"}})
    assert by_layer.fitted_by_layer("es-expert-max-k100-act-x0.5")
    assert not re.fullmatch(by_layer.unit_pattern, "es-expert-max-k100-act")
    assert by_layer.uses_lape and not plan().uses_lape
    spec = json.loads(by_layer.by_layer_condition("demo", "es-expert-max-k100-act-x0.5"))
    assert (spec["selection"], spec["strength"], spec["sentences"]) == ("lape", 0.5, 100)


def test_the_pattern_of_conditions_admits_any_k_and_no_other_target():
    pattern = re.compile(plan().condition_pattern)
    for slug in ("base", "es-expert-max-k1", "ja-random-max-k20-s9"):
        assert pattern.fullmatch(slug)
    compared = re.compile(plan(methods={"aura": {"method": "aura"}}).condition_pattern)
    assert compared.fullmatch("es-random-max-k20-s9-aura")
    assert compared.fullmatch("es-expert-max-k1")
    assert not compared.fullmatch("es-expert-max-k1-det0")
    for slug in ("es-expert-max-k1-aura", "it-expert-max-k1", "es-expert-mean-k1", "es-random-max-k1", "base2"):
        assert not pattern.fullmatch(slug)


def test_paraphrases_are_embedded_in_the_target_alone_under_a_condition():
    assert plan().embedded_languages("base", "cldr-paws-x") == ["en", "de", "fr", "es", "ja"]
    assert plan().embedded_languages("es-expert-max-k100", "cldr-paws-x") == ["es"]
    assert plan().embedded_languages("es-expert-max-k100", "cldr-devtest") == LANGUAGES
    common = ["cldr-devtest", "cldr-paws-x", "cldr-tatoeba"]
    assert plan().datasets_under("es-expert-max-k100") == [*common, "cldr-topics"]
    assert plan().datasets_under("de-expert-max-k100") == [*common, "cldr-bucc18", "cldr-topics"]
    assert plan().datasets_under("de-random-max-k100-s0") == ["cldr-devtest", "cldr-paws-x"]


def numbers(plan: Plan) -> dict[int, str]:
    return {figure.number: figure.path for figure in plan.figures if figure.number is not None}


def test_what_probes_tell_follows_from_the_data_sets_that_there_are():
    assert list(plan().probed) == ["topics", "tags", "attachment"]
    assert "transfer/demo" in {figure.path for figure in plan().figures}
    assert plan().embedded_languages("es-expert-max-k100", "cldr-topics") == RAW["study"]["topics"]["languages"]
    assert list(plan(study__treebank=None).probed) == ["topics"]
    without = plan(study__treebank=None, study__topics=None)
    assert without.probed == {}
    assert "transfer" not in {figure.kind for figure in without.figures}
    assert not {"cldr-topics", "cldr-treebank"} & {*without.datasets, *without.embedded_datasets}


def test_figures_of_the_papers_study_have_the_papers_numbers():
    config = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "studies/paper.yaml").read_text()))  # as Snakemake does
    found = numbers(Plan(read_config(config, [])))
    assert sorted(found) == list(range(1, 33))
    assert found[3] == "projection/es"
    # Paper, appendix C: the models one after the other, each with English, Spanish, German, French, Japanese.
    assert [found[number] for number in (6, 7, 8, 9, 10, 11, 20)] == [
        *(f"projection/bloom-7b1/{target}" for target in ("en", "es", "de", "fr", "ja")),
        "projection/aya-23-8b/en",
        "projection/polylm-chat-13b/ja",
    ]
    assert found[22] == "retrieval_other_targets/aya-23-8b"
    assert found[26] == "retrieval_change_other_targets/polylm-chat-13b"
    assert (found[27], found[32]) == ("projection_random/bloom-7b1", "retrieval_random/polylm-chat-13b")


def test_numbers_keep_their_meaning_in_another_study():
    one = numbers(plan())
    assert sorted(one) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 24, 27, 30]
    assert one[30] == "retrieval_random/demo"
    targets = ["en", "es", "de", "fr", "ja", "it", "pt"]
    probing = {"dataset": "cldr-dev", "languages": [*targets, "zh"]}
    seven = plan(study__targets=targets, study__probing=probing)
    assert [numbers(seven)[number] for number in (6, 12)] == ["projection/demo/en", "projection/demo/pt"]
    assert numbers(seven)[21] == "retrieval_other_targets/demo"
    # What the paper has no number for is there by name.
    copies = {f"demo{copy}": RAW["models"]["demo"] for copy in range(4)}
    four = plan(models=copies, study__models=list(copies))
    assert {figure.number for figure in four.figures if figure.kind == "projection"} == {3, *range(6, 21), None}
    assert "retrieval_random/demo3" in {figure.path for figure in four.figures if figure.number is None}


ENCODERS = {
    "xlm-r": {"label": "XLM-R", "path": "x", "k": 3, "neurons": 400, "architecture": "encoder"},
    "mt5": {"label": "mT5", "path": "y", "k": 3, "neurons": 400, "architecture": "encoder_decoder"},
}


def test_models_that_write_no_text_have_no_sweep():
    of_both = plan(models={**RAW["models"], **ENCODERS}, study__models=["xlm-r", "demo", "mt5"])
    assert of_both.config.generating_models == ["demo"]
    assert numbers(of_both)[2] == "sweep"
    shown = json.loads(of_both.sweep_figure())
    assert [model["name"] for model in shown["models"]] == list(shown["chosen"]) == ["demo"]
    assert [model["name"] for model in shown["left_out"]] == ["xlm-r", "mt5"]
    assert of_both.why_no_sweep(["xlm-r", "demo"]) is None
    assert "xlm-r" in of_both.claims() and '"architecture":"encoder"' in of_both.claims()
    assert "architecture" not in plan().claims() and "left_out" not in plan().sweep_figure()

    alone = plan(models=ENCODERS, study__models=["xlm-r", "mt5"])
    assert alone.sweep_targets == []
    assert "cldr-wikipedia" in of_both.datasets and "cldr-wikipedia" not in alone.datasets
    assert sorted(numbers(alone)) == [1, *range(3, 16), 21, 22, 24, 25, 27, 28, 30, 31]
    reason = (
        "Perplexity and generation are left out for XLM-R (an encoder) and mT5 (an encoder-decoder, of which the "
        "encoder alone is measured)."
    )
    assert alone.why_no_sweep(["xlm-r", "mt5"]) == reason
    with pytest.raises(StudyError, match=re.escape(f"This study has no Figure 2. {reason}")):
        alone.figure(2)
    with pytest.raises(StudyError, match=r"This study has no Figure 33\. It has 1, 3, 4, 5, 6"):
        alone.figure(33)
    with pytest.raises(StudyError, match=r"no Figure 2\. study\.perplexity names no text in a target language"):
        plan(study__perplexity=None).figure(2)


def test_only_models_that_write_text_need_as_many_neurons_as_the_sweep_has():
    plan(models=ENCODERS, study__models=["xlm-r"])  # whose 400 neurons are fewer than the sweep's 1000
    with pytest.raises(StudyError, match=r"sweep\.ks: 1000 is more than the 400 neurons of models\.xlm-r"):
        plan(models={"xlm-r": {**ENCODERS["xlm-r"], "architecture": "causal"}}, study__models=["xlm-r"])


def test_every_figure_says_what_it_shows():
    there = plan()
    for figure in there.figures:
        if figure.kind != "sweep":
            assert re.fullmatch(there.figure_pattern(figure.kind), figure.path)
            assert there.contents(figure.path).units == ("random" if "random" in figure.kind else "expert")
    assert there.contents("projection/demo/de").targets == ["de"]
    assert there.contents("retrieval_other_targets/demo").targets == ["en", "de", "fr", "ja"]
    assert not re.fullmatch(there.figure_pattern("projection", "retrieval"), "projection/other/de")
    assert [panel["title"] for panel in there.panels(["demo"], ["de", "fr"])] == ["German", "French"]
    assert [panel["title"] for panel in there.panels(["demo"], ["de"])] == ["Demo BLOOM"]


def test_local_files_are_known_so_that_an_edited_one_is_read_again():
    local = {"source": "local", "layout": "flores200", "split": "dev"}
    plan_of_local = plan(datasets__local=local, study__probing__dataset="local", data_root="/data")
    files = plan_of_local.local_files("local")
    assert files[:2] == ["/data/flores200_dataset/dev/eng_Latn.dev", "/data/flores200_dataset/dev/deu_Latn.dev"]
    assert len(files) == 6
    assert plan_of_local.local_files("cldr-devtest") == []


def test_checkpoints_are_models_with_the_settings_of_theirs():
    there = plan(models__demo__train__checkpoints=[50, 0])
    assert there.checkpoints_of("demo") == {"demo-step0": 0, "demo-step50": 50}
    assert there.steps_of("demo") == {"demo-step0": 0, "demo-step50": 50, "demo": 450}
    assert there.nameable_models == ["demo", "demo-step0", "demo-step50"]
    assert there.expert("demo-step50", "es", "max") == "es-expert-max-k100"
    assert there.every_model["demo-step50"].label == "Demo BLOOM, step 50"
    described = [json.loads(there.model(name, "weights")) for name in ("demo", "demo-step50")]
    assert described[1] == {**described[0], "name": "demo-step50"}
    assert there.layer_embeddings("demo-step50", "base") == there.layer_embeddings("demo", "base")
    unkept = plan(models__demo__train__checkpoints=[])
    assert unkept.nameable_models == ["demo"] and unkept.kept_models == []
    assert there.datasets == unkept.datasets


@pytest.mark.parametrize(
    ("main", "further", "expected"),
    [
        ("last", [3, 0], {"0": "/layer-0", "3": "/layer-3", "last": ""}),
        (2, [3, 2, 0], {"0": "/layer-0", "2": "", "3": "/layer-3"}),
        ("last", [], {"last": ""}),
    ],
)
def test_layers_come_in_their_order_and_the_main_one_once(main, further, expected):
    there = plan(embeddings__layer=main, models__demo__layers=further)
    assert list(there.layers_of("demo").items()) == list(expected.items())
    assert there.layered_models == (["demo"] if further else [])
    assert ("layers/demo" in {figure.path for figure in there.figures}) == bool(further)
    for layer, path in expected.items():
        assert str(json.loads(there.abx(path))["layer"]) == layer
        assert re.fullmatch(LAYER_PATTERN, path)
    assert not re.fullmatch(LAYER_PATTERN, "/layer-x")


def test_mexas_pivot_is_english_or_the_first_language():
    assert plan().pivot == "en"
    without = [code for code in LANGUAGES if code != "en"]
    targets = {"study__targets": ["es"], "study__alignment__languages": without}
    assert plan(**targets).pivot == "th"


def test_a_table_of_similarities_is_known_so_that_an_edited_one_is_read_again(tmp_path):
    own = tmp_path / "own.csv"
    assert plan().similarity_files() == plan(similarity__file=str(own)).similarity_files() == []
    own.touch()
    assert plan(similarity__file=str(own)).similarity_files() == [str(own)]
