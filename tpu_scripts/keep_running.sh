#!/usr/bin/env bash
# From nothing to a finished run, on TPUs that may be taken away: creates the
# slice, sets it up, starts the run, watches it, and does so again whenever the
# slice is gone. Run it where it can stay: in tmux, or on a small machine.
#
#     tpu_scripts/keep_running.sh pretrain --data=arrayrecord:gs://... ...
#
# The run goes on from BUCKET, which must be set.
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

if (($# == 0)); then
  say "Say a simclr command: tpu_scripts/keep_running.sh pretrain --data=..."
  exit 2
fi
if [[ -z $BUCKET ]]; then
  say "Set BUCKET in settings.sh: without it nothing outlives a TPU."
  exit 2
fi
if [[ $dry_run == yes ]]; then
  for step in delete create setup; do
    "$here/$step.sh" --dry-run
  done
  "$here/run.sh" --dry-run "$@"
  exit 0
fi

start() {
  if [[ $(state) != NONE ]]; then
    "$here/delete.sh"
  fi
  "$here/create.sh" && "$here/setup.sh" && "$here/run.sh" "$@"
}

while :; do
  if [[ $(state) != ACTIVE ]]; then
    say "$(date +%T) No TPU; asking for one."
    start "$@" || say "$(date +%T) That failed; once more, later."
  else
    # A line of each host; where one runs still, run.sh leaves it alone.
    status=$(on all "cat simclr/run.status" || echo unknown)
    say "$(date +%T) ${status//$'\n'/, }"
    case $status in
      *failed*) exit 1 ;;
      *stopped*) "$here/run.sh" "$@" || say "$(date +%T) Once more, later." ;;
      *running* | *unknown*) ;;
      *finished*) exit 0 ;;
    esac
  fi
  sleep "$SECONDS_BETWEEN"
done
