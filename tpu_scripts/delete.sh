#!/usr/bin/env bash
# Gives the TPU back: from then on it costs nothing. Its disk goes with it.
#
#     tpu_scripts/delete.sh [--dry-run]
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

cloud compute tpus queued-resources delete "$NAME" "${place[@]}" --force --quiet
