# Writes wald.json: coefficients and their covariance of generalized mixed models, from which Wald tests of terms follow.
#
#     Rscript make_wald.R [OUTPUT]
#
# R 4.2.2, lme4 1.1-31 (bobyqa, rhoend 1e-9). Data: those of reference/data. The covariance is lme4's, by differences.
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "emmeans_answers.R"))
one <- function(id, formula, data, family) {
  d <<- load_set(data); f <<- as.formula(formula); g <<- family
  m <- suppressMessages(suppressWarnings(glmer(f, d, family = g, control = tight)))
  X <- model.matrix(m)
  list(id = id, formula = formula, data = data, family = family, terms = I(attr(terms(m), "term.labels")),
    assign = I(attr(X, "assign")), names = I(names(fixef(m))), coef = I(unname(fixef(m))), vcov = unname(as.matrix(vcov(m))))
}
models <- list(
  one("owls", "SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize) + (1 | Nest)", "Owls", "poisson"),
  one("bacteria", "y ~ ap * factor(week > 2) + (1 | ID)", "bacteria", "binomial"),
  one("cbpp", "cbind(incidence, size - incidence) ~ period + (1 | herd)", "cbpp", "binomial"),
  one("contraception", "use ~ urban * age + I(age^2) + livch + (1 | district)", "Contraception", "binomial"),
  one("ticks", "TICKS ~ YEAR * cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "grouseticks", "poisson"))
text <- sapply(models, toJSON, digits = I(15), auto_unbox = TRUE)
writeLines(paste0("[\n", paste(text, collapse = ",\n"), "\n]"), c(commandArgs(TRUE), file.path(here, "wald.json"))[1])
