"""What a run produces: one `Row` for each case and peer, whether it worked or not."""

from __future__ import annotations

from dataclasses import dataclass

NOT_RUN = "not run, the time for this run is used up"
NOT_WRITTEN = "not written for this library"
ONLY_FIRST = "only the first call"  # compilation included, so that it is not compared


@dataclass
class Row:
    """Times are seconds; `status` is "ok" or says what happened instead.

    `cold` is the first call in a fresh process with an empty cache on disk, `warm_disk` the same with the cache
    filled, `new_size` the first call at another size; `ratio` is cujax's time over this peer's, below 1 where cujax
    is faster, and `ratio_of_minima` says the same of the minima, which a busy machine disturbs less.  `value` holds a
    figure that is no time, such as megabytes.
    """

    workload: str
    case: str
    peer: str
    status: str = "ok"
    samples: int = 0
    median: float | None = None
    minimum: float | None = None
    rate: float | None = None
    rate_unit: str = ""
    share: float | None = None  # of the copy bandwidth
    cold: float | None = None
    warm_disk: float | None = None
    new_size: float | None = None
    value: float | None = None
    value_unit: str = ""
    ratio: float | None = None
    ratio_of_minima: float | None = None
    headline: bool = False
    emulated: str = ""  # without a device: what ran on the emulator, and what something else stood in for

    def figure(self) -> float | None:
        """What is compared between peers: the warm time, else the cold one, else the value."""
        return next((x for x in (self.median, self.cold, self.value) if x is not None), None)


def add_ratios(rows: list[Row]) -> None:
    """Fills in the ratios against the cujax row of the same case."""
    ours = {(row.workload, row.case): row for row in rows if row.peer == "cujax"}
    for row in rows:
        mine = ours.get((row.workload, row.case))
        if mine is not None and mine is not row and ONLY_FIRST not in (mine.status, row.status):
            row.ratio = _quotient(mine.figure(), row.figure())
            row.ratio_of_minima = _quotient(mine.minimum, row.minimum)


def _quotient(mine: float | None, theirs: float | None) -> float | None:
    return mine / theirs if mine is not None and theirs else None
