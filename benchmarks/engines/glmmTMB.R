# glmmTMB, on generalized models.

here <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "measure.R"))
load_or_skip("glmmTMB")

fit <- function(formula, data, family) suppressMessages(glmmTMB(formula, data, family = family))
# Not logLik(), which is missing where glmmTMB has doubts about the optimum.
answer <- function(model) {
  list(criterion = 2 * model$fit$objective, evaluations = model$fit$evaluations[["function"]])
}

invisible(fit(as.formula(arguments$warm_up_formula), read(arguments$warm_up), arguments$warm_up_family))
time_fits(fit, answer, read(arguments$data), versions_with(c("glmmTMB", "TMB")))
