"""What a safe alternative to the optimizer's plan may be made of."""

from engines.contracts.requests import DecisionRequest
from engines.safety import Choices
from engines.spot_optimizer.choices import choices_of, usable_by_node
from engines.spot_optimizer.parameters import read_parameters
from engines.spot_optimizer.situation import read_situation


def choices_for(request: DecisionRequest) -> Choices:
    """What can be bought, and what each node that may be replaced gives and costs if it is kept.

    Raises InvalidInputError for a parameter that cannot be used, and Refusal where the engine
    refuses the request: then there is no plan that an alternative could be sought for.
    """
    situation = read_situation(request, read_parameters(request))
    found = choices_of(situation)
    present = {name: one for one, names in found.keepable.groups.items() for name in names}
    return Choices(problem=found.problem, present=present, usable=usable_by_node(situation))
