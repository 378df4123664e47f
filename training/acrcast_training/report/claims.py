"""What nobody may claim of this model, given what the run found."""

from acrcast_training.report.facts import Facts


def not_to_be_claimed(facts: Facts) -> tuple[str, ...]:
    """Sentences, the weightiest first."""
    study, gain = facts.model.study, facts.gain_interval
    possible = [
        (facts.simulated, "Anything about real patients: the data are simulated, and show what the method does."),
        (True, "That it may guide diagnosis or treatment: it is for research only and no medical device."),
        (True, "That it works in other patients: it was not externally validated."),
        (
            not facts.individual,
            "That it tells patients apart: no candidate beat quoting the response rate, which is what it quotes.",
        ),
        (
            facts.individual and gain is not None and gain[0] <= 0,
            "That it is better than quoting the response rate: the data cannot rule out that it is not.",
        ),
        (
            not facts.enough_patients,
            f"That {facts.patients} patients were enough: {facts.card['sample_size']['needed']} are asked for.",
        ),
        (
            not study.has_control,
            "That the drug caused a response: with one arm, response to it and what would have happened anyway are one.",
        ),
        (
            study.has_control and facts.individual and not _ranks_benefit(facts),
            "That it finds those who benefit more: the evidence on the order of predicted benefits does not exclude chance.",
        ),
        (
            study.has_control and not facts.individual,
            "That the benefit differs between patients: only the average effect was estimated.",
        ),
        (
            any(part["too_few"] for part in facts.evidence["subgroups"]),
            "That it does equally well in all groups: some subgroups are too few to judge.",
        ),
        (
            facts.individual,
            "That a measure causes response because it moves the prediction: the model describes, it does not explain.",
        ),
        (
            True,
            "The apparent figures on their own: those to be expected in new patients, with their intervals, are the result.",
        ),
    ]
    return tuple(sentence for holds, sentence in possible if holds)


def _ranks_benefit(facts: Facts) -> bool:
    low = facts.evidence.get("benefit", {}).get("qini", [None, None, None])[1]
    return low is not None and low > 0
