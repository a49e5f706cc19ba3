"""What a safe alternative to the optimizer's plan may be made of."""

from engines.contracts.requests import DecisionRequest
from engines.safety import Choices
from engines.spot_optimizer.choices import choices_of, usable_by_node
from engines.spot_optimizer.parameters import read_parameters
from engines.spot_optimizer.situation import Refusal, read_situation


def choices_for(request: DecisionRequest) -> Choices | None:
    """What can be bought, and what each node that may be replaced gives and costs if it is kept.

    The request may be another engine's, without parameters of this one. None: too little is known
    of the market or of the cluster (the engine itself would refuse the request). Raises
    InvalidInputError for a parameter that cannot be used.
    """
    try:
        situation = read_situation(request, read_parameters(request))
    except Refusal:
        return None
    found = choices_of(situation)
    present = {name: one for one, names in found.keepable.groups.items() for name in names}
    return Choices(problem=found.problem, present=present, usable=usable_by_node(situation))
