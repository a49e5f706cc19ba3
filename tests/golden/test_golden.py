"""Stories: a request and the whole answer to it, each in a folder named for what happens.

The digest of the input is left out: it says how a state is stored, not what is decided.
"""

from pathlib import Path

import msgspec
import pytest

from engines.bin_packing import recommend_packing
from engines.contracts.requests import parse_request
from engines.ghost_probe import find_ghosts
from engines.network_optimizer import plan_zone_traffic
from engines.office_hours import plan_office_hours
from engines.oom_remediation import recommend_oom_remediation
from engines.rightsizing import recommend_rightsizing
from engines.spot_optimizer import recommend_spot_pools
from engines.volume_cleanup import find_zombie_volumes

HERE = Path(__file__).parent
ENGINES = {
    "bin_packing": recommend_packing,
    "ghost_probe": find_ghosts,
    "network_optimizer": plan_zone_traffic,
    "office_hours": plan_office_hours,
    "oom_remediation": recommend_oom_remediation,
    "rightsizing": recommend_rightsizing,
    "spot_optimizer": recommend_spot_pools,
    "volume_cleanup": find_zombie_volumes,
}
STORIES = sorted(path.parent for path in HERE.glob("*/*/request.json"))

_encode = msgspec.json.Encoder(decimal_format="number").encode


def test_there_are_stories_to_tell():
    assert {story.parent.name for story in STORIES} == set(ENGINES)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_story_ends_as_it_is_written_down(story, request):
    engine = ENGINES[story.parent.name]
    response = engine(parse_request((story / "request.json").read_bytes()))
    told = msgspec.structs.replace(response, input_digest="")
    answer = msgspec.json.format(_encode(told), indent=1) + b"\n"

    if request.config.getoption("--update-golden", default=False):
        (story / "expected.json").write_bytes(answer)

    assert answer.decode() == (story / "expected.json").read_text()
