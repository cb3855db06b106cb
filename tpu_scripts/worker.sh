#!/usr/bin/env bash
# Runs a training to its end, whatever happens in between. (run.sh calls it, on
# the TPU, on each of its hosts.)
#
#     worker.sh WORKDIR COMMAND ...
#
# Exit status 75 is a run that was stopped and saved: it goes on. So does one
# that failed, up to TRIES times in a row without a new checkpoint; bad input
# (status 2) does not. A SIGTERM to this script itself means that the machine
# goes away: it is passed on, the run saves, and this script ends with 75.
#
# With BUCKET the run folder comes from there before, and is copied there when
# a checkpoint is written and after each end. Of several hosts the first one
# does that (HOST_INDEX=0); the others wait until it is about to start, and
# bring what it has: they write nothing that counts.
set -uo pipefail

workdir=$1
shift
: "${BUCKET:=}"
: "${HOST_INDEX:=0}"
: "${SLICE:=}"  # Of several hosts, which one it is: not that of before.
: "${TRIES:=3}"
: "${SECONDS_BETWEEN_COPIES:=600}"
: "${SECONDS_BETWEEN_LOOKS:=5}"  # At what checkpoints there are.
: "${SECONDS_BEFORE_RETRY:=10}"
: "${BUCKET_TRIES:=60}"
status_file=${STATUS_FILE:-run.status}
started=$BUCKET/$workdir/started.txt  # Which start of the first host it is.
seen=
child=
copier=
leaving=no

exec 9>>"$status_file.lock"
if ! flock --nonblock 9; then
  echo "A run goes on here already." >&2
  exit 0
fi
echo "$$" >"$status_file.lock"

say() {
  echo "$(date +%T) $*" >&2
}

ended() {
  echo "$1" >"$status_file"
  exit "$2"
}

# Interrupted by signals, as a plain sleep is not.
pause() {
  sleep "$1" 9>&- &
  wait "$!"
}

# persist COMMAND: until it works, BUCKET_TRIES times at most, or a SIGTERM.
persist() {
  local left=$BUCKET_TRIES was=$leaving
  until "$@"; do
    if ((--left <= 0)) || [[ $leaving != "$was" ]]; then
      return 1
    fi
    say "$BUCKET cannot be reached; once more in $SECONDS_BEFORE_RETRY s."
    pause "$SECONDS_BEFORE_RETRY"
  done
}

rsync() {
  gcloud storage rsync --recursive --quiet "$@" 9>&-
}

# One copy at a time; its mark tells which checkpoints are new. Those that the
# run has removed go last.
copy_there() {
  [[ -n $BUCKET && $HOST_INDEX == 0 ]] || return 0
  (
    flock 8
    touch "$status_file.copying"
    rsync "$workdir" "$BUCKET/$workdir" &&
      rsync --delete-unmatched-destination-objects \
        --exclude='^(?!.*step_[0-9]+[.]npz$)' "$workdir" "$BUCKET/$workdir" &&
      mv "$status_file.copying" "$status_file.copied"
  ) 8>"$status_file.copy.lock"
}

# The first host writes there before it reads: a bucket that cannot be reached
# is not taken for an empty one, where a run would begin anew.
announce() {
  echo "$SLICE $(date +%s.%N)" >"$workdir/started.txt"
  gcloud storage cp --quiet "$workdir/started.txt" "$started" 9>&-
}

announce_and_bring() {
  announce && rsync "$BUCKET/$workdir" "$workdir"
}

follow_first() {
  local now
  now=$(gcloud storage cat "$started" 9>&-) || return 1
  [[ $now == "$SLICE "* && $now != "$seen" ]] || return 1
  rsync "$BUCKET/$workdir" "$workdir" && seen=$now
}

# So that all hosts begin with the same checkpoint.
prepare() {
  mkdir -p "$workdir"
  if [[ $HOST_INDEX != 0 ]]; then
    say "Waiting for the first host's start."
    until follow_first; do
      [[ $leaving == no ]] || return 1
      pause "$SECONDS_BETWEEN_LOOKS"
    done
  elif [[ -z $copier ]]; then
    persist announce_and_bring || return 1
    touch "$status_file.copied"
    keep_copying 9>&- &
    copier=$!
  elif [[ -n $SLICE ]]; then
    persist announce
  fi
}

# What checkpoints there are, in one number.
checkpoints() {
  find "$workdir" -name 'step_*.npz' 2>/dev/null | sort | cksum
}

is_new() {
  [[ ! -e $status_file.copied ]] || find "$workdir" \
    \( -name 'step_*.npz' -o -name finished \) \
    -cnewer "$status_file.copied" 2>/dev/null | grep -q .
}

keep_copying() {
  trap 'kill "$!" 2>/dev/null; exit' TERM
  local last=$SECONDS
  while :; do
    pause "$SECONDS_BETWEEN_LOOKS"
    if is_new || ((SECONDS - last >= SECONDS_BETWEEN_COPIES)); then
      last=$SECONDS
      copy_there || say "The copy to $BUCKET failed; once more, later."
    fi
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

failures=0
while :; do
  if [[ -n $BUCKET ]] && ! prepare && [[ $leaving == no ]]; then
    ended "failed: $BUCKET cannot be reached" 1
  fi
  before=$(checkpoints)
  [[ $leaving == no ]] || ended stopped 75
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
  if [[ $status == 0 || $leaving == yes || -n $SLICE ]]; then
    persist copy_there
  else
    copy_there
  fi
  copied=$?
  [[ $leaving == no ]] || ended stopped 75
  case $status in
    0)
      ((copied == 0)) || ended "failed to copy the run to $BUCKET" 1
      ended finished 0
      ;;
    75)
      say "Stopped and saved; going on."
      failures=0
      ;;
    *)
      [[ $(checkpoints) == "$before" ]] || failures=0
      failures=$((failures + 1))
      # Only the first host sees whether a run gets on: it gives up for all.
      if ((status == 2 || (HOST_INDEX == 0 && failures >= TRIES))); then
        ended "failed with status $status" "$status"
      fi
      say "Failed with status $status; trying again."
      pause "$SECONDS_BEFORE_RETRY"
      ;;
  esac
done
