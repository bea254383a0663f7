"""Colours by lightness, chroma and hue, so that many can be told apart."""

import numpy as np

# Matrices of OKLab (Ottosson, 2020, "A perceptual color space for image processing").
OKLAB_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
CONES_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def oklch_to_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Return sRGB [colours, 3] of OKLCH colours (Ottosson, 2020), whose equal steps look equal; clipped to the gamut.

    Args:
        lightness: From 0 to 1, [colours].
        chroma: From 0, which is grey, [colours].
        hue: In radians, [colours].
    """
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear = np.clip((oklab @ OKLAB_TO_CONES.T) ** 3 @ CONES_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def distinct(count: int) -> list[tuple[float, float, float]]:
    """Return sRGB of so many colours: one hue each, every second one darker, none too light for lines on white."""
    odd = np.arange(count) % 2
    hues = 2 * np.pi * np.arange(count) / count + 0.5
    return [tuple(colour) for colour in oklch_to_rgb(0.70 - 0.22 * odd, 0.17 - 0.03 * odd, hues).tolist()]
