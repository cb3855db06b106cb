"""The stages of SimCLRv2: what each builds and what its training step does."""

from simclr.training.tasks.distill import Distill
from simclr.training.tasks.finetune import Finetune
from simclr.training.tasks.pretrain import Pretrain

TASKS = {"pretrain": Pretrain, "finetune": Finetune, "distill": Distill}
