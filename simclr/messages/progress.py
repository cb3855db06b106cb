"""What a run shows: a bar, or lines where there is no terminal."""

import math
import sys
import time

from tqdm import tqdm


class Progress:
    """A bar on a terminal; a line every `period_s` seconds anywhere else."""

    def __init__(self, total_steps, step, batch_size, period_s=30.0):
        self._total, self._batch_size = total_steps, batch_size
        self._period_s, self._next_line = period_s, 0.0
        self._bar = tqdm(
            total=total_steps * batch_size,
            initial=step * batch_size,
            unit="img",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
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
        self._bar.n = step * self._batch_size
        self._bar.set_postfix_str(shown)
        done = step == self._total
        if self._bar.disable and (done or time.monotonic() > self._next_line):
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
        self._bar.write(text, file=sys.stderr)

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
