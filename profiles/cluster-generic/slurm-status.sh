#!/bin/sh
# Tells whether a Slurm job is running (or waiting), ended with success, or failed.
# Where squeue no longer knows a job that has ended, sacct may; a preempted job waits for its next start.
state=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>/dev/null) ||
  state=$(sacct --noheader --allocations --format=State --jobs="$1" 2>/dev/null | cut -d ' ' -f 1 | tail -n 1)
case $state in
  COMPLETED) echo success ;;
  BOOT_FAIL | CANCELLED* | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
  *) echo running ;;
esac
