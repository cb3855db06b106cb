#!/usr/bin/env bash
# Asks for a TPU slice and waits until it is there.
#
#     tpu_scripts/create.sh [--dry-run]
#
# What is asked for stands in settings.sh.
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

options=()
if [[ $SPOT == yes ]]; then
  options=(--spot)
fi
cloud compute tpus queued-resources create "$NAME" --node-id="$NAME" \
  "${place[@]}" --accelerator-type="$ACCELERATOR" \
  --runtime-version="$RUNTIME" "${options[@]}"
if [[ $dry_run == yes ]]; then
  exit 0
fi
while :; do
  now=$(state)
  say "$(date +%T) $NAME: $now"
  case $now in
    ACTIVE) exit 0 ;;
    FAILED | SUSPENDED | NONE)
      say "There is no TPU: delete.sh, then another ZONE in settings.sh."
      exit 1
      ;;
  esac
  sleep "$SECONDS_BETWEEN"
done
