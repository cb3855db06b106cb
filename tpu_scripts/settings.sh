# What the scripts beside this file need to know. Edit it, or set a variable
# for one call: SPOT=no tpu_scripts/create.sh
#
# shellcheck shell=bash disable=SC2034  # Those who source this use it.

: "${NAME:=simclr}"                  # Of the TPU and of its queued resource.
: "${PROJECT:=}"                     # Empty: gcloud's own.
: "${ZONE:=us-west4-a}"
: "${ACCELERATOR:=v5litepod-8}"      # v3-8, v4-8, v5litepod-8, v5p-8, v6e-8, ...
: "${RUNTIME:=v2-alpha-tpuv5-lite}"  # The image.
: "${SPOT:=yes}"                     # Cheaper, and taken away at any time.
: "${TENSORFLOW:=2.19.1}"            # Or 2.20.0, where the image has Python
                                     # 3.11 or newer.
: "${BUCKET:=}"                      # gs://BUCKET/FOLDER where runs are kept; a
                                     # spot TPU's own disk goes with it.
: "${WORKDIR:=runs/tpu}"             # The run folder, on each worker.
: "${SECONDS_BETWEEN:=60}"           # Between two looks at what goes on.
: "${SECONDS_BETWEEN_COPIES:=600}"   # Between two copies of the run to BUCKET
                                     # where no checkpoint is written.

# The libtpu that goes with it. (Measured without a TPU: these pairs import,
# and from 0.0.41 on 2.20.0 ends the process. Not run on hardware by us.)
case $TENSORFLOW in
  2.19.1) LIBTPU=0.0.10 ;;
  2.20.0) LIBTPU=0.0.23.1 ;;
  *)
    echo "TENSORFLOW=$TENSORFLOW: there are 2.19.1 and 2.20.0." >&2
    exit 2
    ;;
esac
