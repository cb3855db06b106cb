#!/usr/bin/env bash
# Runs a training to its end, whatever happens in between. (run.sh calls it, on
# the TPU.)
#
#     worker.sh WORKDIR COMMAND ...
#
# Exit status 75 is a run that was stopped and saved: it goes on. So does one
# that failed, up to TRIES times in a row; bad input (status 2) does not. A
# SIGTERM to this script itself means that the machine goes away: it is passed
# on, the run saves, and this script ends with 75. With BUCKET the run folder
# comes from there before, and is copied there meanwhile and after.
set -uo pipefail

workdir=$1
shift
: "${BUCKET:=}"
: "${TRIES:=3}"
: "${SECONDS_BETWEEN_COPIES:=600}"
status_file=${STATUS_FILE:-run.status}
child=
copier=
leaving=no

copy() {
  if [[ -n $BUCKET && -d $1 || $1 == gs://* ]]; then
    gcloud storage rsync --recursive --quiet "$1" "$2"
  fi
}

keep_copying() {
  trap 'kill "$!"; exit' TERM
  while :; do
    sleep "$SECONDS_BETWEEN_COPIES" &
    wait "$!"
    copy "$workdir" "$BUCKET/$workdir"
  done
}

leave() {
  leaving=yes
  if [[ -n $child ]]; then
    kill -TERM "$child" 2>/dev/null
  fi
}

trap leave TERM INT
trap '[[ -z $copier ]] || kill "$copier" 2>/dev/null' EXIT
echo running >"$status_file"

if [[ -n $BUCKET ]]; then
  mkdir -p "$workdir"
  copy "$BUCKET/$workdir" "$workdir" || echo "Nothing in $BUCKET yet." >&2
  keep_copying &
  copier=$!
fi

failures=0
while :; do
  "$@" &
  child=$!
  # A signal ends the first wait early.
  wait "$child"
  status=$?
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  child=
  copy "$workdir" "$BUCKET/$workdir"
  if [[ $leaving == yes ]]; then
    echo stopped >"$status_file"
    exit 75
  fi
  case $status in
    0)
      echo finished >"$status_file"
      exit 0
      ;;
    75)
      echo "$(date +%T) Stopped and saved; going on." >&2
      failures=0
      ;;
    *)
      failures=$((failures + 1))
      if ((status == 2 || failures >= TRIES)); then
        echo "failed with status $status" >"$status_file"
        exit "$status"
      fi
      echo "$(date +%T) Failed with status $status; trying again." >&2
      sleep "${SECONDS_BEFORE_RETRY:-10}"
      ;;
  esac
done
