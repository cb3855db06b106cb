"""What a run shows: a bar, or lines where nobody would see one."""

import importlib.util
import math
import sys
import time

from tqdm import tqdm

from simclr.messages.say import is_silent, printable, say


def in_notebook():
    """Whether this process is a notebook's kernel."""
    shell = sys.modules.get("IPython")
    return hasattr(shell and shell.get_ipython(), "kernel")


def progress_bar(iterable=None, *, shown=True, **options):
    """A tqdm bar where somebody sees it: on a terminal or in a notebook.

    Args:
        iterable: as for tqdm; None: moved by hand.
        shown: bool, False hides it anyway.
        **options: of tqdm.

    Returns:
        tqdm.
    """
    notebook = in_notebook()
    seen = not is_silent() and (notebook or sys.stderr.isatty())
    kind = tqdm
    if shown and seen and notebook and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as kind
    return kind(iterable, disable=not (shown and seen), **options)


class Progress:
    """A bar; a line every `period_s` seconds where none is seen."""

    def __init__(self, total_steps, step, batch_size, period_s=30.0):
        self._total, self._batch_size = total_steps, batch_size
        self._period_s, self._next_line = period_s, 0.0
        self._bar = progress_bar(
            total=total_steps * batch_size,
            initial=step * batch_size,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
        )

    def update(self, step, images_per_second, **values):
        """Moves to `step` and shows the newest values.

        Args:
            step: int, steps done.
            images_per_second: float; None before it is known.
            **values: floats by their names.
        """
        shown = "  ".join(f"{k} {v:.3f}" for k, v in values.items())
        done = step == self._total
        if not self._bar.disable:
            self._bar.set_postfix_str(shown, refresh=False)
            self._bar.update(step * self._batch_size - self._bar.n)
            return
        if done or time.monotonic() > self._next_line:
            self._next_line = time.monotonic() + self._period_s
            speed = ""
            if images_per_second:
                left_s = (self._total - step) * self._batch_size
                left_s /= images_per_second
                speed = (
                    f"  {images_per_second:.0f} images/s  "
                    f"{duration(left_s)} left"
                )
            else:  # The first step: say how long from here as soon as known.
                self._next_line = 0.0
            self.say(f"step {step}/{self._total}  {shown}{speed}")

    def say(self, text):
        """A line that does not break the bar."""
        if self._bar.disable:
            say(text)
        else:
            self._bar.write(printable(text, sys.stderr), file=sys.stderr)

    def close(self):
        """Leaves the bar as it is."""
        self._bar.close()


def duration(seconds):
    """Seconds as people say them: 1h 02m, 3m 20s, 12s."""
    seconds = max(0, math.ceil(seconds))
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    if hours:
        return f"{hours}h {m:02d}m"
    return f"{m}m {s:02d}s" if m else f"{s}s"
