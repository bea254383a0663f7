"""The site of docs/: it is built without a warning, every page is in it, and no link of a page leads nowhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from markdown.extensions.toc import slugify
from snakemake.utils import update_config

import workflow_scripts
from workflow_scripts.config.study import read_config

ROOT = Path(__file__).parents[2]
BESIDE = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "profiles/README.md"]  # no pages of it


def build(config: Path, site: Path) -> subprocess.CompletedProcess:
    """Build a site as `make docs` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += ["--config-file", str(config), "--site-dir", str(site)]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)


def test_the_site_is_built_without_a_warning(tmp_path):
    done = build(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    for page in (ROOT / "docs").glob("*.*"):
        if page.suffix in (".md", ".ipynb"):
            html = (tmp_path / page.with_suffix(".html").name).read_text(encoding="utf-8")
            assert 'aria-label="Navigation"' in html, page
    for name in workflow_scripts.__all__:  # with their docstrings
        assert re.search(rf'id="workflow_scripts\.[\w.]+\.{name}"', (tmp_path / "functions.html").read_text()), name
    assert "image/png" in (tmp_path / "notebook.html").read_text(encoding="utf-8")


def test_a_link_to_nowhere_ends_the_build(tmp_path):
    """By the same settings, in a site of two pages."""
    (validation,) = re.findall(r"^validation:\n(?: .+\n)+", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    (tmp_path / "mkdocs.yml").write_text(f"site_name: Two\nplugins: []\nnav: [index.md, other.md]\n{validation}")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Here\n\n[other](other.md#other)\n")
    (tmp_path / "docs/other.md").write_text("# Other\n\n[back](index.md#here)\n")
    assert build(tmp_path / "mkdocs.yml", tmp_path / "site").returncode == 0
    broken = ["none1.md", "#none2", "index.md#none3", "images/none4.png"]
    (tmp_path / "docs/other.md").write_text("\n".join(["# Other", *(f"[a]({link})" for link in broken)]))
    (tmp_path / "docs/omitted.md").write_text("# Omitted\n")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert all(link in done.stderr for link in [*broken, "omitted.md"])


def test_the_tutorials_overlay_is_a_study():
    (overlay,) = re.findall(r"```yaml\n(.+?)```", (ROOT / "docs/tutorial.md").read_text(), flags=re.DOTALL)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load(overlay))
    study = read_config(config, [])
    assert (study.results, study.study.targets, study.models["gemma"].k) == ("results-mine", ["es", "ja"], 200)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"^```.+?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {slugify(re.sub(r"[*`]|\[(.+?)\]\(.+?\)", r"\1", heading), "-") for heading in headings}


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_beside_the_site_links_to_what_is_there(name):
    page = ROOT / name
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
        path, _, anchor = "".join(link).partition("#")
        if "://" in path:
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name}: {path}"
        assert not anchor or anchor in anchors(linked), f"{name}: {path}#{anchor}"
