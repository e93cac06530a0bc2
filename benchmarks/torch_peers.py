"""The rivals in PyTorch, eager, at their best: all cores, data in memory, no loader."""

import os

import torch
import torch.nn.functional as F
from torch import nn
from turns import BATCH, BATCHES, HIDDEN, IMAGES, LATENT_DIM, LAYERS, WIDTH, products, serve

torch.set_num_threads(os.cpu_count())
GREY = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = nn.Linear(784, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU()
        self.encoder = nn.Sequential(*hidden)
        self.mean, self.log_var = nn.Linear(HIDDEN, LATENT_DIM), nn.Linear(HIDDEN, LATENT_DIM)
        hidden = nn.Linear(LATENT_DIM, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU()
        self.decoder = nn.Sequential(*hidden, nn.Linear(HIDDEN, 784))

    def loss(self, grey):
        images = (torch.rand_like(grey) < grey).float().flatten(1)  # faster than torch.bernoulli
        x = self.encoder(images)
        mean, log_var = self.mean(x), self.log_var(x)
        logits = self.decoder(mean + torch.exp(log_var / 2) * torch.randn_like(mean))
        cross_entropy = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        kl = (mean.square() + log_var.exp() - 1 - log_var).sum() / 2
        return (cross_entropy + kl) / len(images)


class ConvAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        down = nn.Conv2d(1, 16, 3, 2, 1), nn.ELU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ELU()
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(1568, WIDTH))
        up = nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ELU(), nn.ConvTranspose2d(16, 1, 3, 2, 1, 1), nn.Sigmoid()
        self.decoder = nn.Sequential(nn.Linear(WIDTH, 1568), nn.ELU(), nn.Unflatten(1, (32, 7, 7)), *up)

    def loss(self, images):
        return F.mse_loss(self.decoder(self.encoder(images)), images)


def training(model, *, fused, layout=torch.contiguous_format):
    model, images = model.to(memory_format=layout), GREY.to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)

    def epoch():
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            model.loss(images[chosen]).backward()
            optimizer.step()

    return epoch


def bound():
    """The matrix products of the dense VAE's training step and nothing else."""
    factors = [
        (torch.rand(rows, inner), torch.rand(inner, columns)) for rows, inner, columns in products(LAYERS, BATCH)
    ]
    results = [a @ b for a, b in factors]

    def epoch():
        for _ in range(BATCHES):
            for (a, b), result in zip(factors, results):
                torch.mm(a, b, out=result)

    return epoch


if __name__ == "__main__":
    torch.manual_seed(0)
    peers = {
        "dense: PyTorch": training(VAE(), fused=False),
        "dense: PyTorch, fused Adam": training(VAE(), fused=True),
        "dense: matrix products, PyTorch": bound(),
        "conv: PyTorch": training(ConvAutoencoder(), fused=False),
        "conv: PyTorch, fused Adam": training(ConvAutoencoder(), fused=True),
        "conv: PyTorch, fused Adam, channels last": training(ConvAutoencoder(), fused=True, layout=torch.channels_last),
    }
    serve(peers, "torch")
