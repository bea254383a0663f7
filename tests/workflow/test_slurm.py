"""The workflow on a real Slurm: the same results, through jobs that fail, are preempted or cancelled."""

import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from running import copy_repository, run_snakemake, with_models_and_texts_alone
from slurm_cluster import slurm_cluster, submitted

pytestmark = pytest.mark.exhaustive

# The tests' Slurm has two cores and keeps no accounts; its jobs end within seconds.
TINY = ("--configfile", "tiny.yaml", "--cores", "2", "--latency-wait", "10", "--seconds-between-status-checks", "2")
SLURM = (
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"),
)
# Half a gigabyte is less than torch needs, so that the first attempt is ended; the next has five times as much.
TOO_LITTLE = "mem_mb=300 * 5 ** (attempt - 1)"
ON_A_GPU = ("--config", "models={tiny: {device: auto}}")
# What is embedded under a condition: the parallel corpus by two layers, paraphrases, Tatoeba, BUCC-18, topics.
CELLS = {"base": 4 * 2 + 2 + 1 + 1 + 3, "es-expert-max-k5": 4 * 2 + 1 + 1 + 1 + 3}
# A job that wants the whole node, in the partition that goes first.
TAKE_ITS_PLACE = ["sbatch", "--partition=main", "--cpus-per-task=2", "--mem=100", "--output=/dev/null", "--wrap=true"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Slurm, for the tests of this module."""
    with slurm_cluster(tmp_path_factory.mktemp("slurm")):
        yield


def stop_at_the_first_language(folder: Path, condition: str, running: Future) -> None:
    """Wait until an embeddings job has finished a language, and stop its process there."""
    while not running.done():
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode().split("\0")
                ours = (
                    "workflow_scripts.embeddings.embed_sentences" in command
                    and (process / "cwd").resolve() == folder.resolve()
                )
            except OSError:  # it has ended
                continue
            if ours and any(f"/{condition}/" in argument for argument in command):
                log = folder / f"results/logs/embed_sentences/tiny/{condition}.log"
                while process.exists():
                    if log.exists() and log.read_text().count("embedding ") >= 2:
                        os.kill(int(process.name), signal.SIGSTOP)
                        return
                    time.sleep(0.002)
        time.sleep(0.02)
    pytest.fail(f"no embeddings job of {condition} was seen: {running.result().stdout[-6000:]}")


@pytest.fixture(scope="module")
def through_slurm(slurm, finished, tmp_path_factory) -> Path:
    """Table 2 made on the cluster, while one job is ended for its memory, one is preempted and one is cancelled."""
    folder = with_models_and_texts_alone(finished, tmp_path_factory.mktemp("on a cluster") / "the study")
    with ThreadPoolExecutor(3) as pool:
        arguments = (
            "results/table2.csv",
            *TINY,
            *SLURM,
            *ON_A_GPU,
            "--set-resources",
            f"record_responses:{TOO_LITTLE}",
        )
        running = pool.submit(run_snakemake, folder, *arguments, variables={"SBATCH_PARTITION": "other"})
        interrupted = [
            pool.submit(interrupt, folder, condition, command, running)
            for condition, command in (("base", TAKE_ITS_PLACE), ("es-expert-max-k5", ["scancel", "{job}"]))
        ]
        for done in (running, *interrupted):
            done.result()
    return folder


def interrupt(folder: Path, condition: str, command: list[str], running: Future) -> None:
    """Wait until a condition's embeddings job has finished a language, stop it there, and tell Slurm to end it."""
    stop_at_the_first_language(folder, condition, running)
    (job,) = [job for job in submitted("rule_embed_sentences") if condition in job["Comment"]]
    subprocess.run([argument.format(job=job["JobId"]) for argument in command], check=True)


def test_table_2_is_the_same(through_slurm, finished):
    made, expected = (folder / "results/table2.csv" for folder in (through_slurm, finished))
    assert made.read_bytes() == expected.read_bytes()


def test_a_job_ended_for_its_memory_is_submitted_again_with_more(through_slurm):
    jobs = submitted("rule_record_responses")
    assert [job["JobState"] for job in jobs][-1] == "COMPLETED"
    assert [job["MinMemoryNode"] for job in jobs] == ["300M", "1500M"]


@pytest.mark.parametrize("condition", ["base", "es-expert-max-k5"])
def test_an_interrupted_model_job_computes_no_finished_language_again(through_slurm, condition):
    log = (through_slurm / f"results/logs/embed_sentences/tiny/{condition}.log").read_text()
    # Layers share a pass, and each has a cell.
    computed = re.findall(r"embedding (\S+ \w+):", log)
    found = log.count("found in the cache")
    layers = sum(2 if dataset.startswith("tiny-devtest") else 1 for dataset in computed)
    assert found >= 1
    assert found + layers == CELLS[condition]


def test_a_preempted_job_waits_in_the_queue_and_a_cancelled_one_is_submitted_again_with_more(through_slurm):
    (preempted,) = [job for job in submitted("rule_embed_sentences") if "base" in job["Comment"]]
    assert (preempted["JobState"], preempted["Restarts"]) == ("COMPLETED", "1")
    cancelled = [job for job in submitted("rule_embed_sentences") if "es-expert" in job["Comment"]]
    assert [job["JobState"] for job in cancelled] == ["CANCELLED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in cancelled] == ["4000M", "8000M"]


def test_model_jobs_ask_for_a_gpu_and_all_for_the_users_partition(through_slurm):
    jobs = submitted("rule_")
    with_gpu = {
        re.sub(r"_\d+$", "", job["Comment"].split("_wildcards_")[0])
        for job in jobs
        if job.get("TresPerJob") == "gres:gpu:1"
    }
    assert with_gpu == {"rule_record_responses", "rule_embed_sentences"}
    assert {job["Partition"] for job in jobs} == {"other"}


def test_what_jobs_ask_for_runs_nothing_again(finished):
    results = ("results/table2.csv", "results/table7.csv", "results/claims.csv")
    larger = ("--workflow-profile", "profiles/slurm", "--config", "models={tiny: {billion_parameters: 70}}")
    planned = run_snakemake(finished, *results, "-n", "--configfile", "tiny.yaml", *larger)
    assert "Nothing to be done" in planned.stdout


def test_the_papers_jobs_ask_for_a_gpu_and_room_for_their_model(tmp_path):
    folder = copy_repository(tmp_path / "study")
    paper = ("--configfile", "studies/paper.yaml", "--workflow-profile", "profiles/slurm")
    planned = run_snakemake(folder, "-n", *paper).stdout
    for model, memory in (("bloom-7b1", 25_300), ("aya-23-8b", 28_000), ("polylm-chat-13b", 43_000)):
        jobs = re.findall(
            rf"rule record_responses:\n(?: .*\n)*? +wildcards: model={model}\n +threads: .*\n +resources: (.*)", planned
        )
        assert len(jobs) == 1
        assert f"mem_mb={memory}," in jobs[0]
        assert "gpu=1" in jobs[0]
        assert planned.count(f"Group job conditions_{model} ") == 2  # of 55 conditions


def test_short_jobs_are_submitted_together(through_slurm):
    # Two conditions on experts; a space measured under three.
    assert len(submitted("rule_conditions_tiny")) == 1
    assert len(submitted("rule_metrics_tiny")) == 1
    assert not submitted("rule_measure_space") + submitted("rule_choose_units")


def test_another_way_to_submit_notices_what_the_scheduler_ended_and_submits_it_again(slurm, finished, study):
    made = "results/embeddings/tiny/base/tiny-paws-x.h5"
    (study / made).unlink()
    shutil.rmtree(study / "cache")
    before = len(submitted(""))
    (rule,) = re.findall(r"rule (embed_sentences\w*):", run_snakemake(study, "-n", made, *TINY).stdout)
    generic = ("--workflow-profile", "profiles/cluster-generic", "--set-resources", f"{rule}:{TOO_LITTLE}")
    run_snakemake(study, made, *TINY, *generic)
    assert (study / made).read_bytes() == (finished / made).read_bytes()
    assert [(job["JobState"], job["MinMemoryNode"]) for job in submitted("")[before:]] == [
        ("FAILED", "300M"),
        ("COMPLETED", "1500M"),
    ]
