"""Activity of rheumatoid arthritis and response to treatment: pure functions on arrays.

Every function takes one value for each patient and visit and answers in the same order. Missing is NaN, and a missing
input makes the answer missing, but for two definitions: in an ACR response and in ACR-N a missing one of the five
counts as not improved, and in Boolean remission one measure above its limit settles the matter.

| Question                         | Function                                               | Answer                 |
|----------------------------------|--------------------------------------------------------|------------------------|
| What was measured at a visit?    | `CoreSet`                                              | eight columns          |
| How far did one measure improve? | `relative_improvement`                                 | % of baseline          |
| Is it an ACR20, ACR50 or ACR70?  | `acr_response`                                         | bool                   |
| How large is the ACR response?   | `acr_n`                                                | %                      |
| How active is the disease?       | `das28_esr`, `das28_crp`, `das28_esr_3`, `das28_crp_3` | score                  |
|                                  | `cdai`, `sdai`                                         | score                  |
| In which category is that score? | `das28_activity`, `cdai_activity`, `sdai_activity`     | `Activity` or NaN      |
| Is it a EULAR response?          | `eular_response`                                       | `EularResponse` or NaN |
| Is it Boolean remission?         | `boolean_remission_2011`, `boolean_remission_2_0`      | 1, 0 or NaN            |

A comparison with a cut-off is made as on paper: 10 joints falling to 8 is exactly 20 %, and 4.4 less 3.2 exactly 1.2.
"""

from acrcast.domain.acr_response import acr_n, acr_response, relative_improvement
from acrcast.domain.activity import Activity
from acrcast.domain.boolean_remission import boolean_remission_2_0, boolean_remission_2011
from acrcast.domain.cdai_sdai import cdai, cdai_activity, sdai, sdai_activity
from acrcast.domain.core_set import AcutePhase, CoreSet
from acrcast.domain.das28 import das28_activity, das28_crp, das28_crp_3, das28_esr, das28_esr_3
from acrcast.domain.eular import EularResponse, eular_response

__all__ = [
    "Activity",
    "AcutePhase",
    "CoreSet",
    "EularResponse",
    "acr_n",
    "acr_response",
    "boolean_remission_2_0",
    "boolean_remission_2011",
    "cdai",
    "cdai_activity",
    "das28_activity",
    "das28_crp",
    "das28_crp_3",
    "das28_esr",
    "das28_esr_3",
    "eular_response",
    "relative_improvement",
    "sdai",
    "sdai_activity",
]
