"""What is fixed beforehand in the methods, as a table, read from where it is used."""

from collections.abc import Iterator, Sequence
from types import ModuleType

from acrcast import support
from acrcast.estimators import boosted, elastic_net, posterior, rows
from acrcast.validation import calibration, sample_size
from acrcast_training import fit, select, validate
from docs.markdown_table import table

FIXED: Sequence[tuple[str, ModuleType, str]] = (
    ("Prior SD of the intercept, log-odds", posterior, "INTERCEPT_SD"),
    ("Prior SD of the arm's effect", posterior, "ARM_SD"),
    ("Prior SD of a main effect, `prespecified`", posterior, "MAIN_SD"),
    ("Prior SD of a modifier's main effect", posterior, "MODIFIER_SD"),
    ("Prior SD of a modifier's interaction with the arm", posterior, "INTERACTION_SD"),
    ("Grid of the common scale, `hierarchical`", posterior, "SCALES"),
    ("SD of its half-normal hyperprior", posterior, "SCALE_HYPERPRIOR_SD"),
    ("Rows that stand for an incomplete patient", rows, "COPIES"),
    ("Members of the ensemble", fit, "MEMBERS"),
    ("Mixing of the elastic net", elastic_net, "MIXING"),
    ("Its penalties", elastic_net, "PENALTIES"),
    ("Folds that choose among them", elastic_net, "FOLDS"),
    ("Learning rate of the trees", boosted, "LEARNING_RATE"),
    ("Their depths, tuned", boosted, "DEPTHS"),
    ("Their rounds, tuned", boosted, "ROUNDS"),
    ("Folds of the cross-validation that chooses", select, "FOLDS"),
    ("Its repeats", select, "REPEATS"),
    ("Up to so many patients nothing of it is reduced", select, "SMALL_TRIAL"),
    ("Bootstrap resamples", validate, "RESAMPLES"),
    ("Repeats of the nested cross-validation", validate, "NESTED_REPEATS"),
    ("Fewest patients for a calibration curve", calibration, "FEWEST_PATIENTS"),
    ("Most patients for loess; beyond, the spline", calibration, "LARGEST_FOR_LOESS"),
    ("Shrinkage aimed at, sample size", sample_size, "SHRINKAGE"),
    ("Optimism of R² allowed, share of its largest", sample_size, "OPTIMISM_OF_R2"),
    ("Margin of the response rate", sample_size, "MARGIN_OF_RATE"),
    ("R² assumed, share of its largest", sample_size, "USUAL_SHARE"),
    ("New patients not inside the support", support, "EDGE_RATE"),
    ("New patients outside it", support, "OUTSIDE_RATE"),
)


def constants_table() -> str:
    return table(("What", "Value", "Where"), _rows())


def _rows() -> Iterator[Sequence[str]]:
    for what, module, name in FIXED:
        yield what, _shown(getattr(module, name)), f"`{module.__name__}.{name}`"


def _shown(value: object) -> str:
    """A number, or a sequence of them: whole if short, else its ends and how many."""
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    numbers = [f"{number:g}" for number in value]  # type: ignore[attr-defined]  # a tuple or an array
    return ", ".join(numbers) if len(numbers) <= 6 else f"{len(numbers)} from {numbers[0]} to {numbers[-1]}"
