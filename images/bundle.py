#!/usr/bin/env python3
"""Joins docker-archives into one that holds each shared layer once. Usage: bundle.py TARGET SOURCE ...

The format allows several images in one archive; buildah, which writes the sources, does not.
"""

import io
import json
import sys
import tarfile


def join(target: str, sources: list[str]) -> None:
    """Writes to target every image of the sources; layers are recognised by their name, which is their digest."""
    images: list[dict[str, object]] = []
    written: set[str] = set()
    with tarfile.open(target, "w") as joined:
        for source in sources:
            with tarfile.open(source) as archive:
                manifest = archive.extractfile("manifest.json")
                assert manifest is not None
                for image in json.load(manifest):
                    images.append(image)
                    for name in [image["Config"], *image["Layers"]]:
                        if name not in written:
                            written.add(name)
                            joined.addfile(archive.getmember(name), archive.extractfile(name))
        content = json.dumps(images).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(content)
        joined.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    join(sys.argv[1], sys.argv[2:])
