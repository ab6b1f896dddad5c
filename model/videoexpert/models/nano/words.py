"""What the classifier's classes are called, and the kinds of things that they are."""

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """names: of each class, the best known first. kinds: "dog" -> the classes that are one."""

    names: tuple[tuple[str, ...], ...]
    kinds: dict[str, frozenset[int]]

    @property
    def labels(self) -> list[str]:
        """All names and kinds of each class in one line.

        It says more than the first name alone where a word has two meanings, and brings together what is of one kind.
        """
        return [", ".join((*names, *self.kinds_of(index))) for index, names in enumerate(self.names)]

    def described(self, index: int) -> tuple[str, ...]:
        """The first name of a class, and the narrowest kind that it is of."""
        return (self.names[index][0], *self.kinds_of(index)[:1])

    def kinds_of(self, index: int) -> list[str]:
        """The kinds that a class is of, the narrowest first."""
        kinds = [kind for kind, classes in self.kinds.items() if index in classes]
        return sorted(kinds, key=lambda kind: len(self.kinds[kind]))


def with_article(name: str) -> str:
    """ "a dog", "an owl"."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def read_vocabulary() -> Vocabulary:
    """The 1000 classes of ImageNet and their kinds, from the package.

    classes.txt: a class a line, its names with commas between. kinds.txt: `kind: 151-268, 275, beagle`, each an index,
    a range of indices or the first name of a class.
    """
    names = tuple(tuple(line.split(", ")) for line in _lines("classes.txt"))
    index = {several[0]: number for number, several in reversed(list(enumerate(names)))}
    kinds = {}
    for line in _lines("kinds.txt"):
        kind, members = line.split(": ")
        kinds[kind] = frozenset(number for member in members.split(", ") for number in _classes(member, index))
    return Vocabulary(names, kinds)


def _classes(member: str, index: dict[str, int]) -> range:
    if not member[0].isdigit():
        return range(index[member], index[member] + 1)
    first, _, last = member.partition("-")
    return range(int(first), int(last or first) + 1)


def _lines(name: str) -> list[str]:
    return (files(__package__ or __name__) / name).read_text(encoding="utf-8").splitlines()
