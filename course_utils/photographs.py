"""Small colour images for where CIFAR-10 can't be had: patches of photographs that come with two libraries."""

import numpy as np

PHOTOGRAPHS = {  # those with an ending are scikit-learn's, the others scikit-image's; none is in both lists
    "train": ("astronaut", "chelsea", "coffee", "china.jpg", "rocket"),
    "test": ("flower.jpg", "stereo_motorcycle"),
}
SIDE = 32  # pixels, as CIFAR-10's


def photograph_patches():
    """Patches of photographs at half their size, arranged as the arrays of an archive of `data.read_archive`.

    Training patches overlap by half, test patches not at all, and they are of other photographs.

    Returns:
        A dictionary: `x_train` and `x_test`, uint8 `(n, 32, 32, 3)`; `y_train` and `y_test`, int32 `(n,)`, the number
        of the photograph in its list.
    """
    arrays = {}
    for split, names in PHOTOGRAPHS.items():
        step = SIDE // 2 if split == "train" else SIDE
        patches = [_cut(_halved(_photograph(name)), step) for name in names]
        rng = np.random.default_rng(0)
        order = rng.permutation(sum(map(len, patches)))  # so that the first so many are of all photographs
        arrays[f"x_{split}"] = np.concatenate(patches)[order]
        arrays[f"y_{split}"] = np.repeat(np.arange(len(names), dtype=np.int32), [len(p) for p in patches])[order]
    return arrays


def _photograph(name):
    import skimage.data
    from sklearn.datasets import load_sample_image

    if name.endswith(".jpg"):
        return load_sample_image(name)
    loaded = getattr(skimage.data, name)()
    return loaded[0] if isinstance(loaded, tuple) else loaded  # of a stereo pair the left one


def _halved(image):
    from skimage.transform import downscale_local_mean

    height, width = (side // 2 * 2 for side in image.shape[:2])
    return np.round(downscale_local_mean(image[:height, :width, :3], (2, 2, 1))).astype(np.uint8)


def _cut(image, step):
    windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    return np.moveaxis(windows, 2, -1).reshape(-1, SIDE, SIDE, 3)
