"""Users of one group share a cache: what one has computed another finds, and what is damaged either replaces."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUP, ANNA, BEN = 50_000, 50_001, 50_002
# Python's own files may be out of other users' reach, so all is imported before the user is changed.
SCRIPT = """
import os, sys
from pathlib import Path
import h5py
from workflow_scripts.jobs.cells import CellStore

def compute(file):
    file.create_dataset("values", data=[user], chunks=(1,), fletcher32=True)

def work(user):
    os.setgroups([group]); os.setgid(user); os.setuid(user); os.umask(0o002)
    path = CellStore(Path(sys.argv[1]), "embeddings").get({"language": "es"}, compute)
    with h5py.File(path) as file:
        print(user, file["values"][0], flush=True)
    return path

group = int(sys.argv[2])
for user, damages in zip(map(int, sys.argv[3:]), (False, True, False)):
    if not os.fork():
        path = work(user)
        if damages:
            path.write_bytes(path.read_bytes()[:-50])
        os._exit(0)
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_users_find_each_others_cells_and_replace_damaged_ones():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        cache = Path(folder, "cache")
        cache.mkdir()
        os.chown(cache, 0, GROUP)
        cache.chmod(0o2775)
        users = [str(user) for user in (ANNA, BEN, BEN)]
        command = [sys.executable, "-c", SCRIPT, str(cache), str(GROUP), *users]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    # Who asked, and who had computed what was found.
    assert done.stdout.splitlines() == [f"{ANNA} {ANNA}", f"{BEN} {ANNA}", f"{BEN} {BEN}"]
