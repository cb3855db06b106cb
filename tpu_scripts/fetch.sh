#!/usr/bin/env bash
# Brings the run folder here, from BUCKET or else from the TPU.
#
#     tpu_scripts/fetch.sh [--dry-run] [FOLDER]
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

target=${1:-$WORKDIR}
mkdir -p "$target"
if [[ -n $BUCKET ]]; then
  cloud storage rsync --recursive "$BUCKET/$WORKDIR" "$target"
else
  cloud compute tpus tpu-vm scp --recurse "$NAME:simclr/$WORKDIR/*" "$target" \
    "${place[@]}" --worker=0
fi
