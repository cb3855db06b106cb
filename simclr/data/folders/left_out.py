"""What lies beside the images and is left out, in words."""

from simclr.data.images import heic

# By extension: how an image that is not read becomes one that is.
CONVERTED = {
    "jp2": "JPEG 2000: convert it, magick mogrify -format png *.jp2",
    "dcm": "DICOM: convert it, dcm2pnm --write-png",
} | dict.fromkeys(heic.EXTENSIONS, f"HEIC: {heic.how()}")
_SHOWN = 12


def notes(manifest):
    """What a user should know of what a folder holds beside the images.

    Args:
        manifest: manifest.Manifest.

    Returns:
        list of str, of one line each.
    """
    found = []
    if manifest.others:
        found.append(f"left out as no image: {counts(manifest.others)}")
        how = {CONVERTED[x] for x in manifest.others if x in CONVERTED}
        found += sorted(how)
    if manifest.by_the_way:
        found.append(
            "left out as thumbnails, bins or hidden: "
            + _first(
                [f"{n:,} {name}" for name, n in manifest.by_the_way.items()]
            )
        )
    return found


def counts(others):
    """Numbers of files by extension: "12 .heic, 1 of no ending"."""
    return _first(
        [
            f"{count:,} .{extension}"
            if extension
            else f"{count:,} of no ending"
            for extension, count in others.items()
        ]
    )


def _first(parts):
    rest = len(parts) - _SHOWN
    more = [f"and {rest:,} kinds more"] if rest > 0 else []
    return ", ".join([*parts[:_SHOWN], *more])
