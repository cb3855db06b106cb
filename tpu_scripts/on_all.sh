#!/usr/bin/env bash
# Runs a shell command on every worker.
#
#     tpu_scripts/on_all.sh [--dry-run] 'df -h /'
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

if (($# != 1)); then
  say "Say one command: tpu_scripts/on_all.sh 'df -h /'"
  exit 2
fi
on all "$1"
