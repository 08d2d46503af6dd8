"""A server's ranking of models from the votes of its people. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from discord_bot.store.contests import Ballot, Vote

CONFIDENCE = 1.96  # standard deviations: 95 of 100


@dataclass(frozen=True)
class Standing:
    model: str
    votes: int
    """Of people who compared it with another one."""
    points: float
    """One for each vote that preferred it, half of one for each tie."""

    @property
    def percent(self) -> int:
        return round(100 * self.points / self.votes)

    @property
    def surely(self) -> float:
        """A lower bound of its share of points (Wilson score): few votes prove little."""
        share, square = self.points / self.votes, CONFIDENCE**2
        spread = CONFIDENCE * math.sqrt((share * (1 - share) + square / (4 * self.votes)) / self.votes)
        return (share + square / (2 * self.votes) - spread) / (1 + square / self.votes)


def ranking(ballots: Iterable[Ballot]) -> list[Standing]:
    """Best first; only models with votes."""
    votes: dict[str, int] = {}
    points: dict[str, float] = {}
    for ballot in ballots:
        gained = {Vote.FIRST: (1.0, 0.0), Vote.SECOND: (0.0, 1.0), Vote.TIE: (0.5, 0.5)}[ballot.vote]
        for model, more in zip((ballot.first_model, ballot.second_model), gained, strict=True):
            votes[model] = votes.get(model, 0) + 1
            points[model] = points.get(model, 0.0) + more
    standings = [Standing(model, count, points[model]) for model, count in votes.items()]
    return sorted(standings, key=lambda standing: (-standing.surely, -standing.votes, standing.model))
