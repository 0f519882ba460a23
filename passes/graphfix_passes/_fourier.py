"""The discrete Fourier transform as a matrix, and as numpy computes it."""

from dataclasses import dataclass

import numpy as np

_EXACT = 1e-15
"""Less than the smallest sine of a table of 1e6 angles that is not 0, more than the error of pi."""


@dataclass(frozen=True, kw_only=True)
class Transform:
    """One transform of ONNX's DFT; numbers are rows of one (real) or two (complex) parts."""

    length: int
    """Of the signal, N in the formulas."""
    given: int
    """How many numbers it reads: fewer than N stand for N with zeros behind them."""
    parts: int
    """Of each number it reads: 1 or 2."""
    inverse: bool = False
    onesided: bool = False
    """Only the frequencies up to N // 2 are made, or read when it is inverse."""

    @property
    def made(self) -> int:
        """How many numbers it makes."""
        return self.length // 2 + 1 if self.onesided and not self.inverse else self.length

    @property
    def made_parts(self) -> int:
        """The parts of each number it makes."""
        return 1 if self.onesided and self.inverse else 2

    @property
    def shape(self) -> tuple[int, int]:
        """Of its matrix."""
        return self.given * self.parts, self.made * self.made_parts

    def matrix(self) -> np.ndarray:
        """What a row of numbers, part by part, is multiplied by: float64, of :attr:`shape`.

        Forward ``y[k] = sum of x[n] exp(-2 pi i k n / N)``, inverse ``x[n] = 1/N sum of
        y[k] exp(2 pi i k n / N)``, from ONNX's DFT. The angles are reduced as integers first. Of a
        onesided inverse the frequencies above N / 2 are the conjugates of those below: both
        together give twice the real part.
        """
        angles = -2 * np.pi * np.arange(self.length) / self.length
        turns = np.outer(np.arange(self.given), np.arange(self.made)) % self.length
        real, imaginary = (_cleaned(table)[turns] for table in (np.cos(angles), np.sin(angles)))
        if self.inverse:
            weights = self._weights()[:, None]
            real, imaginary = real * weights, 0 - imaginary * weights  # 0 - 0 is no -0
        # (a + ib)(c + is) = (ac - bs) + i(as + bc): one row for a, one for b.
        blocks = ((real, imaginary), (0 - imaginary, real))
        made = np.empty((self.given, self.parts, self.made, self.made_parts))
        for row in range(self.parts):
            for column in range(self.made_parts):
                made[:, row, :, column] = blocks[row][column]
        return made.reshape(self.shape)

    def _weights(self) -> np.ndarray:
        """What an inverse counts each frequency by."""
        frequencies = np.arange(self.given)
        single = (frequencies == 0) | (2 * frequencies == self.length) | (not self.onesided)
        return np.where(single, 1, 2) / self.length

    def by_numpy(self, data: np.ndarray, axis: int) -> np.ndarray:
        """The transform of ``data``, float64, whose last axis are the parts."""
        double = np.asarray(data, np.float64)
        numbers = double[..., 0] + (1j * double[..., 1] if self.parts == 2 else 0)
        if self.inverse and self.onesided:
            return np.fft.irfft(numbers, self.length, axis)[..., None]
        whole = (np.fft.ifft if self.inverse else np.fft.fft)(numbers, self.length, axis)
        made = np.moveaxis(np.moveaxis(whole, axis, 0)[: self.made], 0, axis)
        return np.stack([made.real, made.imag], -1)


def _cleaned(table: np.ndarray) -> np.ndarray:
    """With zeros at multiples of a quarter turn."""
    return np.where(np.abs(table) < _EXACT, 0.0, table)
