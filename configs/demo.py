"""The demo's pretraining: SimCLR on the embedded Fashion-MNIST sample.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709.
Command:
    simclr pretrain --config=configs/demo.py
Hardware: 1 CPU core, three and a half minutes.
Expected: linear 86.0 %, kNN 81.2 %; raw pixels 82.0 and 80.0 %.
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=12,
    batch_size=128,
    data=Data(source="sample/train", eval_source="sample/test", image_size=28),
    augment=Augment(
        crop_area=(0.4, 1.0), color_strength=1.0, blur_probs=(0.0, 0.0)
    ),
    # At half the resolution a step takes a third of the time.
    model=Model(depth=18, width=0.25, stem="half", head_layers=2),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="sgd", base_lr=0.12, weight_decay=5e-4, warmup_epochs=1
    ),
    train=Train(
        log_steps=10, eval_epochs=4.0, checkpoint_epochs=1.0, eval_images=2000
    ),
)
