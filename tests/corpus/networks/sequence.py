# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Text, speech and sequences: recurrent nets, attention, one-dimensional convolutions."""

import math
import warnings

import torch
import torch.nn.functional as F
from torch import nn


class Crnn(nn.Module):
    """Text lines: convolutions to height one, two bidirectional LSTMs, scores for CTC."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, 1, 1), nn.BatchNorm2d(12), nn.ReLU(),
            nn.MaxPool2d((2, 1), (2, 1)),
            nn.Conv2d(12, 12, (8, 2), 1, (0, 1)), nn.ReLU(),
        )  # fmt: skip
        self.lstm = nn.LSTM(12, 8, num_layers=2, bidirectional=True)
        self.head = nn.Linear(16, 11)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.features(x).squeeze(2).permute(2, 0, 1)
        y, _ = self.lstm(y)
        return F.log_softmax(self.head(y), dim=2)


class CtcGreedy(nn.Module):
    """Text lines without recurrence: softmax, the best class at each step, and its probability."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, (2, 1), 1), nn.BatchNorm2d(8), nn.Hardswish(),
            nn.Conv2d(8, 8, 3, (2, 1), 1, groups=8), nn.BatchNorm2d(8), nn.Hardswish(),
        )  # fmt: skip
        self.head = nn.Linear(8, 11)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = F.avg_pool2d(self.features(x), (4, 2), (4, 2)).squeeze(2).transpose(1, 2)
        scores = F.softmax(self.head(y), dim=-1)
        best, index = scores.max(dim=-1)
        return scores, index, best


class AttentionDecoder(nn.Module):
    """Reads a text line letter by letter: additive attention and a GRU cell, unrolled."""

    steps = 4

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 8, (16, 4), (16, 4))
        self.keys, self.query = nn.Linear(8, 8), nn.Linear(8, 8, bias=False)
        self.score = nn.Linear(8, 1, bias=False)
        self.cell = nn.GRUCell(8 + 12, 8)
        self.head = nn.Linear(8, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        memory = self.features(x).flatten(2).transpose(1, 2)
        keys = self.keys(memory)
        state = memory.mean(dim=1)
        letter = torch.zeros_like(state[:, :1]).long().squeeze(1)
        outputs = []
        for _ in range(self.steps):
            weights = self.score(torch.tanh(keys + self.query(state).unsqueeze(1)))
            glance = (F.softmax(weights, dim=1) * memory).sum(1)
            state = self.cell(torch.cat([glance, F.one_hot(letter, 12).float()], 1), state)
            outputs.append(self.head(state))
            letter = outputs[-1].argmax(1)
        return torch.stack(outputs, dim=1)


class Encoder(nn.Module):
    """BERT: embedded tokens with positions, padded tokens masked by minus infinity's stand-in."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(32, 16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.norms = nn.ModuleList([nn.LayerNorm(16) for _ in range(3)])
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n, length = tokens.shape
        places = torch.arange(length, device=tokens.device).unsqueeze(0)
        x = self.norms[0](self.words(tokens) + self.places(places))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        q, k, v = self.qkv(x).view(n, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(8) + bias
        y = torch.matmul(F.softmax(scores, dim=-1), v)
        y = y.permute(0, 2, 1, 3).contiguous().view(n, length, 16)
        x = self.norms[1](x + self.out(y))
        x = self.norms[2](x + self.down(F.gelu(self.up(x))))
        return x, torch.tanh(self.head(x[:, 0]))


class Decoder(nn.Module):
    """GPT: a causal mask made in the graph, new GELU, and logits of the last token."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.words(tokens)
        n, length, _ = x.shape
        parts = self.qkv(self.norm(x)).split(16, dim=2)
        q, k, v = (part.view(n, length, 2, 8).transpose(1, 2) for part in parts)
        causal = torch.tril(torch.ones(length, length)).view(1, 1, length, length)
        scores = (q @ k.transpose(-2, -1) * 8**-0.5).masked_fill(causal == 0, float("-inf"))
        y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(n, length, 16)
        x = x + self.out(y)
        x = x + self.down(F.gelu(self.up(self.last(x)), approximate="tanh"))
        logits = x @ self.words.weight.t()
        return logits, logits[:, -1].argmax(-1)


class SequenceToSequence(nn.Module):
    """torch's own Transformer layers: encoder and decoder, a causal mask, cross attention."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.decoder = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.head = nn.Linear(16, 7)
        self.register_buffer("mask", torch.full((5, 5), float("-inf")).triu(1))

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.head(self.decoder(target, self.encoder(source), tgt_mask=self.mask))


class Rotary(nn.Module):
    """LLaMA: RMS norm, rotary positions, grouped keys, SwiGLU, keys and values of the past."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(16) + 0.5)
        self.q, self.kv = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.out = nn.Linear(16, 16, bias=False)
        self.gate, self.up = nn.Linear(16, 24, bias=False), nn.Linear(16, 24, bias=False)
        self.down = nn.Linear(24, 16, bias=False)
        self.register_buffer("turns", 1.0 / 100 ** (torch.arange(0, 8, 2) / 8))

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale

    def _turn(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        angles = places[:, None].float() * self.turns[None, :]
        angles = torch.cat([angles, angles], dim=-1)
        half = torch.cat([-x[..., 4:], x[..., :4]], dim=-1)
        return x * angles.cos() + half * angles.sin()

    def forward(
        self, x: torch.Tensor, past_k: torch.Tensor, past_v: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        n, length, _ = x.shape
        places = torch.arange(length) + past_k.shape[2]
        y = self._norm(x)
        q = self._turn(self.q(y).view(n, length, 2, 8).transpose(1, 2), places)
        k, v = self.kv(y).view(n, length, 2, 1, 8).permute(2, 0, 3, 1, 4)
        k = torch.cat([past_k, self._turn(k, places)], dim=2)
        v = torch.cat([past_v, v], dim=2)
        wide_k, wide_v = k.expand(-1, 2, -1, -1), v.expand(-1, 2, -1, -1)
        weights = F.softmax(q @ wide_k.transpose(2, 3) * 8**-0.5, dim=-1)
        x = x + self.out((weights @ wide_v).transpose(1, 2).reshape(n, length, 16))
        y = self._norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y)), k, v


class Recurrent(nn.Module):
    """LSTM with states going in and out, then a bidirectional GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.gru = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.rnn = nn.RNN(10, 4, batch_first=True)

    def forward(
        self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        y, (h, c) = self.lstm(x, (h, c))
        y, last = self.gru(y)
        y, _ = self.rnn(y)
        return y, h, c, last


class Speech(nn.Module):
    """wav2vec: strided convolutions over the wave, GroupNorm, places by convolution, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.wave = nn.Sequential(
            nn.Conv1d(1, 8, 10, 5, bias=False), nn.GroupNorm(8, 8), nn.GELU(),
            nn.Conv1d(8, 8, 3, 2, bias=False), nn.GELU(),
        )  # fmt: skip
        self.norm = nn.LayerNorm(8)
        self.places = nn.Conv1d(8, 8, 8, padding=4, groups=2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.wave(x.unsqueeze(1)).transpose(1, 2))
        y = y + F.gelu(self.places(y.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
        y = y + self.attention(y, y, y, need_weights=False)[0]
        return F.log_softmax(self.head(y), -1)


class Spectrum(nn.Module):
    """A short-time Fourier transform as a strided convolution, mel bands, decibels, two convs."""

    def __init__(self) -> None:
        super().__init__()
        t, f = torch.arange(32.0), torch.arange(17.0)
        phase = 2 * math.pi / 32 * f[:, None] * t
        window = torch.hann_window(32)
        waves = torch.cat([phase.cos() * window, -phase.sin() * window])
        self.register_buffer("waves", waves[:, None])
        self.register_buffer("bands", torch.rand(8, 17))
        self.convs = nn.Sequential(
            nn.Conv1d(8, 12, 3, padding=2, dilation=2), nn.BatchNorm1d(12), nn.ReLU(),
            nn.Conv1d(12, 6, 1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x.unsqueeze(1), (16, 16), mode="reflect")
        real, imaginary = F.conv1d(x, self.waves, stride=8).chunk(2, dim=1)
        power = torch.matmul(self.bands, real**2 + imaginary**2)
        level = 10 * torch.log10(torch.clamp(power, min=1e-5))
        level = (level - level.mean(dim=-1, keepdim=True)) / (level.std(-1, keepdim=True) + 1e-3)
        return self.convs(level)


class Stft(nn.Module):
    """torch.stft of a length that is no power of two, mel bands, logarithms, a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(20))
        self.register_buffer("bands", torch.rand(6, 11))
        self.recurrent = nn.GRU(6, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():  # TorchScript exports no complex numbers
            warnings.simplefilter("ignore")
            frames = torch.stft(x, 20, 8, window=self.window, return_complex=False)
        level = torch.log(torch.matmul(self.bands, frames.pow(2).sum(-1)) + 1e-3)
        return self.recurrent(level.transpose(1, 2))[0]


class Separation(nn.Module):
    """Conv-TasNet: an encoder by convolution, PReLU, global norm, masks, transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, 8, 16, 8, bias=False)
        self.norm = nn.GroupNorm(1, 8, eps=1e-8)
        self.block = nn.Sequential(
            nn.Conv1d(8, 12, 1), nn.PReLU(), nn.Conv1d(12, 12, 3, padding=2, dilation=2, groups=12),
            nn.PReLU(), nn.Conv1d(12, 16, 1),
        )  # fmt: skip
        self.decoder = nn.ConvTranspose1d(8, 1, 16, 8, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.encoder(x.unsqueeze(1)))
        masks = torch.sigmoid(self.block(self.norm(y))).view(-1, 2, 8, y.shape[-1])
        parts = (y.unsqueeze(1) * masks).flatten(0, 1)
        return self.decoder(parts).view(x.shape[0], 2, -1)
