"""What the few labels give by themselves, beside a pipeline's stages."""

_SUPERVISED = "supervised"


def compared(rows):
    """The table of a pipeline's stages, with what the labels alone give.

    Args:
        rows: dicts of report.stages_table, and of an encoder "raw_pixels", the
            top-1 (share in [0, 1]) of a linear probe of its images' pixels.

    Returns:
        list of dicts: a row of the raw pixels, where they were scored, then
        `rows`; those that stand on pretraining also have "gain", the
        difference of their top-1 to the best of the labels alone: raw pixels,
        and the same net from scratch.
    """
    pixels = [
        {
            "name": "raw pixels",
            "kind": "linear probe",
            "top1": row["raw_pixels"],
            "images": row["images"],
        }
        for row in rows
        if row.get("raw_pixels") is not None
    ][:1]
    scored = [row for row in rows if row["top1"] is not None]
    alone = [row for row in scored if row["kind"] == _SUPERVISED] + pixels
    if not alone:
        return rows
    best = max(row["top1"] for row in alone)
    return pixels + [
        {**row, "gain": row["top1"] - best}
        if row in scored and row not in alone
        else row
        for row in rows
    ]
