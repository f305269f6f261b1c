# Covariance structures of random effects: glmmTMB 1.1.5 (and nlme for the marginal models without random effects) on the
# data sets of data/ and on two seeded ones. Run: Rscript make_structures.R > structures.json (in this folder)
suppressMessages({library(glmmTMB); library(nlme); library(jsonlite)})
ar1 <- read.csv("data/made_ar1.csv"); ar1$g <- factor(ar1$g); ar1$times <- factor(ar1$times, levels = 1:25)
ar1_4 <- subset(ar1, t <= 4); ar1_4$visit <- factor(ar1_4$t); ar1_4$times <- droplevels(ar1_4$times)
ar1$tt <- numFactor(ar1$t); ar1_4$tt <- numFactor(ar1_4$t)
machines <- read.csv("data/Machines.csv"); machines$Worker <- factor(machines$Worker); machines$Machine <- factor(machines$Machine)
sleep <- read.csv("data/sleepstudy.csv"); sleep$Subject <- factor(sleep$Subject); sleep$obs <- factor(seq_len(nrow(sleep)))
sleep$day <- factor(sleep$Days)
orthodont <- read.csv("data/Orthodont.csv"); orthodont$Subject <- factor(orthodont$Subject); orthodont$Sex <- factor(orthodont$Sex)
orthodont$visit <- factor(orthodont$age); orthodont$years <- numFactor(orthodont$age)
bodyweight <- read.csv("data/BodyWeight.csv"); bodyweight$Rat <- factor(bodyweight$Rat); bodyweight$Diet <- factor(bodyweight$Diet)
bodyweight$day <- factor(bodyweight$Time); bodyweight$when <- numFactor(bodyweight$Time)
epil <- read.csv("data/epil.csv"); epil$subject <- factor(epil$subject); epil$trt <- factor(epil$trt, levels = c("placebo", "progabide"))
epil$visit <- factor(epil$period)
# `python`: the formula there, where it is another one
models <- list(
  list("ar1", quote(y ~ x + ar1(times + 0 | g)), "made_ar1", ar1),
  list("ar1_nodisp", quote(y ~ x + ar1(times + 0 | g)), "made_ar1", ar1, disp = ~0),
  list("ar1_reml", quote(y ~ x + ar1(times + 0 | g)), "made_ar1", ar1, reml = TRUE),
  list("ar1_intercept", quote(y ~ x + (1 | g) + ar1(times + 0 | g)), "made_ar1", ar1),
  list("cs_visit", quote(y ~ x + cs(visit + 0 | g)), "made_ar1_4", ar1_4, disp = ~0),
  list("toep", quote(y ~ x + toep(visit + 0 | g)), "made_ar1_4", ar1_4, disp = ~0),
  list("us_visit", quote(y ~ x + us(visit + 0 | g)), "made_ar1_4", ar1_4, disp = ~0),
  list("diag_visit", quote(y ~ x + diag(visit + 0 | g)), "made_ar1_4", ar1_4, disp = ~0),
  list("ar1_4_nodisp_reml", quote(y ~ x + ar1(visit + 0 | g)), "made_ar1_4", ar1_4, disp = ~0, reml = TRUE),
  list("ou", quote(y ~ x + ou(tt + 0 | g)), "made_ar1", ar1, python = "y ~ x + ou(t + 0 | g)"),
  list("machines_cs", quote(score ~ Machine + cs(0 + Machine | Worker)), "Machines", machines, reml = TRUE),
  list("machines_cs_ml", quote(score ~ Machine + cs(0 + Machine | Worker)), "Machines", machines),
  list("machines_toep", quote(score ~ Machine + toep(0 + Machine | Worker)), "Machines", machines, reml = TRUE),
  list("nodisp_sleep", quote(Reaction ~ Days + (1 | Subject) + (1 | obs)), "sleepstudy", sleep, disp = ~0),
  list("sleep_slope_ar1", quote(Reaction ~ Days + (Days | Subject) + ar1(0 + day | Subject)), "sleepstudy", sleep, reml = TRUE),
  list("sleep_cs_slope", quote(Reaction ~ Days + cs(Days | Subject)), "sleepstudy", sleep, reml = TRUE),
  list("orthodont_cs", quote(distance ~ Sex * age + cs(0 + visit | Subject)), "Orthodont", orthodont, disp = ~0),
  list("orthodont_toep", quote(distance ~ Sex * age + toep(0 + visit | Subject)), "Orthodont", orthodont, disp = ~0, reml = TRUE),
  list("orthodont_ou", quote(distance ~ Sex * age + ou(0 + years | Subject)), "Orthodont", orthodont, python = "distance ~ Sex * age + ou(0 + age | Subject)"),
  list("bodyweight_ou", quote(weight ~ Diet * Time + (1 | Rat) + ou(0 + when | Rat)), "BodyWeight", bodyweight, python = "weight ~ Diet * Time + (1 | Rat) + ou(0 + Time | Rat)"),
  list("epil_ar1", quote(y ~ trt + base + ar1(0 + visit | subject)), "epil", epil, family = "poisson"),
  list("epil_cs", quote(y ~ trt + base + cs(0 + visit | subject)), "epil", epil, family = "poisson"),
  list("epil_toep", quote(y ~ trt + base + toep(0 + visit | subject)), "epil", epil, family = "poisson"),
  list("epil_nb_ar1", quote(y ~ trt + base + ar1(0 + visit | subject)), "epil", epil, family = "nbinom2")
)
refined <- function(m) {
  objective <- m$obj
  found <- nlminb(m$fit$par, objective$fn, objective$gr, control = list(rel.tol = 1e-14, x.tol = 1e-12, iter.max = 500, eval.max = 1000))
  min(2 * found$objective, 2 * m$fit$objective)
}
one <- function(spec) {
  family <- if (is.null(spec$family)) "gaussian" else spec$family
  reml <- isTRUE(spec$reml); disp <- if (is.null(spec$disp)) ~1 else spec$disp
  m <- suppressWarnings(eval(bquote(glmmTMB(.(spec[[2]]), data = spec[[4]], family = family, REML = reml, dispformula = disp))))
  python <- if (is.null(spec$python)) paste(deparse(spec[[2]], 500), collapse = "") else spec$python
  sds <- lapply(VarCorr(m)$cond, function(v) unname(attr(v, "stddev")))
  corrs <- lapply(VarCorr(m)$cond, function(v) unname(attr(v, "correlation")[, 1]))
  list(id = spec[[1]], formula = python, data = spec[[3]], family = family, reml = reml, nodisp = deparse(disp) == "~0",
       criterion = refined(m), criterion_default = -2 * as.numeric(logLik(m)), npar = attr(logLik(m), "df"), converged = m$fit$convergence == 0 && isTRUE(m$sdr$pdHess),
       beta = as.list(fixef(m)$cond), se = as.list(sqrt(diag(vcov(m)$cond))), sigma = sigma(m), sd = unname(sds), corr = unname(corrs))
}
marginal <- function(id, m, formula, data, reml) {  # nlme: the residuals themselves have the structure
  list(id = id, formula = formula, data = data, family = "gaussian", reml = reml, nodisp = TRUE, package = "nlme",
       criterion = -2 * as.numeric(logLik(m)), converged = TRUE, beta = as.list(coef(m)), se = as.list(sqrt(diag(vcov(m)))),
       sd = list(sigma(m)), corr = list(coef(m$modelStruct$corStruct, unconstrained = FALSE)))
}
control <- glsControl(tolerance = 1e-12, msTol = 1e-14, msMaxIter = 500, maxIter = 500)
answers <- lapply(models, one)
answers <- c(answers, list(
  marginal("gls_homcs", gls(distance ~ Sex * age, orthodont, corCompSymm(form = ~ 1 | Subject), method = "REML", control = control),
           "distance ~ Sex * age + homcs(0 + visit | Subject)", "Orthodont", TRUE),
  marginal("gls_ar1", gls(distance ~ Sex * age, orthodont, corAR1(form = ~ 1 | Subject), method = "ML", control = control),
           "distance ~ Sex * age + ar1(0 + visit | Subject)", "Orthodont", FALSE),
  marginal("gls_car1", gls(weight ~ Diet * Time, bodyweight, corCAR1(form = ~ Time | Rat), method = "REML", control = control),
           "weight ~ Diet * Time + ou(0 + Time | Rat)", "BodyWeight", TRUE)
))
cat("[\n", paste(sapply(answers, toJSON, auto_unbox = TRUE, digits = NA), collapse = ",\n"), "\n]\n", sep = "")
