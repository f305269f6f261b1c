# Writes glm.json: what R's glm says of families, links, weights, offsets and pairs of counts.
#
#     Rscript make_glm.R data glm.json        (in this folder; R 4.2.2)
suppressMessages({library(jsonlite); library(MASS)})
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

# formula, data, family in R, family here, weights
cases <- list(
  list("cbind(incidence, size - incidence) ~ period", "cbpp", "binomial", "binomial", NULL),
  list("cbind(incidence, size - incidence) ~ period", "cbpp", "binomial(cloglog)", "binomial(cloglog)", NULL),
  list("cbind(incidence, size - incidence) ~ period", "cbpp", "binomial(cauchit)", "binomial(cauchit)", NULL),
  list("cbind(incidence, size - incidence) ~ period", "cbpp", "binomial(log)", "binomial(log)", NULL),
  list("incidence/size ~ period", "cbpp", "binomial", "binomial", "size"),
  list("cbind(incidence, size - incidence) ~ period", "cbpp", "quasibinomial", "quasibinomial", NULL),
  list("incidence ~ period + offset(log(size))", "cbpp", "poisson", "poisson", NULL),
  list("incidence ~ 0 + period", "cbpp", "poisson", "poisson", NULL),
  list("incidence ~ size", "cbpp", "poisson(identity)", "poisson(identity)", NULL),
  list("breaks ~ wool * tension", "warpbreaks", "poisson", "poisson", NULL),
  list("breaks ~ wool * tension", "warpbreaks", "poisson(sqrt)", "poisson(sqrt)", NULL),
  list("breaks ~ wool * tension", "warpbreaks", "quasipoisson", "quasipoisson", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "inverse.gaussian", "inverse_gaussian", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "inverse.gaussian('log')", "inverse_gaussian(log)", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "Gamma('identity')", "gamma(identity)", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "gaussian", "gaussian", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "gaussian('log')", "gaussian(log)", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "negative.binomial(theta = 5)", "negative_binomial size=5", NULL),
  list("breaks ~ wool + tension", "warpbreaks", "glm.nb", "negative_binomial", NULL),
  list("TICKS ~ YEAR + cHEIGHT", "grouseticks", "glm.nb", "negative_binomial", NULL),
  list("mpg ~ wt + factor(cyl)", "mtcars", "gaussian", "gaussian", "hp"),
  list("mpg ~ wt", "mtcars", "Gamma", "gamma", "hp"),
  list("mpg ~ wt", "mtcars", "inverse.gaussian('log')", "inverse_gaussian(log)", "hp"),
  list("mpg ~ wt + I(2 * wt)", "mtcars", "gaussian", "gaussian", NULL),
  list("low ~ age + lwt + smoke", "birthwt", "binomial('probit')", "binomial(probit)", NULL),
  list("y ~ x", "made_gamma", "quasi('log', variance = 'mu^2')", "quasi(log) mu^2", NULL))

quantiles_of <- function(m) list(response = residuals(m, "response")[1:5], pearson = residuals(m, "pearson")[1:5],
  deviance = residuals(m, "deviance")[1:5], working = residuals(m, "working")[1:5])

answers <- lapply(cases, function(case) {
  d <- read_set(case[[2]])
  family <- if (case[[3]] != "glm.nb") eval(parse(text = case[[3]]))
  epsilon <- if (grepl('2 \\*', case[[1]])) 1e-8 else 1e-14  # R's tolerance for the rank of X is a thousandth of it
  d$w_ <- if (is.null(case[[5]])) 1 else d[[case[[5]]]]
  m <- if (case[[3]] == "glm.nb") glm.nb(as.formula(case[[1]]), d, control = glm.control(1e-12, 100)) else
    if (is.null(case[[5]])) glm(as.formula(case[[1]]), family, d, control = list(epsilon = epsilon, maxit = 200)) else
    glm(as.formula(case[[1]]), family, d, weights = w_, control = list(epsilon = epsilon, maxit = 200))
  s <- summary(m, dispersion = if (grepl('^negative|glm.nb', case[[3]])) 1)  # as MASS's glm.nb
  list(formula = case[[1]], data = case[[2]], family = case[[4]], weights = case[[5]], coef = as.list(coef(m)),
       se = as.list(s$coefficients[, 2]), p = as.list(s$coefficients[, 4]), dispersion = s$dispersion,
       deviance = m$deviance, null_deviance = m$null.deviance, df_residual = m$df.residual, df_null = m$df.null,
       aic = m$aic, loglik = as.numeric(logLik(m)), nobs = nobs(m), fitted = fitted(m)[1:5],
       residuals = quantiles_of(m), size = m$theta)
})
write(toJSON(answers, auto_unbox = TRUE, digits = NA, null = "null", na = "null"), args[2])
