# Writes few_groups.json: what pbkrtest says of models with six groups and random slopes, most of whose fits are singular.
#
#     Rscript make_few_groups.R [OUTPUT]
#
# R 4.2.2, lme4 1.1-31 (optimised as far as it goes), lmerTest 3.1-3, pbkrtest 0.5.2. Drawn here, as in
# benchmarks/coverage.py: half of the groups treated, which does nothing; an effect of x of 0.5.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
output <- c(commandArgs(TRUE), file.path(here, "few_groups.json"))[1]
ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), calc.derivs = FALSE)
one <- function(seed) {
  set.seed(seed)
  g <- rep(1:6, sample(4:10, 6, TRUE)); treated <- (g - 1) %% 2; x <- round(rnorm(length(g)), 3)
  y <- round(1 + 0.5 * x + rnorm(6, 0, 0.8)[g] + rnorm(6, 0, 0.4)[g] * x + rnorm(length(g)), 3)
  d <<- data.frame(g, treated, x, y)
  m <- suppressMessages(suppressWarnings(lmerTest::lmer(y ~ treated + x + (x | g), d, control = ctl)))
  k <- coef(summary(m, ddf = "Kenward-Roger"))
  list(seed = seed, singular = isSingular(m), loglik = as.numeric(logLik(m)), g = I(g), x = I(x), y = I(y), se = I(unname(k[, 2])), df = I(unname(k[, 3])), p = I(unname(k[, 5])))
}
rows <- sapply(lapply(1:24, one), toJSON, digits = I(15), auto_unbox = TRUE)
writeLines(paste0("[\n", paste(rows, collapse = ",\n"), "\n]"), output)
