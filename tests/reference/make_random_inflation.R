# Writes random_inflation.json: what glmmTMB says of zero inflation with random effects.
#
#     Rscript make_random_inflation.R data random_inflation.json        (in this folder; R 4.2.2, glmmTMB)
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

owls <- "SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize) + (1 | Nest)"
# id, formula, ziformula, data, family in glmmTMB, family here
cases <- list(
  list("owls_poisson", owls, "~ 1 + (1 | Nest)", "Owls", "poisson", "poisson"),
  list("owls_nb2", owls, "~ 1 + (1 | Nest)", "Owls", "nbinom2", "negative_binomial"),
  list("owls_nb1", owls, "~ FoodTreatment + (1 | Nest)", "Owls", "nbinom1", "negative_binomial_1"),
  list("owls_slope", owls, "~ ArrivalTime + (0 + ArrivalTime | Nest)", "Owls", "poisson", "poisson"),
  list("sal_poisson", "count ~ spp * mined + (1 | site)", "~ mined + (1 | spp)", "Salamanders", "poisson", "poisson"),
  list("sal_crossed", "count ~ mined + (1 | site) + (1 | spp)", "~ mined + (1 | spp)", "Salamanders", "poisson", "poisson"),
  list("sal_site", "count ~ spp + mined + (1 | site)", "~ mined + (1 | site)", "Salamanders", "poisson", "poisson"),
  list("sal_competing", "count ~ mined + (1 | site)", "~ 1 + (1 | site)", "Salamanders", "nbinom2", "negative_binomial"),
  list("hurdle_gamma", "y ~ x + (1 | g)", "~ x + (1 | g)", "made_tweedie", "ziGamma('log')", "gamma(log)"))

answers <- lapply(cases, function(case) {
  d <- read_set(case[[4]])
  if (case[[4]] == "Owls") d$ArrivalTime <- d$ArrivalTime - 25
  m <- glmmTMB(as.formula(case[[2]]), d, family = eval(parse(text = case[[5]])), ziformula = as.formula(case[[3]]))
  v <- VarCorr(m)
  sds <- function(part) unname(unlist(lapply(v[[part]], function(x) attr(x, "stddev"))))
  se <- lapply(vcov(m), function(V) unname(sqrt(diag(V))))
  re <- ranef(m)
  list(id = case[[1]], formula = case[[2]], ziformula = case[[3]], data = case[[4]], family = case[[6]],
       nobs = nobs(m), criterion = -2 * as.numeric(logLik(m)), pdHess = m$sdr$pdHess, aic = AIC(m),
       cond = list(estimate = unname(fixef(m)$cond), std_error = se$cond),
       zi = list(estimate = unname(fixef(m)$zi), std_error = se$zi),
       sds = sds("cond"), zero_sds = sds("zi"),
       zero_modes = lapply(re$zi, function(b) b[[1]][1:5]),
       zprob = predict(m, type = "zprob")[1:10], conditional = predict(m, type = "conditional")[1:10],
       fitted = unname(fitted(m)[1:10]))
})
write(paste0("[\n", paste(vapply(answers, function(a) toJSON(a, auto_unbox = TRUE, digits = NA, null = "null", na = "null"), ""),
                          collapse = ",\n"), "\n]"), args[2])
