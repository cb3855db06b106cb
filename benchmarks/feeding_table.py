"""What five machines ask of their hosts, as a table, by arithmetic.

    simclr compile --nocode --nosearch --config=configs/imagenet_resnet50.py \\
        --images=1281167 --classes=1000 --topology=v5e-64 --out=v5e-64.json
    python benchmarks/feeding_table.py v5e-8.json v5e-64.json ...

Of each file the table takes the slice and the images a second that its roofline
gives; simclr/tpu/feeding.py has the rest. The last row is of GPUs, by a speed
that was measured.
"""

import argparse
import json

from simclr.tpu import feeding, slices

# An H100 took 5,756 views a second of ResNet-50 at 224 pixels
# (docs/gpu_without_tensorflow.md); eight are taken to be eight times as fast,
# on a host that is assumed.
GPUS, VIEWS_PER_SECOND = 8, 5_756
GPU_HOST = feeding.Machine(vcpus=96, gigabits=100)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("facts", nargs="+", help="of simclr compile --out")
    print(table(parser.parse_args().facts))


def table(paths):
    """The table in Markdown, of files that `simclr compile --out` wrote."""
    lines = [
        "| machine | at best, images/s | well-fed | published SimCLR | vCPUs "
        "that it needs | that it has | files, MB/s | of the network |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in paths:
        with open(path) as file:
            for facts in json.load(file):
                name, speed = facts["topology"], facts["images_per_second"]
                machine = feeding.machine(slices.get(name))
                lines.append(row(name, speed, machine, at_best=True))
    speed = GPUS * VIEWS_PER_SECOND / 2
    lines.append(row(f"{GPUS} H100", speed, GPU_HOST, at_best=False))
    return "\n".join(lines)


def row(name, speed, machine, *, at_best):
    """One machine's row."""
    fed = feeding.estimate(machine, speed, feeding.PHOTOS)
    ranges = [
        f"{low * speed:,.0f} to {high * speed:,.0f}" if at_best else ""
        for low, high in (feeding.WELL_FED, feeding.PUBLISHED)
    ]
    share = fed.network_share
    cells = [
        name,
        f"{speed:,.0f}" if at_best else f"{speed:,.0f} (measured on one)",
        *ranges,
        f"{fed.vcpus:,}",
        f"{fed.has:,}" if at_best else f"{fed.has:,} (assumed)",
        f"{fed.megabytes_per_second:,.0f}",
        "" if share is None else f"{share:.1%}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
