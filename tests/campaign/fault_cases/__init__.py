"""The table of the fault campaign, by what goes wrong."""

from tests.campaign.fault_case import Case
from tests.campaign.fault_cases.batches import BATCHES
from tests.campaign.fault_cases.bodies import BODIES
from tests.campaign.fault_cases.lists import LISTS
from tests.campaign.fault_cases.platform import PLATFORM
from tests.campaign.fault_cases.refusals import REFUSALS

CASES: tuple[Case, ...] = (*BODIES, *BATCHES, *REFUSALS, *LISTS, *PLATFORM)
