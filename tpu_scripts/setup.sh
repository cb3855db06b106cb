#!/usr/bin/env bash
# Brings this repository and the TensorFlow of settings.sh to all workers.
#
#     tpu_scripts/setup.sh [--dry-run]
# shellcheck source=tpu_scripts/common.sh
source "$(dirname "$0")/common.sh"

# Of one host; the metadata is that of [tpu] in setup.py, which names one
# TensorFlow alone.
install="simclr/.venv/bin/pip install --quiet 'tensorflow-tpu==$TENSORFLOW' \
'libtpu==$LIBTPU' tensorflow-io-gcs-filesystem 'tensorflow-metadata<1.18' \
-e simclr"
if is_pod; then  # By jax, with a TensorFlow that leaves the TPU to it.
  install="simclr/.venv/bin/pip install --quiet -e 'simclr[cpu,aot]' \
tensorflow-io-gcs-filesystem"
fi
archive=$(mktemp --suffix=.tar.gz)
trap 'rm -f "$archive"' EXIT
git -C "$root" archive --format=tar.gz --output="$archive" HEAD
cloud compute tpus tpu-vm scp "$archive" "$NAME:simclr.tar.gz" "${place[@]}" \
  --worker=all
on all "set -e
mkdir -p simclr
tar -xzf simclr.tar.gz -C simclr
test -x simclr/.venv/bin/pip || python3 -m venv simclr/.venv || {
  # Ubuntu keeps venv in a package of its own, and dpkg busy after the boot.
  sudo apt-get -o DPkg::Lock::Timeout=600 --quiet update
  sudo apt-get -o DPkg::Lock::Timeout=600 --quiet --yes install python3-venv
  python3 -m venv simclr/.venv
}
simclr/.venv/bin/pip install --quiet --upgrade pip
$install
simclr/.venv/bin/simclr doctor"
