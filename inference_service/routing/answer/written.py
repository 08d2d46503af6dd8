"""The text that a caller has so far: cheap to add to, and small while it is kept. Pure."""

MOST_PIECES = 64


class Written:
    """`length` in characters. A short string takes five times the memory of its text, so pieces are joined as they arrive."""

    __slots__ = ("_blocks", "_pieces", "length")

    def __init__(self, text: str = "") -> None:
        self.replace(text)

    def replace(self, text: str) -> None:
        """The caller has cut its text to this."""
        self._blocks: list[str] = [text] if text else []
        self._pieces: list[str] = []
        self.length = len(text)

    def add(self, piece: str) -> None:
        self.length += len(piece)
        self._pieces.append(piece)
        if len(self._pieces) == MOST_PIECES:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()

    def text(self) -> str:
        return "".join((*self._blocks, *self._pieces))
