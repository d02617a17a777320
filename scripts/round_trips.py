"""Ask `translate` about random calls and let the libraries judge; the argument says how many, 5000 if it is missing."""

import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from round_trips import judged, random_call


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    rng, answers, wrong = random.Random(calls), Counter(), 0
    for _ in range(calls):
        call = random_call(rng)
        try:
            answers.update(judged(call))
        except AssertionError as error:
            wrong += 1
            print("wrong:", *error.args)
    print(f"{calls} calls, {answers['refused']} refused. Lines for three libraries: {answers['always']} exact under "
          f"every schedule, {answers['constant']} under a constant rate, {answers['none']} times none. "
          f"Answers that do not hold: {wrong}")  # fmt: skip
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
