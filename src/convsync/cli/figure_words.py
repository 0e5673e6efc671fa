"""What each figure of the reports means, as the page says it below its table."""

Words = tuple[tuple[str, str], ...]

_HALF = (
    "The days from the step before within which half, and 90%, of the deals that reached both got"
    " there, without estimated times."
)
_DECIDED = (
    "The group's deals at the step that have gone on, are lost, or stood there for longer than 90%"
    " took."
)
_EXPECTED = (
    "What will have come in by the end of a month, judging by earlier sales of the same group, with"
    " its 90% interval."
)
_SOLD = "Leads that came to the last step and were not lost since; and their share's 90% interval."
_LEADS = "Deals that were created in the CRM, or reached their first milestone, in these days."

FUNNEL: Words = (
    ("leads", _LEADS),
    ("deals", "Deals that came to a step: they reached its milestone or a later one."),
    ("of before, of leads", "Their share of those that came to the step before, and of all leads."),
    ("half within, nine in ten", _HALF),
    (
        "stand here, lost here",
        "Deals whose last step this is: they are still open, or were lost there.",
    ),
    ("worth", "What the CRM says they are worth."),
    ("sent", "What platforms were sent for reaching the step, over all rules that count it."),
)
CUSTOMERS: Words = (
    ("returning", "Another deal of the same customer had been won when this one became a lead."),
    ("won, share", "The leads that are won by now, and their share's 90% interval."),
)
COHORTS: Words = (
    ("leads", _LEADS),
    ("a milestone", "Leads that have come to it by now, and their share of the cohort's leads."),
    ("nine in ten sure", "The 90% interval of the share that came to the last step."),
    (
        "unfinished",
        "Some of the leads may still be sold: this is what all will have come to in the end.",
    ),
)
SHORTFALLS: Words = (
    ("decided", _DECIDED),
    ("go on", "The share of them that went on, and its 90% interval."),
    ("of the rest", "The same share of all other deals."),
    (
        "missing, costs about",
        "The additional deals that would have gone on, and what they would bring.",
    ),
    ("take, the rest", "The median number of days that deals take to go on."),
)
CAMPAIGNS: Words = (
    ("leads", _LEADS),
    ("cost, clicks", "What the ad account says about these days."),
    ("a lead, a sale", "The cost per lead, and per sale of these leads."),
    ("sold", _SOLD),
    (
        "value, return",
        "What these leads' sales are worth, whenever won; and that divided by the cost.",
    ),
    (
        "at sale date",
        "What was sold in these days, whenever its lead came in; divided by the cost.",
    ),
)
TREND: Words = (
    ("leads, sales", "Deals that became leads in the week, and those that were won in it."),
    ("lift", "The week compared with those before it, and its 90% interval."),
    ("value, sent", "What the week's sales are worth; the conversions that were sent for it."),
    ("ROI", "Sales of deals that began with an ad, minus the costs, divided by the costs."),
)
REVENUE: Words = (
    ("sales", "Deals won in a month of the company's calendar."),
    (
        "month 0, 1, …",
        "Everything that had come in for them by the end of that month after the win.",
    ),
    ("so far", "Everything that has come in, including the present month."),
    ("expected", _EXPECTED),
    ("a sale has brought", "The average over sales that are that old: the lifetime value so far."),
)
VALUES: Words = (
    ("leads, won, young", "Leads that came there; those won in time; those that may still be won."),
    ("chance", "The chance of a sale within the days above, and its 90% interval."),
    ("a sale brings", "The average over sales whose amount is known."),
    ("value", "Both multiplied: what a rule that uses these values sends for a lead."),
    ("group", "Links to its deals, some of which are too young or too old to learn from."),
)
FORECASTS: Words = (
    ("foretold, nine in ten", "The sales expected from the month's leads, with the 90% interval."),
    ("came", "The sales that came from them within the days above."),
    (
        "log loss, of one rate",
        "How far chances were off (less is better); and the same for one rate for all.",
    ),
)
AUDIENCES: Words = (
    ("people", "People who met the condition at the last look, counting one person per deal."),
    ("on list", "Hashed e-mails and phones on the platform's list; the other columns likewise."),
)
COVERAGE: Words = (
    ("conversions", "Milestones that a rule counts, reached in these days."),
    (
        "covered",
        "Those with a click or a person to report to the platform; the others have a reason.",
    ),
)
