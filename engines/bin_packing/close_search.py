"""The closer search in a small cluster, where a single node more or less is worth a percent.

Sets of nodes come from a tighter program, with small shares of the room set aside; what the packer
leaves over there is placed by rearranging. The cheapest packing is the start of exchanges of nodes.
Everything is counted, mostly by the square of the nodes.
"""

from collections.abc import Iterator, Sequence

from engines.bin_packing.arranger import Arranger
from engines.bin_packing.neighbourhood import Neighbourhood
from engines.bin_packing.problem import Packer, Packing, PackingProblem
from engines.bin_packing.relaxation import Choice
from engines.bin_packing.whole import WholeNodes

WASTES = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.17)
MOST_SETTLED = 2
"""After so many shares at which the packer alone placed everything, larger ones are not tried."""

MOST_BRANCHED_NODES, MOST_BRANCHES, GAP = 30, 20, 2e-4
"""Up to so many nodes branch and bound tightens the bound, with so many branches."""

WORK_OF_TRY = 500
"""Steps of rearranging for one try, times the square of the nodes."""

WORK_OF_EXCHANGES, LEAST_WORK = 10_000, 30_000_000
"""... for all exchanges of nodes, and at least."""


def search_closely(
    problem: PackingProblem, packer: Packer, ideal: Choice, tries: Sequence[Packing]
) -> tuple[Packing, float]:
    """The best packing found, and the cost in micro-dollars that no plan can be below."""
    arranger, program = Arranger(problem, packer), WholeNodes(problem)
    choice = program.relaxed(0.0) or ideal
    bound = max(ideal.bound_micro_usd, choice.bound_micro_usd)
    size = len(problem.cost) ** 2
    packings = list(tries)
    for packing in _beginnings(problem, packer, program):
        found = arranger.completed(packing, WORK_OF_TRY * size)
        if found is not None:
            packings.append(found)
    best = min(packings, key=lambda one: problem.cost_of(one.kept))
    work = LEAST_WORK + WORK_OF_EXCHANGES * size
    best = Neighbourhood(problem, arranger, choice).improve(best, work)
    if problem.cost_of(best.kept) > bound and len(problem.cost) <= MOST_BRANCHED_NODES:
        bound = max(bound, program.proven(MOST_BRANCHES, GAP))
    return best, bound


def _beginnings(problem: PackingProblem, packer: Packer, program: WholeNodes) -> Iterator[Packing]:
    """What the packer places on sets of nodes that might do, each set once."""
    seen: set[bytes] = set()
    settled = 0
    for waste in WASTES:
        choice = program.relaxed(waste)
        if choice is None or settled == MOST_SETTLED:
            return
        kept = choice.kept
        if kept.tobytes() not in seen and problem.limits_hold(kept):
            seen.add(kept.tobytes())
            packing = packer.pack(kept)
            settled += packing.is_complete
            yield packing
