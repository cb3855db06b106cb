"""Cells in columns, as lines of plain text."""


def aligned(lines, left):
    """A table whose first line is ruled off.

    Args:
        lines: list of lists of str of one length, the headings first.
        left: list of bool, which columns stand to the left; the others, numbers
            mostly, to the right.

    Returns:
        str, without a newline at the end.
    """
    widths = [max(map(len, column)) for column in zip(*lines)]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(
        "  ".join(
            text.ljust(width) if first else text.rjust(width)
            for text, width, first in zip(line, widths, left)
        ).rstrip()
        for line in ruled
    )
