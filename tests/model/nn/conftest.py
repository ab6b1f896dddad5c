"""One thread: tiny tensors gain nothing from more, and a busy machine makes more wait for each other."""

import torch

torch.set_num_threads(1)
