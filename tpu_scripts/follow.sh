#!/usr/bin/env bash
# Shows what the run on the TPU writes, from its last lines on. Ctrl-C leaves it
# running.
#
#     tpu_scripts/follow.sh [--dry-run]
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

on 0 "tail -n 40 -F simclr/run.log"
