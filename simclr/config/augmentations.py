"""Augmentations of papers, for recipes."""

from simclr.config.schema import Augment
from simclr.data.views.op import Op

# BYOL's (Grill et al. 2020, Appendix B), which Barlow Twins and MoCo v3 took
# over: one view is always blurred, the other seldom, and solarised at times.
BYOL = Augment(
    brightness=0.4,
    contrast=0.4,
    saturation=0.2,
    hue=0.1,
    blur_probs=(1.0, 0.1),
    solarize_probs=(0.0, 0.2),
)


def one_branch(*operations):
    """SimCLR's study of operations (Section 3.1, Figure 5).

    Both views are random crops; the operations are done to the first alone.

    Args:
        *operations: Op, or their text such as "cutout".
    """
    crop = Op("crop")
    return Augment(view1=(crop, *operations), view2=(crop,))
