"""The Snakemake workflow catalog's standardised usage: what it reads is there; what snakedeploy makes of it runs."""

import re
import shutil
import subprocess

import yaml
from running import ROOT, SMALLEST, copy_repository, run_snakemake

from workflow_scripts.config.study import read_config

# As snakedeploy 0.17 writes it.
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/owner/steering-embedding-spaces as a module
module steering_embedding_spaces:
    snakefile:
        github("owner/steering-embedding-spaces", path="workflow/Snakefile", tag="v0.0.1")
    config:
        config


# use all rules from https://github.com/owner/steering-embedding-spaces
use rule * from steering_embedding_spaces
"""


def test_the_catalogs_snakefile_runs_in_any_folder_by_its_config_or_the_repositorys(tmp_path):
    catalogs = ("-n", "--snakefile", str(ROOT / "workflow/Snakefile"))
    default = run_snakemake(tmp_path, *catalogs).stdout
    assert "results/texts/cldr-devtest.parquet" in default
    planned = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", default, flags=re.MULTILINE)}
    assert {"standard", "table2", "write_report", "metrics"} <= set(planned)
    assert planned["list_experts"] == 5
    shutil.copy(SMALLEST, tmp_path / "config.yaml")
    own = run_snakemake(tmp_path, "texts", *catalogs).stdout
    assert "results/texts/tiny-devtest.parquet" in own and "cldr-devtest" not in own


def test_what_snakedeploy_makes_of_it_runs(tmp_path):
    """The repository is read from GitHub, for which a folder stands in."""
    hosted = copy_repository(tmp_path / "hosts/owner/steering-embedding-spaces")
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, hosted / name, symlinks=True)
    git = ["git", "-C", str(hosted), "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v0.0.1"]):
        subprocess.run([*git, *command], check=True)
    project = tmp_path / "project"
    (project / "workflow").mkdir(parents=True)
    (project / "workflow/Snakefile").write_text(DEPLOYED)
    for name in ("config", "profiles"):
        shutil.copytree(hosted / name, project / name)  # so does snakedeploy; a link becomes a file
    assert (project / "config/config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{tmp_path}/hosts/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    wanted = "results/texts/cldr-devtest.parquet"
    done = run_snakemake(project, wanted, "--cores", "1", variables=variables)
    assert (project / wanted).stat().st_size > 0, done.stdout
    assert not (hosted / "results").exists()
    assert "Nothing to be done" in run_snakemake(project, wanted, "-n", variables=variables).stdout


def test_the_example_of_the_catalogs_page_is_a_study():
    page = (ROOT / "config/README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.+?)```", page, flags=re.DOTALL)
    study = read_config(yaml.safe_load(example.replace("<40 hexadecimal digits>", f"'{'0' * 39}1'")), [])
    assert study.study.targets == ["es", "ja"]


def test_the_catalogs_settings_are_those_that_it_knows():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage == {"software-stack-deployment": {"conda": True, "report": True}, "report": True}
