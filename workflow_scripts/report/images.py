"""Images inside a page: no larger than a screen shows, without loss otherwise."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from workflow_scripts.jobs.errors import StudyError

MAXIMUM_WIDTH = 1800  # pixels, twice the width of the page's text, for dense screens
PIXELS_PER_INCH = 112  # makes the text of figures as large as the captions of the page
UNKNOWN_DPI = 300


@dataclass(frozen=True)
class EmbeddedImage:
    """An image as a data URI, and how large it is shown."""

    uri: str
    width: int  # CSS pixels
    height: int


def embed(path: Path) -> EmbeddedImage:
    """Return an image of a file, scaled down to `MAXIMUM_WIDTH` pixels if it is wider.

    Raises:
        StudyError: the file is no image.
    """
    try:
        with Image.open(path) as image:
            inches = image.width / float(image.info.get("dpi", (UNKNOWN_DPI,))[0])
            pixels = _on_white(image)
    except (UnidentifiedImageError, OSError) as error:
        raise StudyError(f"{path} is not an image that can be shown ({error}); delete it and run again.") from error
    shown = (round(inches * PIXELS_PER_INCH), round(inches * PIXELS_PER_INCH * pixels.height / pixels.width))
    if pixels.width > MAXIMUM_WIDTH:
        size = (MAXIMUM_WIDTH, round(pixels.height * MAXIMUM_WIDTH / pixels.width))
        pixels = pixels.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # Smaller than a PNG, written in a tenth of a second, and shown by every browser.
    pixels.save(file, "WEBP", lossless=True, method=0, quality=20)
    return EmbeddedImage(f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}", *shown)


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
