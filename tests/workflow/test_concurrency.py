"""Several runs of Snakemake at a time: in one folder, and of two studies that share a cache."""

import re
import time

import pytest
from running import copy_repository, run_snakemake, start_snakemake

FILES = ["metrics/tiny/es-expert-max-k5/tiny-devtest/distances.csv", "sweeps/tiny/es-max/language_id.csv"]
COMPUTED = re.compile(
    r"^(\S+: embedding \S+ \S+ \S+|responses to \S+|generating, .+ conditions): .* done$", re.MULTILINE
)
# Of the unintervened model and on experts: 4 languages of the parallel corpus, 2 and 1 of PAWS-X with both sentences,
# both sides of Tatoeba and of BUCC-18, 3 languages of topics. The parallel corpus has a cell for each of two layers.
EMBEDDED = (4 + 4 + 2 + 2 + 3) + (4 + 2 + 2 + 2 + 3)
LAYERED = 2 * 4


def command(results: str) -> list[str]:
    arguments = ("--cores", "2", "--configfile", "tiny.yaml", "--config", f"results={results}")
    return [*(f"{results}/{path}" for path in FILES), *arguments]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two studies run at the same time, and what a second Snakemake said that wanted to run one of them too."""
    folder = copy_repository(tmp_path_factory.mktemp("concurrency") / "study")
    running = [start_snakemake(folder, *command(results)) for results in ("one", "two")]
    try:
        while "Execute " not in (folder / "snakemake.out").read_text():
            assert all(run.poll() is None for run in running)
            time.sleep(0.05)
        while not list((folder / ".snakemake/locks").glob("*")):
            time.sleep(0.05)
        refused = run_snakemake(folder, *command("one"), check=False)
        codes = [run.wait(timeout=600) for run in running]
    finally:
        for run in running:
            run.kill()
    return folder, refused, codes


def test_a_second_snakemake_in_one_folder_says_so_and_changes_nothing(runs, finished):
    folder, refused, codes = runs
    assert refused.returncode == 1
    assert "cannot be locked" in refused.stdout
    assert "no other Snakemake process is trying to create the same files" in refused.stdout
    assert "Execute" not in refused.stdout
    assert codes == [0, 0]
    for path in FILES:
        assert (folder / "one" / path).read_bytes() == (finished / "results" / path).read_bytes()


def test_two_studies_that_share_a_cache_compute_each_language_once(runs, finished):
    folder, _, codes = runs
    assert codes == [0, 0], (folder / "snakemake.out").read_text()[-3000:]
    for path in FILES:
        assert (folder / "two" / path).read_bytes() == (finished / "results" / path).read_bytes()
    logs = [path for results in ("one", "two") for path in (folder / results / "logs").rglob("*.log")]
    computed = [what for path in logs for what in COMPUTED.findall(path.read_text())]
    assert len(computed) == len(set(computed)) == EMBEDDED + 4 + 2
    cells = sum(path.suffix == ".h5" for path in (folder / "cache").rglob("*"))
    assert cells == EMBEDDED + LAYERED + 4 + 3 * 2
    found = sum(path.read_text().count("found in the cache") for path in logs)
    assert found == cells
    assert not list(folder.rglob("*.partial*"))
