# Writes glmmTMB.json: what glmmTMB says of families that lme4 does not have, or whose dispersion it does not maximise.
#
#     Rscript make_glmmTMB.R data glmmTMB.json        (in this folder; R 4.2.2, glmmTMB)
suppressMessages({library(jsonlite); library(glmmTMB)})
args <- commandArgs(TRUE)
folder <- args[1]
levels_of <- fromJSON(file.path(folder, "levels.json"), simplifyVector = FALSE)
sets <- fromJSON(file.path(folder, "datasets.json"), simplifyVector = FALSE)
names(sets) <- vapply(sets, function(s) s$name, "")

read_set <- function(name) {
  d <- read.csv(file.path(folder, sets[[name]]$file), colClasses = "character", na.strings = "",
                check.names = FALSE, encoding = "UTF-8")
  for (column in sets[[name]]$columns) {
    x <- d[[column$name]]
    known <- levels_of[[name]][[column$name]]
    d[[column$name]] <- switch(column$type,
      factor = , ordered = factor(x, levels = unlist(known$levels), ordered = known$ordered),
      integer = as.integer(x), numeric = as.numeric(x), logical = as.logical(x), x)
  }
  d
}

# formula, data, family in glmmTMB, family here, and the models of zeros and of the dispersion if there are any
cases <- list(
  list("Reaction ~ Days + (1 | Subject)", "sleepstudy", "Gamma('identity')", "gamma(identity)"),
  list("y ~ x + (x | g)", "made_gamma", "Gamma('log')", "gamma(log)"),
  list("Reaction ~ Days + (Days | Subject)", "sleepstudy", "gaussian('log')", "gaussian(log)"),
  list("count ~ spp + mined + (1 | site)", "Salamanders", "nbinom1", "negative_binomial_1"),
  list("cbind(incidence, size - incidence) ~ period + (1 | herd)", "cbpp", "betabinomial", "beta_binomial"),
  list("cbind(k, n - k) ~ x + (1 | g)", "made_binary", "betabinomial('probit')", "beta_binomial(probit)"),
  list("y ~ x + trt + (1 | g)", "made_beta", "beta_family('probit')", "beta(probit)"),
  list("y ~ x + trt + (x | g)", "made_beta", "beta_family('cloglog')", "beta(cloglog)"),
  list("y ~ x + (1 | g)", "made_binary", "binomial('cloglog')", "binomial(cloglog)"),
  list("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "grouseticks", "nbinom2", "negative_binomial"),
  list("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "grouseticks", "nbinom1", "negative_binomial_1"),
  list("count ~ spp + mined", "Salamanders", "nbinom2", "negative_binomial"),
  list("y ~ x + trt", "made_beta", "beta_family()", "beta"),
  list("count ~ spp + mined + (1 | site)", "Salamanders", "truncated_nbinom2", "truncated_negative_binomial", "~ mined"),
  list("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)", "grouseticks", "truncated_nbinom1", "truncated_negative_binomial_1", "~ YEAR"),
  list("y ~ x", "made_tweedie", "tweedie", "tweedie"),
  list("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "grouseticks", "genpois", "generalized_poisson"),
  list("count ~ spp + mined + (1 | site)", "Salamanders", "genpois", "generalized_poisson", "~ mined"),
  list("count ~ mined + (1 | site)", "Salamanders", "truncated_genpois", "truncated_generalized_poisson", "~ mined"),
  list("y ~ Base + trt + Age + (1 | subject)", "epil2", "genpois", "generalized_poisson"),
  list("effort ~ Type", "ergoStool", "genpois", "generalized_poisson"),
  list("k ~ x + offset(log(n)) + (1 | g)", "made_binary", "genpois", "generalized_poisson"),
  list("count ~ mined + (1 | site)", "Salamanders", "genpois", "generalized_poisson", "~ mined", "~ mined"),
  list("y ~ x + (1 | g)", "made_gamma", "Gamma('log')", "gamma(log)", "~ 0", "~ x"))

answers <- lapply(cases, function(case) {
  d <- read_set(case[[2]])
  zeros <- if (length(case) > 4) case[[5]] else "~ 0"
  spread <- if (length(case) > 5) case[[6]] else "~ 1"
  m <- glmmTMB(as.formula(case[[1]]), d, family = eval(parse(text = case[[3]])), ziformula = as.formula(zeros),
               dispformula = as.formula(spread))
  vc <- VarCorr(m)$cond
  list(formula = case[[1]], data = case[[2]], family = case[[4]], criterion = -2 * as.numeric(logLik(m)),
       beta = as.list(fixef(m)$cond), se = as.list(sqrt(diag(vcov(m)$cond))), sigma = sigma(m), aic = AIC(m),
       bic = BIC(m), sd = lapply(vc, function(v) as.list(attr(v, "stddev"))),
       pdHess = m$sdr$pdHess, pearson = tryCatch(residuals(m, "pearson")[1:5], error = function(e) NULL), fitted = fitted(m)[1:5],
       ziformula = if (zeros == "~ 0") NULL else zeros, dispformula = if (spread == "~ 1") NULL else spread,
       disp = if (spread == "~ 1") NULL else list(estimate = fixef(m)$disp, se = sqrt(diag(vcov(m)$disp))))
})
write(toJSON(answers, auto_unbox = TRUE, digits = NA, null = "null", na = "null"), args[2])
