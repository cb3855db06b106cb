"""The largest batch that fits, in few compilations."""


def search(memory_of, first, *, limit, unit=1, at_most=None, tries=7):
    """Finds the most rows per replica whose step fits into memory.

    Memory grows almost linearly with the rows, so that a line through two
    answers tells where to ask next. The answer fits; a batch of an eighth more
    might, too.

    Args:
        memory_of: function of rows to the bytes that a step needs.
        first: rows to begin with.
        limit: bytes of memory.
        unit: rows come in multiples of it.
        at_most: no more rows than these; or None.
        tries: how often to ask at most.

    Returns:
        fits: rows that fit; 0: not even those of the smallest try.
        too_many: rows that do not; None: all that may be asked for fit.
    """
    known = {}
    fits, too_many = 0, None if at_most is None else at_most + unit
    rows = first
    while len(known) < tries:
        known[rows] = memory_of(rows)
        if known[rows] <= limit:
            fits = max(fits, rows)
        else:
            too_many = min(too_many or rows, rows)
        grain = max(unit, fits // 8 // unit * unit)
        if too_many is not None and too_many - fits <= grain:
            break
        rows = int(_on_the_line(known, limit)) // unit * unit
        if rows < fits + grain / 2:
            rows = fits + grain  # As good as found: prove it.
        if too_many is not None:
            rows = min(rows, too_many - unit)
    return fits, too_many if too_many in known else None


def _on_the_line(known, limit):
    """Rows that take all of the memory, by the two best answers so far."""
    fit = sorted(n for n, memory in known.items() if memory <= limit)
    do_not = sorted(n for n, memory in known.items() if memory > limit)
    # One of each, or else the two that are nearest.
    best = fit[-1:] + do_not[:1] if fit and do_not else fit[-2:] + do_not[:2]
    (n1, m1), (n2, m2) = ((n, known[n]) for n in (best[0], best[-1]))
    if m1 == m2:
        return n1 * limit / m1
    return n1 + (limit - m1) * (n2 - n1) / (m2 - m1)
