"""What a config trains: what each task builds, and what its step does."""

from simclr.training.tasks.distill import Distill
from simclr.training.tasks.distill_encoder import DistillEncoder
from simclr.training.tasks.finetune import Finetune
from simclr.training.tasks.pretrain import Pretrain

TASKS = {
    "pretrain": Pretrain,
    "finetune": Finetune,
    "distill": Distill,
    "distill_encoder": DistillEncoder,
}
