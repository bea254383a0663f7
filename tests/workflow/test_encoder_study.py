"""A study of an encoder alone: all is made but perplexity, generation and Figure 2; and an mT5 beside it."""

import re

import pandas as pd
import pytest
import yaml
from running import EVERYTHING, copy_repository, run_snakemake
from tiny_encoders import save_mt5, save_xlmr

MODELS = {
    "xlm-r": {"label": "Tiny XLM-R", "architecture": "encoder", "path": "xlm-r", "k": 5, "neurons": 160},
    "mt5": {"label": "Tiny mT5", "architecture": "encoder_decoder", "path": "mt5", "k": 5, "neurons": 256},
}
OVERLAY = {
    "study": {
        "models": ["xlm-r"],
        "targets": ["es"],
        # Left out for time: they run the same stages.
        **dict.fromkeys(["translation", "mining", "topics", "treebank", "comparison"]),
    },
    "models": MODELS,
    "random_control": {"seeds": []},
    "sweep": {"ks": [0, 1000]},  # more than there are neurons, but nothing is swept
    "compute": {"device": "cpu", "threads": 1},
}
ENCODER = "Perplexity and generation are left out for Tiny XLM-R (an encoder)"
CONFIGS = ("--configfile", "tiny.yaml", "encoders.yaml")
BOTH = (*CONFIGS, "both.yaml")


@pytest.fixture(scope="module")
def encoders(finished, tmp_path_factory):
    """The folder of the finished study."""
    folder = copy_repository(tmp_path_factory.mktemp("encoders") / "study")
    sentences = pd.read_parquet(finished / "results/texts/tiny-dev.parquet")["text"].tolist()
    save_xlmr(folder / "xlm-r", sentences, pieces=400)
    save_mt5(folder / "mt5", sentences, pieces=400)
    (folder / "encoders.yaml").write_text(yaml.safe_dump(OVERLAY))
    (folder / "both.yaml").write_text(yaml.safe_dump({"study": {"models": [*MODELS]}}))
    run_snakemake(folder, *EVERYTHING, "--cores", "2", *CONFIGS)
    return folder


def test_everything_but_what_needs_text_is_there_and_the_report_says_so(encoders):
    results = encoders / "results"
    for name in ("table1", "table2", "table3", "table4", "centred", "abx", "replication"):
        assert (results / f"{name}.csv").stat().st_size > 0
    assert sorted(path.name for path in results.glob("figure*.pdf")) == [f"figure{n}.pdf" for n in (1, 3, 4, 5, 6)]
    assert not (results / "sweeps").exists()
    assert not (results / "texts/tiny-wikipedia.parquet").exists()
    report = re.sub(r"\s+", " ", (results / "report.html").read_text())
    assert f"{ENCODER}. So there is no Figure 2." in report
    for name in ("claims", "compute"):
        assert f"{ENCODER}." in (results / f"{name}.md").read_text()
    claim = pd.read_csv(results / "claims.csv").set_index("claim").loc["perplexity_is_higher"]
    assert (claim["holds"], claim["measured"]) == ("undefined", "the model writes no text: it is an encoder")
    stages = set(pd.read_csv(results / "compute.csv")["stage"])
    assert {"record_responses", "embed_sentences"} <= stages
    assert not {"generate_texts", "measure_perplexity"} & stages


def test_an_encoder_decoder_is_intervened_on_and_measured(encoders):
    retrieval = "results/metrics/mt5/es-expert-max-k5/tiny-devtest/retrieval.csv"
    done = run_snakemake(encoders, "--cores", "2", retrieval, *BOTH).stdout
    # Describe, record, rank, choose; embed as it is, too, which takes a condition that changes nothing; measure.
    assert "8 of 8 steps (100%) done" in done
    assert pd.read_csv(encoders / retrieval)["accuracy"].between(0, 1).all()


REFUSED = {
    "figure2.pdf": f"This study has no Figure 2. {ENCODER} and Tiny mT5 (an encoder-decoder",
    "sweeps/mt5/es-max/language_id.csv": "left out for Tiny mT5 (an encoder-decoder, of which the encoder alone is",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_needs_text_is_refused_by_name(encoders, path):
    refused = run_snakemake(encoders, "-n", f"results/{path}", *BOTH, check=False)
    assert refused.returncode == 1
    assert REFUSED[path] in refused.stdout
