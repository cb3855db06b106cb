#!/usr/bin/env bash
# Starts a training on the TPU, and leaves it running there.
#
#     tpu_scripts/run.sh [--dry-run] pretrain --data=arrayrecord:gs://... ...
#
# Everything after run.sh is a simclr command without --workdir and --strategy.
# On the TPU worker.sh runs it: after a SIGTERM, or where it failed, it goes on
# from its last checkpoint. follow.sh shows it, fetch.sh brings its run folder.
# A pod is driven by its first worker, through TensorFlow servers that the pod's
# RUNTIME starts on all of them.
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

if (($# == 0)); then
  say "Say a simclr command: tpu_scripts/run.sh pretrain --data=..."
  exit 2
fi
if [[ $SPOT == yes && -z $BUCKET ]]; then
  say "Note: SPOT=yes and no BUCKET: when the TPU is taken, its run is lost."
fi
driver=()
if is_pod; then
  driver=(TPU_NAME="$NAME" TPU_LOAD_LIBRARY=0)
fi
command=$(printf ' %q' .venv/bin/simclr "$@" --workdir="$WORKDIR" --strategy=tpu)
on 0 "cd simclr
$(printf '%q ' env "${driver[@]}" BUCKET="$BUCKET" \
  SECONDS_BETWEEN_COPIES="$SECONDS_BETWEEN_COPIES") \
setsid nohup tpu_scripts/worker.sh $(printf '%q' "$WORKDIR")$command \
</dev/null >>run.log 2>&1 &"
