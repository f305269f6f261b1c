"""Where each data set comes from, what was measured and in which units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """The provenance of one data set; `columns` maps each column to what it holds and its unit."""

    what: str
    rows: int
    columns: dict[str, str]
    origin: str


_DAVIES = "Davies and Goldsmith (eds), Statistical Methods in Research and Production, 4th ed., 1972"
_SIMULATED = "simulated for this project in R, with a fixed seed, after the tutorial's own design"
_TRIALS = {"participant": "participant, 1 to 5", "y": "response (no unit)"}

SOURCES: dict[str, Source] = {
    "sleepstudy": Source(
        "Reaction times of people who may spend three hours a night in bed. The restriction begins after day 2; days "
        "0 to 2 are adaptation and baseline.",
        180,
        {
            "reaction": "mean reaction time on that day, in milliseconds",
            "days": "day of the study, 0 to 9",
            "subject": "one of 18 people",
        },
        "Belenky et al., Journal of Sleep Research 12, 1-12, 2003 (the three-hour group)",
    ),
    "dyestuff": Source(
        "Five preparations of a dyestuff from each of six batches of an intermediate product: how much of the "
        "variation in yield comes from the batches?",
        30,
        {"batch": "one of 6 batches of the intermediate", "yield": "yield of dyestuff of standard colour, in grams"},
        _DAVIES,
    ),
    "dyestuff2": Source(
        "Made-up numbers in the shape of the dyestuff data whose batches vary less than chance alone would have it: "
        "the estimated variance between batches is zero.",
        30,
        {"batch": "one of 6 batches", "yield": "simulated yield (no unit)"},
        "Box and Tiao, Bayesian Inference in Statistical Analysis, 1973, section 5.1",
    ),
    "penicillin": Source(
        "A test of penicillin: each of six samples is put on each of 24 plates of a bacterial culture; a wide clear "
        "zone means a strong sample. Plates and samples are fully crossed.",
        144,
        {
            "diameter": "diameter of the zone without growth, in millimetres",
            "plate": "one of 24 plates, a to x",
            "sample": "one of 6 samples of penicillin, A to F",
        },
        _DAVIES,
    ),
    "pastes": Source(
        "Strength of a chemical paste: two assays of each of three casks sampled from each of ten deliveries. Casks "
        "are nested in batches.",
        60,
        {
            "strength": "strength of the paste",
            "batch": "one of 10 deliveries, A to J",
            "cask": "cask within its batch, a to c",
            "sample": "batch and cask together, 30 in all",
        },
        _DAVIES,
    ),
    "cake": Source(
        "How far a slice of chocolate cake bends before it breaks, for three recipes and six baking temperatures; each "
        "batter (a replicate of a recipe) was shared among the six temperatures.",
        270,
        {
            "replicate": "replicate, 1 to 15, within its recipe",
            "recipe": "recipe A, B or C",
            "temperature": "baking temperature in degrees Fahrenheit, as an ordered category",
            "angle": "angle at which the slice broke, in degrees",
            "temp": "baking temperature in degrees Fahrenheit, as a number",
        },
        "Cook, Chocolate cake: I. Optimum baking temperature, master's thesis, Iowa State College, 1938; "
        "also in Cochran and Cox, Experimental Designs, 2nd ed., 1957",
    ),
    "insteval": Source(
        "Students of ETH Zurich rate lectures. Students, lecturers and departments are partly crossed; all three are "
        "under random codes.",
        73421,
        {
            "s": "one of 2,972 students",
            "d": "one of 1,128 lecturers",
            "studage": "semesters the student has been enrolled: 2 < 4 < 6 < 8",
            "lectage": "how many semesters ago the lecture was given: 1 < ... < 6",
            "service": "1 if the lecture was given for a department other than the lecturer's own, else 0",
            "dept": "one of 14 departments",
            "y": "rating, from 1 (poor) to 5 (very good)",
        },
        "a survey of ETH Zurich; made public by M. Maechler with the R package lme4",
    ),
    "cbpp": Source(
        "New cases of contagious bovine pleuropneumonia, a lung disease of cattle, in Ethiopian herds that were "
        "followed through four periods. Some herds left early.",
        56,
        {
            "herd": "one of 15 herds",
            "incidence": "number of animals newly found infected in the period",
            "size": "number of animals at the start of the period",
            "period": "period, 1 to 4",
        },
        "Lesnoff et al., Preventive Veterinary Medicine 64, 27-40, 2004",
    ),
    "grouseticks": Source(
        "Ticks on the heads of red grouse chicks. Chicks belong to broods, broods to places.",
        403,
        {
            "index": "the chick: one for each row",
            "ticks": "number of ticks",
            "brood": "one of 118 broods",
            "height": "height above sea level, in metres",
            "year": "year, 95 to 97 (1995 to 1997)",
            "location": "one of 63 places",
            "c_height": "height minus the mean height, in metres",
        },
        "Elston et al., Parasitology 122, 563-569, 2001",
    ),
    "verbagg": Source(
        "A questionnaire on verbal aggression: 316 people say for four annoying situations whether they would want to, "
        "and whether they would, curse, scold or shout.",
        7584,
        {
            "anger": "the person's trait anger score (State-Trait Anger Expression Inventory)",
            "gender": "F or M",
            "item": "one of 24 items",
            "resp": "answer: no < perhaps < yes",
            "id": "one of 316 people",
            "btype": "behaviour: curse, scold or shout",
            "situ": "who is to blame in the situation: other or self",
            "mode": "whether the item asks for wanting (want) or doing (do)",
            "r2": "answer in two classes: N (no) or Y (perhaps, yes)",
        },
        "De Boeck and Wilson (eds), Explanatory Item Response Models, 2004",
    ),
    "machines": Source(
        "Six workers, each of whom works three times on each of three kinds of machine.",
        54,
        {
            "worker": "one of 6 workers, ordered by their best score",
            "machine": "kind of machine, A to C",
            "score": "productivity score, from number and quality of the parts made",
        },
        "Milliken and Johnson, Analysis of Messy Data, volume 1, 1992",
    ),
    "oats": Source(
        "A split-plot field trial at Rothamsted: six blocks of three plots, one for each variety of oats, each plot "
        "divided in four for the amounts of nitrogen.",
        72,
        {
            "block": "one of 6 blocks, an ordered category",
            "variety": "variety of oats (the whole plot)",
            "nitro": "nitrogen applied, in hundredweight per acre",
            "yield": "yield, in quarter pounds per sub-plot of 1/80 acre",
        },
        "Yates, Supplement to the Journal of the Royal Statistical Society 2, 181-247, 1935",
    ),
    "orthodont": Source(
        "Growth of the face of 27 children, measured on X-rays every two years.",
        108,
        {
            "distance": "distance from the pituitary gland to the pterygomaxillary fissure, in millimetres",
            "age": "age: 8, 10, 12 or 14 years",
            "subject": "one of 16 boys (M01 to M16) and 11 girls (F01 to F11), an ordered category",
            "sex": "Male or Female",
        },
        "Potthoff and Roy, Biometrika 51, 313-326, 1964",
    ),
    "contraception": Source(
        "Which women in Bangladesh use contraception: a part of the national fertility survey of 1988 and 1989.",
        1934,
        {
            "woman": "the woman: one for each row",
            "district": "one of 60 districts",
            "use": "whether she used contraception at the time: N or Y",
            "livch": "number of living children: 0, 1, 2 or 3+",
            "age": "age in years, minus the mean age",
            "urban": "whether she lived in a town: N or Y",
        },
        "Huq and Cleland, Bangladesh Fertility Survey 1989: Main Report, 1990",
    ),
    "tutorial_d1": Source(
        "The tutorial's first design: five participants who are all alike, 500 trials each. Every mean is 0; the "
        "standard deviation of a trial is 0.2.",
        2500,
        _TRIALS,
        _SIMULATED,
    ),
    "tutorial_d2": Source(
        "The tutorial's second design: five participants who differ, 500 trials each. Their means are -1, -0.5, 0, 0.5 "
        "and 1; the standard deviation of a trial is 0.2.",
        2500,
        _TRIALS,
        _SIMULATED,
    ),
    "tutorial_d3": Source(
        "The tutorial's third design: one outlier among five participants, 500 trials each. Four means are 0, that of "
        "participant 5 is 2; the standard deviation of a trial is 0.2.",
        2500,
        _TRIALS,
        _SIMULATED,
    ),
    "tutorial_d5": Source(
        "The tutorial's design with an effect that differs between participants: 100 participants, two conditions, ten "
        "trials of each. Mean intercept 0, mean effect 1; standard deviations 0.25 between intercepts, 0.4 between "
        "effects, correlated 0.7, and 0.2 between trials.",
        2000,
        {
            "participant": "participant, 1 to 100",
            "condition": "condition, 0 or 1 (a number)",
            "trial": "trial within participant and condition, 1 to 10",
            "y": "response (no unit)",
        },
        _SIMULATED,
    ),
    "tutorial_d6": Source(
        "The tutorial's crossed design: 100 participants respond to each of 50 stimuli five times. Standard deviations "
        "0.25 between participants, 0.9 between stimuli and 0.2 between trials; the mean is 0.",
        25000,
        {
            "participant": "participant, 1 to 100",
            "stimulus": "stimulus, 1 to 50",
            "rep": "repetition, 1 to 5",
            "y": "response (no unit)",
        },
        _SIMULATED,
    ),
}
