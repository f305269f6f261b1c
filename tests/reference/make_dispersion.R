# Writes dispersion.json: what glmmTMB says of generalized linear models without random effects whose dispersion has a model.
#
#     Rscript make_dispersion.R data dispersion.json        (in this folder; R 4.2.2, glmmTMB 1.1.5)
#
# That version describes the variance of gaussian responses.
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

# id, formula, dispformula, ziformula, data, family in glmmTMB, family here
cases <- list(
  list("gaussian", "Reaction ~ Days", "~ Days", "~ 0", "sleepstudy", "gaussian", "gaussian"),
  list("gaussian_factor", "angle ~ recipe + temp", "~ recipe", "~ 0", "cake", "gaussian", "gaussian"),
  list("gaussian_log", "Reaction ~ Days", "~ Days", "~ 0", "sleepstudy", "gaussian('log')", "gaussian(log)"),
  list("gamma", "Reaction ~ Days", "~ Days", "~ 0", "sleepstudy", "Gamma('log')", "gamma(log)"),
  list("nb2", "count ~ spp + mined", "~ mined + DOY", "~ 0", "Salamanders", "nbinom2", "negative_binomial"),
  list("nb1", "count ~ spp + mined", "~ mined", "~ 0", "Salamanders", "nbinom1", "negative_binomial_1"),
  list("nb2_zeros", "count ~ spp + mined", "~ DOY", "~ mined", "Salamanders", "nbinom2", "negative_binomial"),
  list("beta_binomial", "cbind(incidence, size - incidence) ~ period", "~ size", "~ 0", "cbpp", "betabinomial", "beta_binomial"),
  list("tweedie", "y ~ x", "~ x", "~ 0", "made_tweedie", "tweedie", "tweedie"))

answers <- lapply(cases, function(case) {
  d <- read_set(case[[5]])
  m <- glmmTMB(as.formula(case[[2]]), d, family = eval(parse(text = case[[6]])), dispformula = as.formula(case[[3]]),
               ziformula = as.formula(case[[4]]))
  V <- vcov(m, full = TRUE)
  se <- lapply(vcov(m), function(V) unname(sqrt(diag(V))))
  part <- function(name) list(estimate = unname(fixef(m)[[name]]), std_error = se[[name]])
  list(id = case[[1]], formula = case[[2]], dispformula = case[[3]], ziformula = case[[4]], data = case[[5]],
       family = case[[7]], nobs = nobs(m), criterion = -2 * as.numeric(logLik(m)), aic = AIC(m),
       cond = part("cond"), zi = part("zi"), disp = part("disp"), fitted = unname(fitted(m)[1:10]),
       disp_rows = tryCatch(unname(predict(m, type = "disp")[1:10]), error = function(e) NULL))
})
write(paste0("[\n", paste(vapply(answers, function(a) toJSON(a, auto_unbox = TRUE, digits = NA, null = "null", na = "null"), ""),
                          collapse = ",\n"), "\n]"), args[2])
