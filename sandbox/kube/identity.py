"""Names, uids and hashes that a real control plane draws at random, drawn from a seed here."""

import random
import uuid

import msgspec

from sandbox.kube.objects import Obj

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes builds random name endings from (util/rand: no vowels, no 0, 1, 3)."""

_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619


class Identity:
    """Draws in the order of the calls, so the same story gives the same names."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def name(self, namespace: str, prefix: str) -> str:
        """A full name for `generateName: prefix`."""
        return prefix + self.letters(5)

    def letters(self, count: int) -> str:
        return "".join(self._random.choices(ALPHABET, k=count))

    def choose(self, names: list[str]) -> str:
        """One of several names, where the real control plane takes whichever comes first."""
        return self._random.choice(names)

    def template_hash(self, namespace: str, owner: str, template: Obj) -> str:
        """The label pod-template-hash or controller-revision-hash of a template."""
        number = _FNV_OFFSET
        for byte in msgspec.json.encode(template, order="deterministic"):
            number = (number ^ byte) * _FNV_PRIME & 0xFFFFFFFF
        return "".join(ALPHABET[int(digit) % len(ALPHABET)] for digit in str(number))
