"""Photographs free of rights that a package of the Python package index ships: what `vex demo` shows."""

from videoexpert.hub.parts import Part, Wheel

# The wheel of one platform serves for all: nothing in it is installed or run.
_WHEEL = Wheel("scikit-image", "0.26.0", 13_561_683, ("3.12", "cp312", "manylinux_2_28_x86_64"))


def _photo(file: str, size: int, sha256: str) -> Part:
    return Part(file, size, sha256, _WHEEL, f"skimage/data/{file}")


PHOTOS = (
    _photo("hubble_deep_field.jpg", 527_940, "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"),
    _photo("chelsea.png", 240_512, "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    _photo("rocket.jpg", 112_525, "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    _photo("coffee.png", 466_706, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    _photo("astronaut.png", 791_555, "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
)
"""What is shown, in this order: galaxies, a cat, a rocket, a cup of coffee, an astronaut."""

CREDITS = (
    "photographs: galaxies and astronaut by NASA, rocket by SpaceX (public domain), cat by Stefan van der Walt, "
    "coffee by Rachel Michetti (CC0)"
)
