"""What each figure of the reports means, as the page says it below its table."""

Words = tuple[tuple[str, str], ...]

_HALF = (
    "The days from the step before that half took at most, and nine in ten, of deals that reached"
    " both, without estimated times."
)
_DECIDED = (
    "The group's deals at the step that have gone on, are lost, or stood there for longer than nine"
    " in ten took."
)
_EXPECTED = (
    "What will have come by the end of a month, as sales of the same group went on before, and"
    " where it lies nine times in ten."
)
_SOLD = "Leads that came to the last step and were not lost since; and where their share lies."
_LEADS = "Deals that were created in the CRM, or reached their first milestone, in these days."

FUNNEL: Words = (
    ("leads", _LEADS),
    ("deals", "Those that came to a step: they reached its milestone or one that follows it."),
    ("of before, of leads", "Their share of those that came to the step before, and of all leads."),
    ("half within, nine in ten", _HALF),
    (
        "stand here, lost here",
        "Deals whose last step it is: they are open still, or were lost there.",
    ),
    ("worth", "What the CRM says that they are worth."),
    ("sent", "What platforms were sent for reaching the step, over all rules that count it."),
)
CUSTOMERS: Words = (
    ("returning", "Another deal of the same customer had been won when this one became a lead."),
    ("won, share", "Those of the leads that are won by now, and where their share lies."),
)
COHORTS: Words = (
    ("leads", _LEADS),
    ("a milestone", "Leads that came to it by now, and their share of the cohort's leads."),
    ("nine in ten sure", "Where the share that came to the last step lies nine times in ten."),
    ("unfinished", "Some of the leads may still be sold: what all will have come to in the end."),
)
SHORTFALLS: Words = (
    ("decided", _DECIDED),
    ("go on", "The share of them that went on, and where it lies nine times in ten."),
    ("of the rest", "The same share of all other deals."),
    ("missing, costs about", "The deals that would have gone on besides, and what those bring."),
    ("take, the rest", "The days that the deal in the middle takes to go on."),
)
CAMPAIGNS: Words = (
    ("leads", _LEADS),
    ("cost, clicks", "What the ad account says of the days."),
    ("a lead, a sale", "The cost by the number of leads, and of these leads' sales."),
    ("sold", _SOLD),
    ("value, return", "What these leads' sales are worth, whenever won; by what was spent."),
    ("at sale date", "What was sold in these days, whenever its lead was; by what was spent."),
)
TREND: Words = (
    ("leads, sales", "Deals that became leads in the week, and those that were won in it."),
    ("lift", "The week beside those before it, and where it lies nine times in ten."),
    ("value, sent", "What the week's sales are worth; conversions that were sent for it."),
    ("ROI", "Sales of deals that began with an ad, less the costs, by the costs."),
)
REVENUE: Words = (
    ("sales", "Deals won in a month of the company's calendar."),
    ("month 0, 1, …", "All that had come in for them by the end of that month after the win."),
    ("so far", "All that has come in, the present month included."),
    ("expected", _EXPECTED),
    ("a sale has brought", "On average of the sales that are as old: the lifetime value so far."),
)
VALUES: Words = (
    ("leads, won, young", "Leads that came there; those won in time; those that may still be."),
    ("chance", "Of a sale within the days above, and where it lies nine times in ten."),
    ("a sale brings", "On average, of the sales whose amount is known."),
    ("value", "Both together: what is sent for a lead by a rule that uses these values."),
    ("group", "Leads to its deals, of which some are too young or too old to learn from."),
)
FORECASTS: Words = (
    ("foretold, nine in ten", "The sales expected of the month's leads, and where they lay."),
    ("came", "The sales that came of them within the days above."),
    ("log loss, of one rate", "How far chances were off, less is better; and one rate for all."),
)
AUDIENCES: Words = (
    ("people", "Who met the condition at the last look: what is one deal's is one person."),
    ("on list", "Hashed e-mails and phones that the platform's list holds; the rest likewise."),
)
COVERAGE: Words = (
    ("conversions", "Milestones that a rule counts, reached in these days."),
    ("covered", "Those with a click or a person to name to the platform; the rest has a reason."),
)
