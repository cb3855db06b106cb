# What the scripts beside this file share.
#
# shellcheck shell=bash disable=SC2034

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=tpu_scripts/settings.sh
source "$here/settings.sh"

dry_run=no
if [[ ${1-} == --dry-run ]]; then
  dry_run=yes
  shift
fi
if [[ ${1-} == -h || ${1-} == --help ]]; then
  # The comment at the top of the script.
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
  exit 0
fi

place=(--zone="$ZONE")
if [[ -n $PROJECT ]]; then
  place+=(--project="$PROJECT")
fi

# gcloud, or with --dry-run the command that would have run.
cloud() {
  if [[ $dry_run == yes ]]; then
    printf 'gcloud'
    printf ' %q' "$@"
    printf '\n'
  else
    gcloud "$@"
  fi
}

# on WORKER COMMAND: runs a shell command on one worker, or on "all".
on() {
  cloud compute tpus tpu-vm ssh "$NAME" "${place[@]}" --worker="$1" \
    --command="$2"
}

# Whether the slice has several hosts.
is_pod() {
  ((${ACCELERATOR##*-} > 8))
}

# describe FIELD: of the queued resource; fails where there is none.
describe() {
  gcloud compute tpus queued-resources describe "$NAME" "${place[@]}" \
    --format="value($1)" 2>/dev/null
}

# ACTIVE, SUSPENDED, ...; NONE where there is no queued resource.
state() {
  describe state.state || echo NONE
}

say() {
  echo "$@" >&2
}
