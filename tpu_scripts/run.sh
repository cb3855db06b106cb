#!/usr/bin/env bash
# Starts a training on the TPU, and leaves it running there.
#
#     tpu_scripts/run.sh [--dry-run] pretrain --data=arrayrecord:gs://... ...
#
# Everything after run.sh is a simclr command without --workdir and --strategy.
# On the TPU worker.sh runs it: after a SIGTERM, or where it failed, it goes on
# from its last checkpoint. follow.sh shows it, fetch.sh brings its run folder.
# A pod's hosts each run it, by PJRT, and begin with what BUCKET has.
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

if (($# == 0)); then
  say "Say a simclr command: tpu_scripts/run.sh pretrain --data=..."
  exit 2
fi
if [[ $SPOT == yes && -z $BUCKET ]]; then
  say "Note: SPOT=yes and no BUCKET: when the TPU is taken, its run is lost."
fi
where=0 host=0 slice='' options=(--strategy=tpu)
if is_pod; then
  if [[ -z $BUCKET ]]; then
    say "Set BUCKET in settings.sh: the hosts of $ACCELERATOR share no disk."
    exit 2
  fi
  # Where jax finds it, too.
  number=http://metadata.google.internal/computeMetadata/v1/instance
  number+=/attributes/agent-worker-number
  where=all slice=NAME
  if [[ $dry_run == no ]] && ! slice=$(describe createTime); then
    say "There is no TPU: create.sh."
    exit 1
  fi
  host="\$(curl -sf -H 'Metadata-Flavor: Google' $number)"
  options=(--engine=pjrt --strategy=multiworker)
fi
command=$(printf ' %q' .venv/bin/simclr "$@" --workdir="$WORKDIR" \
  "${options[@]}")
on "$where" "cd simclr
HOST_INDEX=$host || exit
$(printf '%q ' env BUCKET="$BUCKET" SLICE="$slice" \
  SECONDS_BETWEEN_COPIES="$SECONDS_BETWEEN_COPIES")HOST_INDEX=\"\$HOST_INDEX\" \
setsid nohup tpu_scripts/worker.sh $(printf '%q' "$WORKDIR")$command \
</dev/null >>run.log 2>&1 &"
