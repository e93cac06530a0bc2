"""Makes build/explorer.html, one file with the networks and the page that runs them: `make explorer`."""

import base64
import json

import numpy as np
from keras import layers

from course_utils.plotting import DIGIT_COLOURS
from tools import sources
from tools.train_explorer import FOLDER, MODELS, stored_model

PIECES = ("style.css", "network.js", "explorer.js")  # of docs/explorer/explorer.html


def main():
    path = sources.ROOT / "build" / "explorer.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(), encoding="utf-8")
    print(f"{path.relative_to(sources.ROOT)}: {path.stat().st_size / 2**20:.1f} MiB; open it in a browser.")


def page():
    """The page's text: its pieces and its data put into their places."""
    folder = sources.ROOT / "docs" / "explorer"
    text = (folder / "explorer.html").read_text(encoding="utf-8")
    for piece in PIECES:
        text = text.replace(f"/* {piece} */", (folder / piece).read_text(encoding="utf-8"))
    return text.replace("/* data.json */ null", json.dumps(data()))


def data():
    """What the page's scripts read: layers and weights of the models, the test digits' codes, colours, maps' limits."""
    with np.load(FOLDER / "codes.npz", allow_pickle=False) as stored:
        labels, codes = stored["labels"], {name: stored[name] for name in ("vae", "plain")}
    limits = {name: np.quantile(values.astype(float), [0.001, 0.999], axis=0).T for name, values in codes.items()}
    limits = {name: widened(pairs) for name, pairs in limits.items()} | {"style": [[-3.0, 3.0]] * 2}
    return {
        "colours": DIGIT_COLOURS,
        "models": {name: exported(parts_of(name)) for name in MODELS},
        "codes": {name: packed(values) for name, values in codes.items()},
        "labels": base64.b64encode(labels.tobytes()).decode(),
        "limits": limits,
    }


def widened(limits):
    """Limits with a tenth of their distance more on both sides, in tenths."""
    return [[round(low - (high - low) / 10, 1), round(high + (high - low) / 10, 1)] for low, high in limits]


def parts_of(name):
    """The dense layers of a stored model that the page runs, by the page's names for them."""
    model = stored_model(name)
    parts = {"decoder": dense_layers(model.decoder)}
    if name == "vae":
        *body, mean, log_var = dense_layers(model.encoder)
        parts |= {"body": body, "mean": [mean], "log_var": [log_var]}
    return parts


def dense_layers(model):
    """The dense layers of a model, those of models within it as well, in their order."""
    found = []
    for layer in model.layers:
        found += [layer] if isinstance(layer, layers.Dense) else dense_layers(layer) if hasattr(layer, "layers") else []
    return found


def exported(parts):
    """The layers of each part as `[inputs, outputs, activation]`, and all their weights, kernel before bias."""
    shapes = {
        part: [[*layer.kernel.shape, layer.activation.__name__] for layer in dense] for part, dense in parts.items()
    }
    numbers = [np.ravel(weight) for dense in parts.values() for layer in dense for weight in layer.get_weights()]
    return {"parts": shapes, "weights": packed(np.concatenate(numbers))}


def packed(values):
    """Numbers as float16, little-endian, in base64."""
    return base64.b64encode(np.ravel(values).astype("<f2").tobytes()).decode()


if __name__ == "__main__":
    main()
