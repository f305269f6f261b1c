# Writes tight.json: lmerTest's Satterthwaite tables and ranova of the models whose default optimum in lme4 is not one,
# fitted anew with a tight optimiser, so that a difference from lme4's default can be told from an error of ours.
#
#     Rscript make_tight.R [OUTPUT]
#
# R 4.2.2, lme4 1.1-31, lmerTest 3.1-3, pbkrtest 0.5.2. Data: those of reference/data. `weighted`: Kenward-Roger tables of
# weighted models written without weights, rows times sqrt(w), which is the same model; pbkrtest's formulas for weights
# are not asked for.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))), "reading.R"))
output <- c(commandArgs(TRUE), file.path(dirname(folder), "tight.json"))[1]

bobyqa_tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 2e-2, rhoend = 1e-9, maxfun = 1e5), calc.derivs = FALSE)
simplex_tight <- lmerControl(optimizer = "nloptwrap", optCtrl = list(algorithm = "NLOPT_LN_NELDERMEAD", xtol_abs = 1e-11, xtol_rel = 1e-12, ftol_abs = 1e-13, ftol_rel = 1e-15, maxeval = 1e5), calc.derivs = FALSE)
columns <- function(m, ddf) { s <- coef(summary(m, ddf = ddf)); list(rows = I(rownames(s)), se = I(unname(s[, 2])), df = I(unname(s[, 3])), p = I(unname(s[, 5]))) }
one <- function(id, formula, data, reml = TRUE, satterthwaite = FALSE) {
  d <<- load_set(data); f <<- as.formula(formula); r <<- reml
  fits <- suppressMessages(suppressWarnings(list(lmerTest::lmer(f, d, REML = r, control = bobyqa_tight), lmerTest::lmer(f, d, REML = r, control = simplex_tight))))
  m <- fits[[which.max(sapply(fits, logLik))]]
  x <- suppressMessages(suppressWarnings(lapply(fits, ranova)))
  best <- which.max(sapply(fits, logLik))
  cat(id, "")
  loglik <- pmax(x[[1]]$logLik, x[[2]]$logLik)
  out <- list(id = id, theta = I(unname(getME(m, "theta"))),
              ranova = list(rows = I(rownames(x[[best]])), npar = I(x[[best]]$npar), loglik = I(loglik)))
  if (satterthwaite) {
    out$coef_satterthwaite <- columns(m, "Satterthwaite")
    for (type in c("I", "II", "III")) {
      a <- anova(m, type = type)
      out[[paste0("anova_", type, "_satterthwaite")]] <- list(rows = I(rownames(a)), ss = I(a[["Sum Sq"]]), df1 = I(a$NumDF),
        df2 = I(a$DenDF), F = I(a[["F value"]]), p = I(a[["Pr(>F)"]]))
    }
  }
  out
}
weighted <- function(id, formula, data) {
  d <<- data; f <<- as.formula(formula)
  m <- suppressMessages(suppressWarnings(lmerTest::lmer(f, d, control = bobyqa_tight)))
  cat(id, "")
  list(id = id, weighted = columns(m, "Kenward-Roger"))
}
sleep <- load_set("sleepstudy"); sleep$s <- sqrt(sleep$w <- sleep$Days + 1)
hetero <- load_set("made_hetero"); hetero$s <- sqrt(hetero$w)
r <- list(
  one("bodyweight", "weight ~ Time * Diet + (Time | Rat)", "BodyWeight"),
  one("cake_linear", "angle ~ recipe + temp + (temp | replicate:recipe)", "cake"),
  one("chem97_2", "score ~ gcsecnt + gender + (gcsecnt | school) + (1 | lea)", "Chem97"),
  one("egsingle_3level", "math ~ year * size + female + black + hispanic + (year | childid) + (year | schoolid)", "egsingle"),
  one("fatigue", "relLength ~ cycles + I(cycles^2) + (cycles | Path)", "Fatigue", satterthwaite = TRUE),
  one("md16_4_cov", "induct ~ cond * cog + (cog || room:cond)", "md_16_4"),
  one("orange_rs", "circumference ~ age + (age | Tree)", "Orange", satterthwaite = TRUE),
  one("orthodont_int", "distance ~ age * Sex + (age | Subject)", "Orthodont"),
  one("petrol_vapor", "Y ~ EP + SG + VP + V10 + (EP | No)", "petrol"),
  one("sleep_badscale_rs", "Reaction ~ I(Days*1000) + (I(Days*1000) | Subject)", "sleepstudy"),
  one("spruce", "logSize ~ days * plot + (days | Tree)", "Spruce"),
  one("tut_d5_lmer_rs_ml", "y ~ condition + (condition | participant)", "tut_d5", FALSE))
r <- c(r, list(
  weighted("sleep_weights", "s * Reaction ~ 0 + s + s:Days + (0 + s + s:Days | Subject)", sleep),
  weighted("made_hetero_weights", "s * y ~ 0 + s + s:x + s:b + (0 + s | g)", within(hetero, b <- as.numeric(trt == "b")))))
cat("\n")
rows <- sapply(r, toJSON, digits = I(15), auto_unbox = TRUE, na = "null")
writeLines(paste0("[\n", paste(rows, collapse = ",\n"), "\n]"), output)
