"""What a trial of n patients can teach: many simulated trials of known truth, each put through the whole procedure.

`trial` simulates one and judges what was made of it, `running` does many in several processes and keeps each as it is
done, `summary` says how the procedure fared.
"""

from acrcast_training.operating_characteristics.running import Results, run
from acrcast_training.operating_characteristics.summary import Figure, Summary, summarise
from acrcast_training.operating_characteristics.trial import EFFECTS, Setting, TrialResult, run_trial

__all__ = ["EFFECTS", "Figure", "Results", "Setting", "Summary", "TrialResult", "run", "run_trial", "summarise"]
