"""What hosts must bring, against arithmetic by hand."""

import math
import re

import pytest

from simclr.tpu import feeding, slices


def test_what_slices_have():
    """Whole hosts, and half of one."""
    for name, vcpus, gigabits in (
        ("v5e-8", 224, 200),
        ("v5e-4", 112, 100),
        ("v5e-64", 8 * 224, 8 * 200),
        ("v6e-8", 180, 800),
        ("v4-128", 16 * 240, None),  # 64 chips, 4 a host.
        ("v3-8", 96, None),
    ):
        machine = feeding.machine(slices.get(name))
        assert (machine.vcpus, machine.gigabits) == (vcpus, gigabits)


def test_every_slice_has_hosts():
    for name in slices.names():
        assert feeding.machine(slices.get(name)).vcpus > 0


def test_an_estimate_by_hand():
    path = feeding.HostPath("photos", per_vcpu=400.0, image_bytes=25_000.0)
    fed = feeding.estimate(feeding.Machine(24, 8), 10_000.0, path)
    # 10,000 / 400; 10,000 x 25 kB; 8 Gb/s are 1,000 MB/s.
    assert (fed.vcpus, fed.has, fed.enough) == (25, 24, False)
    assert fed.megabytes_per_second == 250.0
    assert fed.network_share == 0.25
    assert feeding.estimate(feeding.Machine(25, 8), 10_000.0, path).enough
    # 1 Gb/s are 125 MB/s, half of what is asked for.
    slow = feeding.estimate(feeding.Machine(25, 1), 10_000.0, path)
    assert slow.network_share == 2 and not slow.enough
    unknown = feeding.estimate(feeding.Machine(25), 10_000.1, path)
    assert unknown.network_share is None and unknown.vcpus == 26


def test_small_images_are_not_photos():
    assert feeding.host_path(64) is feeding.SMALL
    assert feeding.host_path(65) is feeding.PHOTOS


def rows():
    """The cells of the table in docs/tpu.md, a machine each."""
    with open("docs/tpu.md", encoding="utf-8") as file:
        text = file.read()
    _, found, table = text.partition("| machine | at best, images/s |")
    assert found
    lines = table.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def number(cell):
    return float(re.match(r"[\d,.]+", cell).group().replace(",", ""))


# Of the whole machine: vCPUs and gigabits a second, by hand from Google's
# pages: hosts x vCPUs, hosts x NICs x their speed.
HAVE = {
    "v5e-8": (224, 1 * 2 * 100),
    "v5e-64": (1_792, 8 * 2 * 100),
    "v4-128": (3_840, None),
    "v6e-8": (180, 1 * 4 * 200),
    "8 H100": (96, 100),
}


@pytest.mark.parametrize("machine", HAVE)
def test_the_table_by_hand(machine):
    [cells] = [row for row in rows() if row[0] == machine]
    _, at_best, well_fed, published, needs, has, files, share = cells
    speed = number(at_best)
    vcpus, gigabits = HAVE[machine]
    if machine == "8 H100":
        assert speed == 8 * 5_756 / 2 == 23_024
        assert (well_fed, published) == ("", "")
    else:
        low, high = map(number, well_fed.split(" to "))
        assert low == pytest.approx(0.93 * speed, abs=1)
        assert high == pytest.approx(0.96 * speed, abs=1)
        slow, fast = map(number, published.split(" to "))
        assert slow == pytest.approx(0.35 * speed, abs=1)
        assert fast == pytest.approx(0.52 * speed, abs=1)
    photos = feeding.PHOTOS
    assert abs(number(needs) - math.ceil(speed / photos.per_vcpu)) <= 1
    assert number(has) == vcpus
    megabytes = speed * photos.image_bytes / 1e6
    assert number(files) == pytest.approx(megabytes, abs=1)
    if gigabits is None:
        assert share == ""
    else:
        percent = 100 * megabytes / (gigabits * 1e9 / 8 / 1e6)
        assert number(share) == pytest.approx(percent, abs=0.06)


def test_the_table_has_five_machines():
    assert [row[0] for row in rows()] == list(HAVE)
