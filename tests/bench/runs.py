"""Measures rows: each in rounds, in which the registries take turns, so that what the machine does hits all alike."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench import machine
from tests.bench.clients import LoadFailed
from tests.bench.peers import NotMeasured
from tests.bench.rows import Contents, Row


@dataclass(frozen=True, slots=True)
class Sample:
    """`cpu` and `load_cpu` are seconds for a thousand units of the row, of the registry and of what made the load."""

    value: float
    cpu: float
    load_cpu: float


@dataclass
class Figure:
    """What was measured of one registry in one row, or the reason why it was not."""

    samples: list[Sample] = field(default_factory=list)
    reason: str = ""

    def median(self, of: str = "value") -> float | None:
        return median(getattr(sample, of) for sample in self.samples) if self.samples and not self.reason else None

    @property
    def spread(self) -> float:
        """Half the distance from the least to the greatest, as a part of the median."""
        values = [sample.value for sample in self.samples]
        return (max(values) - min(values)) / 2 / median(values)


@dataclass(frozen=True, slots=True)
class Result:
    """`beside` is what was measured in the same rounds without a registry."""

    row: Row
    figures: Mapping[str, Figure]
    beside: Figure


def measure(row: Row, contenders: Sequence[Contents], missing: Mapping[str, str], rounds: int, folder: Path) -> Result:
    """`missing` says of other registries why they are not measured; `folder` is on the disk that all of them use."""
    figures, beside = {contents.name: Figure() for contents in contenders}, Figure()
    figures |= {name: Figure(reason=why) for name, why in missing.items()}
    for _ in range(rounds):
        for contents in contenders:
            _add(figures[contents.name], row, contents)
        if row.beside:
            os.sync()
            beside.samples.append(Sample(row.beside(folder).rate, 0, 0))
    return Result(row, figures, beside)


def _add(figure: Figure, row: Row, contents: Contents) -> None:
    """One sample more, unless there is a reason against it already, or now."""
    if figure.reason:
        return
    try:
        figure.samples.append(_sample(row, contents))
    except (NotMeasured, LoadFailed, OSError) as error:
        figure.reason = " ".join(str(error).split())[:200] or type(error).__name__


def _sample(row: Row, contents: Contents) -> Sample:
    work = row.prepare(contents)
    os.sync()  # or what one has written late is a load on the next
    group = contents.server.group
    registry, load = machine.cpu_seconds(group), machine.own_cpu_seconds()
    done = work()
    each = 0 if row.is_gauge else 1000 / done.amount
    return Sample(done.rate, (machine.cpu_seconds(group) - registry) * each, (machine.own_cpu_seconds() - load) * each)
