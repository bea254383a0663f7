"""A real Slurm on this machine for the time of the tests: one node, two partitions, two GPUs that exist by name only.

Jobs read /etc/slurm/slurm.conf whatever the environment says, so the configuration is put there, and what was there is
put back. The daemons are children of this process and end with it.
"""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PACKAGES = ["slurm-wlm", "munge"]
COMMANDS = ["slurmctld", "slurmd", "munged", "sbatch"]
CONFIGURATION = Path("/etc/slurm/slurm.conf")
GPUS = Path("/etc/slurm/gres.conf")
GPU_FILES = "Name=gpu Type=fake File=/dev/null\nName=gpu Type=fake File=/dev/zero\n"  # any two devices
MUNGE = ["--reuid", "munge", "--regid", "munge", "--init-groups"]  # the user of that daemon
SECONDS_TO_START = 30


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[None]:
    """Run Slurm in the block, with its state and logs in `folder`; skip the test where that cannot be done."""
    if os.getuid() != 0:
        pytest.skip("Slurm's daemons are started by root only")
    _install()
    if subprocess.run(["sinfo"], capture_output=True).returncode == 0:
        pytest.skip("this machine has a Slurm of its own")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_replaced(CONFIGURATION, _configuration(folder)))
        stack.enter_context(_replaced(GPUS, GPU_FILES))
        if subprocess.run(["munge", "-n"], capture_output=True).returncode != 0:
            stack.enter_context(_munge(folder))
        stack.enter_context(_daemon(["slurmctld", "-D", "-c"], folder / "slurmctld.out"))
        stack.enter_context(_daemon(["slurmd", "-D"], folder / "slurmd.out"))
        _wait_until(lambda: "idle" in _output("sinfo", "--noheader", "--format=%t"), folder)
        try:
            yield
        finally:
            subprocess.run(["scancel", f"--user={getpass.getuser()}"], check=True)
            _wait_until(lambda: not _output("squeue", "--noheader"), folder)


def submitted(rule: str) -> list[dict[str, str]]:
    """What Slurm knows of the jobs of a rule or group that names it, in the order of submission."""
    records = _output("scontrol", "--oneliner", "show", "job").splitlines()
    jobs = [dict(re.findall(r"(\S+?)=(\S*)", record)) for record in records]
    return [job for job in jobs if job.get("Comment", "").startswith(rule)]


def _install() -> None:
    if all(map(shutil.which, COMMANDS)):
        return
    if not shutil.which("apt-get"):
        pytest.skip("Slurm is not installed, nor is apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "--quiet=2", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"Slurm cannot be installed: {done.stderr.strip().splitlines()[-1:]}")


def _configuration(folder: Path) -> str:
    host = socket.gethostname().split(".")[0]
    return f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job is requeued only if it says so, and starts again after so many seconds.
JobRequeue=0
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
# A job is ended that takes more memory than it asked for.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
MinJobAge=3600
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 Gres=gpu:fake:2 State=UNKNOWN
# Jobs in the first partition take the place of those in the second.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES PriorityTier=2 State=UP
PartitionName=other Nodes=ALL PriorityTier=1 State=UP
"""


@contextmanager
def _replaced(path: Path, text: str) -> Iterator[None]:
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@contextmanager
def _munge(folder: Path) -> Iterator[None]:
    for name in ("run", "var/log", "var/lib"):
        directory = Path("/", name, "munge")
        directory.mkdir(exist_ok=True)
        shutil.chown(directory, "munge", "munge")
    with _daemon(["munged", "--foreground"], folder / "munged.out", MUNGE):
        _wait_until(lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0, folder)
        yield


@contextmanager
def _daemon(command: list[str], log: Path, options: Sequence[str] = ()) -> Iterator[None]:
    with log.open("w") as out:
        # It ends with this process, even if that is killed.
        running = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *options, *command], stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait(timeout=60)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def _wait_until(holds: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not holds():
        logs = {path.name: path.read_text(errors="replace")[-2000:] for path in folder.glob("*.out")}
        assert time.monotonic() < deadline, f"Slurm does not answer: {logs}"
        time.sleep(0.2)
