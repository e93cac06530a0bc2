"""Trains what takes too long for lesson 11. `make checkpoints` calls this.

First the network that marks two overlapping digits by class, whose weights are stored; then further seeds of the
lesson's comparison on digits in clutter, whose figures are stored. The recipes are the lesson's. What is stored already
is not trained again; an interrupted training goes on after its last epoch. data/checkpoints/README.md says what the
files hold.
"""

import keras
import numpy as np
from keras import ops

from course_utils import checkpoints
from course_utils.batches import FreshBatches, predict_in_batches
from course_utils.checkpoints import load_checkpoint, save_checkpoint, store_table
from course_utils.data import load
from course_utils.lesson import setup
from course_utils.losses import soft_dice_loss
from course_utils.metrics import dice
from course_utils.models import build_unet
from course_utils.scenes import digit_in_clutter, overlapping_classes, single_classes
from course_utils.training import callbacks, fast
from tools.train_checkpoints import check_all_of_mnist, is_stored

N_TRAIN, BATCH = 55_000, 16
N_SINGLE, EPOCHS = 16_000, 8  # of two digits by class
N_CLUTTER, SEEDS = 48_000, (2, 3)  # of the comparison; the lesson itself has seed 1


def main():
    setup(11)
    mnist = load("mnist")
    check_all_of_mnist(mnist, N_TRAIN)
    for path, make in {
        checkpoints.files("two_digits")[0]: train_two_digits,
        checkpoints.folder() / "clutter.csv": compare_on_clutter,
    }.items():
        if not is_stored(path):
            make(mnist)


def train_two_digits(mnist):
    """Stores the weights, and prints their score on test scenes."""
    keras.utils.set_random_seed(11)
    model = build_unet((36, 36, 1), 10, activation="sigmoid")
    watched = overlapping_classes(mnist.x_valid[:1000], mnist.y_valid[:1000], np.random.default_rng(1))
    few, few_labels = mnist.x_train[:N_SINGLE], mnist.y_train[:N_SINGLE]
    train(model, FreshBatches(few, single_classes, labels=few_labels, batch_size=BATCH, seed=11), "one digit")
    batches = FreshBatches(mnist.x_train, overlapping_classes, labels=mnist.y_train, batch_size=BATCH, seed=11)
    history = train(model, batches, "two digits", epochs=EPOCHS, validation_data=watched, validation_batch_size=500)
    save_checkpoint(model, "two_digits", {"epoch": 1 + np.arange(EPOCHS), **history})
    load_checkpoint(model, "two_digits")
    scenes, masks = overlapping_classes(mnist.x_test, mnist.y_test, np.random.default_rng(3))
    score = np.mean(dice(masks, predict_in_batches(model, scenes) > 0.5))
    print(f"two_digits: Dice {score:.4f} on {len(scenes):,} test scenes", flush=True)


def compare_on_clutter(mnist):
    """Stores the Dice of each seed on the lesson's test scenes, with skips and without."""
    scenes, masks = digit_in_clutter(mnist.x_test, np.random.default_rng(2))
    rows = []
    for seed in SEEDS:
        row = {"seed": seed}
        for name, skips in {"without skips": False, "U-Net": True}.items():
            keras.utils.set_random_seed(seed)
            model = build_unet((40, 40, 1), 1, filters=(8, 16, 32, 64), skips=skips, activation="sigmoid")
            batches = FreshBatches(mnist.x_train[:N_CLUTTER], digit_in_clutter, batch_size=BATCH, seed=seed)
            train(model, batches, f"{name}, seed {seed}", peak=4e-3)
            guess = predict_in_batches(model, scenes) > 0.5
            row[name] = f"{np.mean(dice(masks, guess)):.5f}"
            row[f"{name}, on ink"] = f"{np.mean(dice(masks, guess & (scenes > 0.5))):.5f}"
        rows.append(row)
        print(row, flush=True)
    store_table("clutter", rows)


def mask_loss(masks, probabilities):
    """Cross-entropy per pixel plus soft Dice, of each scene."""
    cross_entropy = ops.binary_crossentropy(ops.cast(masks, "float32"), probabilities)
    return ops.mean(cross_entropy, axis=(1, 2, 3)) + soft_dice_loss(masks, probabilities)


def train(model, batches, name, *, epochs=1, peak=2e-3, **options):
    """Adam with a rate that rises for a twentieth of the steps and falls to zero as a cosine; returns the history."""
    steps = epochs * len(batches)
    warmup = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup)
    model.compile(keras.optimizers.Adam(schedule), mask_loss, **fast(model))
    return model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks(name), **options).history


if __name__ == "__main__":
    main()
