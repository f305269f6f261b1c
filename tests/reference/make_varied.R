# Writes varied.json: everything lmerTest, pbkrtest, lme4, performance and emmeans say of linear mixed models of less common
# kinds: splines, ordered factors, empty cells, columns that others determine, no intercept, offsets, weights, ML, singular.
#
#     Rscript make_varied.R [OUTPUT]
#
# R 4.2.2, lme4 1.1-31 (optimised as far as it goes), lmerTest 3.1-3, pbkrtest 0.5.2, emmeans 1.8.4-1. Data: reference/data.
suppressMessages({library(lme4); library(lmerTest); library(emmeans); library(splines); library(jsonlite)})
options(contrasts = c("contr.treatment", "contr.poly"), width = 80, digits = 7)
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5)
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))), "reading.R"))
output <- c(commandArgs(TRUE), file.path(dirname(folder), "varied.json"))[1]

ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), calc.derivs = FALSE)
quiet <- function(x) suppressMessages(suppressWarnings(x))
try_or <- function(x) tryCatch(quiet(x), error = function(e) NULL)
emm <- function(m, d, call) {
  e <- try_or(eval(parse(text = call), list(m = m, d = d)))
  if (is.null(e)) return(NULL)
  if (inherits(e, "emmGrid")) {
    t <- as.data.frame(quiet(summary(e, infer = c(TRUE, TRUE)))); k <- which(names(t) == "SE")
    list(call = call, estimate = I(t[[k - 1]]), se = I(t$SE), df = I(t$df), lower = I(t[[k + 2]]), upper = I(t[[k + 3]]), p = I(t$p.value))
  } else { t <- as.data.frame(e); list(call = call, term = I(t[["model term"]]), df1 = I(t$df1), df2 = I(t$df2), F = I(t$F.ratio)) }
}
one <- function(id, formula, data, ..., calls = character(), profile = TRUE) {
  d <<- load_set(data); extra <- list(...); f <<- as.formula(formula)
  if (!is.null(extra$rows)) d <<- d[eval(parse(text = extra$rows), d), ]
  args <- list(f, quote(d), REML = is.null(extra$ML), control = quote(ctl))
  if (!is.null(extra$weights)) args$weights <- as.name(extra$weights)
  if (!is.null(extra$contrasts)) args$contrasts <- extra$contrasts
  m <- quiet(eval(as.call(c(quote(lmerTest::lmer), args))))
  cat(id, "")
  out <- list(id = id, formula = formula, data = data, ML = !is.null(extra$ML), theta = I(unname(getME(m, "theta"))), criterion = -2 * as.numeric(logLik(m)))
  for (key in c("rows", "weights", "contrasts")) if (!is.null(extra[[key]])) out[[key]] <- extra[[key]]
  methods <- if (is.null(extra$weights) && is.null(extra$ML)) c("Satterthwaite", "Kenward-Roger") else "Satterthwaite"
  for (ddf in methods) {
    s <- coef(quiet(summary(m, ddf = ddf)))
    out[[paste0("coef_", ddf)]] <- list(names = I(rownames(s)), estimate = I(unname(s[, 1])), se = I(unname(s[, 2])), df = I(unname(s[, 3])), p = I(unname(s[, 5])))
    for (type in c("I", "II", "III")) {
      x <- try_or(anova(m, type = type, ddf = ddf))
      if (!is.null(x)) out[[paste0("anova_", type, "_", ddf)]] <- list(rows = I(rownames(x)), ss = I(x[["Sum Sq"]]), df1 = I(x$NumDF), df2 = I(x$DenDF), F = I(x[["F value"]]), p = I(x[["Pr(>F)"]]))
    }
  }
  x <- try_or(ranova(m))
  if (!is.null(x)) out$ranova <- list(rows = I(rownames(x)), npar = I(x$npar), loglik = I(x$logLik), lrt = I(x$LRT), p = I(x[["Pr(>Chisq)"]]))
  args$REML <- FALSE
  mm <- quiet(eval(as.call(c(quote(lme4::lmer), args))))
  x <- try_or(drop1(mm, test = "Chisq"))
  if (!is.null(x)) out$drop1 <- list(rows = I(rownames(x)), npar = I(x$npar), aic = I(x$AIC), lrt = I(x$LRT), p = I(x[["Pr(Chi)"]]))
  w <- confint(m, method = "Wald"); out$wald <- list(lower = I(unname(w[, 1])), upper = I(unname(w[, 2])))
  if (profile) { ci <- try_or(confint(mm, oldNames = FALSE)); if (!is.null(ci)) out$ci <- list(rows = I(rownames(ci)), lower = I(unname(ci[, 1])), upper = I(unname(ci[, 2]))) }
  out$means <- Filter(Negate(is.null), lapply(calls, function(call) emm(m, d, call)))
  out
}
r <- list(
  one("wgt_poly", "weight ~ poly(Time, 2) * Diet + (Time | Rat)", "BodyWeight", profile = FALSE, calls = c("emmeans(m, ~ Diet)", "pairs(emtrends(m, ~ Diet, var='Time'))", "joint_tests(m)", "contrast(emmeans(m, ~ Diet | Time, at=list(Time=c(1,64))), 'trt.vs.ctrl')")),
  one("crossed_slopes", "y ~ x1 * f + x2 + (x1 || g1) + (x2 | g2)", "made_crossed_na", rows = "1:200", profile = FALSE, calls = c("emmeans(m, ~ f)", "emtrends(m, ~ f, var='x1')", "contrast(emmeans(m, ~ f), 'eff', adjust='holm')", "joint_tests(m)")),
  one("hetero_slopes", "y ~ x * trt + (x | g)", "made_hetero", weights = "w", calls = c("emmeans(m, ~ trt, lmer.df='satterthwaite')", "pairs(emtrends(m, ~ trt, var='x', lmer.df='satterthwaite'))")),
  one("sleep_offset", "Reaction ~ Days + I(Days^2) + offset(5 * Days) + (1 | Subject)", "sleepstudy", calls = c("emmeans(m, ~ Days, at=list(Days=c(0,4,9)))")),
  one("theoph_ns", "conc ~ ns(Time, df = 3) + scale(Wt) + (1 | Subject)", "Theoph", calls = c("emmeans(m, ~ Time, at=list(Time=c(1,5,12)))", "emtrends(m, ~ Time, var='Time', at=list(Time=c(1,12)))")),
  one("co2_bs", "log(uptake) ~ bs(conc, df = 4) * Type + Treatment + (1 | Plant)", "CO2", calls = c("emmeans(m, ~ Type, type='response')", "emmeans(m, ~ Treatment)", "joint_tests(m)")),
  one("cake_ordered", "angle ~ temperature * recipe + (1 | replicate/recipe)", "cake", calls = c("emmeans(m, ~ recipe)", "contrast(emmeans(m, ~ temperature | recipe), 'poly', max.degree=2)", "joint_tests(m)", "pairs(emmeans(m, ~ recipe), adjust='scheffe')")),
  one("rats_empty", "weight ~ Treatment * sex + Lsize + (1 | Litter)", "RatPupWeight", rows = "!(Treatment == 'High' & sex == 'Male')", calls = c("emmeans(m, ~ Treatment * sex)", "emmeans(m, ~ sex)", "joint_tests(m)")),
  one("arabidopsis", "log(total.fruits + 1) ~ nutrient * amd + reg + popu + status + (1 | gen)", "Arabidopsis", rows = "1:300", profile = FALSE, calls = c("emmeans(m, ~ amd)", "emmeans(m, ~ status)", "pairs(emmeans(m, ~ status))")),
  one("oats_cells", "yield ~ 0 + Variety + Variety:nitro + (1 | Block/Variety)", "Oats", calls = c("emmeans(m, ~ Variety)", "emtrends(m, ~ Variety, var='nitro')")),
  one("tv_singular", "Coloursaturation ~ TVset * Picture + (TVset | Assessor)", "TVbo", profile = FALSE, calls = c("pairs(emmeans(m, ~ TVset))", "emmeans(m, ~ TVset | Picture)")),
  one("orthodont_ml", "distance ~ I(age - 11) * Sex + (I(age - 11) | Subject)", "Orthodont", ML = TRUE, calls = c("emmeans(m, ~ Sex, lmer.df='satterthwaite')", "emmeans(m, ~ Sex)")),
  one("pixel_slopes", "pixel ~ day + I(day^2) + (day | Dog) + (1 | Side:Dog)", "Pixel", calls = c("emmeans(m, ~ day, at=list(day=c(0,10)))", "emtrends(m, ~ day, var='day', at=list(day=c(0,10)))")),
  one("machines_unbalanced", "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", "Machines", rows = "-c(2, 3, 6, 8, 9, 12, 19, 20, 27, 33)", calls = c("pairs(emmeans(m, ~ Machine))", "contrast(emmeans(m, ~ Machine), 'consec')", "joint_tests(m)")),
  one("oxide_site", "Thickness ~ Source * Site + (1 | Lot/Wafer)", "Oxide", calls = c("emmeans(m, ~ Source)", "pairs(emmeans(m, ~ Site), adjust='bonferroni')", "joint_tests(m)")),
  one("gasoline_int", "yield ~ endpoint * vapor + API + (1 | Sample)", "Gasoline", calls = c("emmeans(m, ~ 1)", "emtrends(m, ~ vapor, var='endpoint', at=list(vapor=c(2,6)))")),
  one("obk_sum", "value ~ treatment * gender * phase + (phase | id)", "obk_long", contrasts = list(treatment = "contr.sum", gender = "contr.sum", phase = "contr.sum"), profile = FALSE, calls = c("emmeans(m, ~ treatment)", "pairs(emmeans(m, ~ phase | gender))", "joint_tests(m)")),
  one("sleep_slope_ml", "log(Reaction) ~ factor(Days) + (0 + Days | Subject) + (1 | Subject)", "sleepstudy", ML = TRUE, calls = c("emmeans(m, ~ Days, type='response')", "contrast(emmeans(m, ~ Days), 'mean_chg')")),
  one("ham_crossed", "Informed.liking ~ Product * Information + scale(Age) + Gender + (1 | Consumer) + (1 | Product:Consumer)", "ham", rows = "1:240", profile = FALSE, calls = c("emmeans(m, ~ Product | Information)", "joint_tests(m)")),
  one("petrol_ml", "Y ~ SG + VP * V10 + EP + (1 | No)", "petrol", ML = TRUE),
  one("soy_zcp", "log(weight) ~ Variety * Year + Time + I(Time^2) + (Time || Plot)", "Soybean", profile = FALSE, calls = c("pairs(emmeans(m, ~ Variety | Year))")),
  one("beets_cov", "sugpct ~ harvest + sow + yield + (1 | block:harvest)", "beets", calls = c("emmeans(m, ~ sow)", "emtrends(m, ~ 1, var='yield')", "joint_tests(m)")),
  one("sleep_paired", "extra ~ group + (1 | ID)", "sleep", calls = c("pairs(emmeans(m, ~ group))")),
  one("early", "cog ~ age * trt + (age | id)", "Early", calls = c("pairs(emtrends(m, ~ trt, var='age'))", "emmeans(m, ~ trt | age, at=list(age=c(1,2)))")),
  one("nif", "log(activity + 1) ~ log(NIF + 1) + (1 | Tissue)", "Nitrendipene", calls = c("emmeans(m, ~ NIF, at=list(NIF=c(1,10)))")),
  one("oranges_days", "sales1 ~ price1 * price2 + (1 | store) + (1 | day)", "oranges", calls = c("emmeans(m, ~ price1, at=list(price1=c(40,60)))")))
cat("\n")
rows <- sapply(r, toJSON, digits = I(15), auto_unbox = TRUE, na = "null")
writeLines(paste0("[\n", paste(rows, collapse = ",\n"), "\n]"), output)
