# Writes robust.json: cluster-robust covariances and tests of clubSandwich 0.5.8 and sandwich 3.0.2, and degrees of
# freedom of nlme 3.1.162, on the bundled data sets (R 4.2.2, lme4 1.1-31; Debian 12).
#
#     Rscript make_robust.R ../../src/multilevel/datasets robust.json
#
# Rows are thinned by the rule of `thinned`, weights are those of `weight`: test_robust.py repeats both.
suppressMessages({library(jsonlite); library(lme4); library(nlme); library(clubSandwich); library(sandwich)})
args <- commandArgs(TRUE)

read_set <- function(name) {
  d <- read.csv(file.path(args[1], paste0(name, ".csv")), stringsAsFactors = TRUE)
  for (column in c("subject", "worker", "replicate")) if (column %in% names(d)) d[[column]] <- factor(d[[column]])
  if (name == "orthodont") d$sex <- relevel(d$sex, "Male")
  i <- seq_len(nrow(d))
  d$weight <- 0.5 + (3 * i) %% 5 / 2
  d$thinned <- (7 * i) %% 10 >= 3
  d
}

types <- c("CR0", "CR1", "CR1S", "CR2", "CR3")
tight <- lmerControl(optimizer = "nloptwrap", optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 5000))

# one case: model, data set, cluster, whether rows are thinned and weighted, and which coefficients are tested together
cases <- list(
  list("lm", "reaction ~ days", "sleepstudy", "subject", FALSE, FALSE, 1:2),
  list("lm", "distance ~ age * sex", "orthodont", "subject", TRUE, FALSE, 2:4),
  list("lm", "distance ~ age * sex", "orthodont", "subject", TRUE, TRUE, 2:4),
  list("lm", "reaction ~ days + subject", "sleepstudy", "subject", TRUE, FALSE, 2),
  list("lm", "yield ~ nitro * variety", "oats", "block", FALSE, FALSE, 3:4),
  list("lm", "score ~ machine", "machines", "worker", TRUE, TRUE, 2:3),
  list("lmer", "reaction ~ days + (days | subject)", "sleepstudy", "subject", FALSE, FALSE, 1:2),
  list("lmer", "distance ~ age * sex + (age | subject)", "orthodont", "subject", TRUE, FALSE, 2:4),
  list("lmer", "distance ~ age * sex + (1 | subject)", "orthodont", "subject", TRUE, TRUE, 2:4),
  list("lmer", "yield ~ nitro * variety + (1 | block/variety)", "oats", "block", TRUE, FALSE, 3:4),
  list("lmer", "score ~ machine + (1 | worker/machine)", "machines", "worker", TRUE, FALSE, 2:3),
  list("lmer", "strength ~ 1 + (1 | batch/cask)", "pastes", "batch", TRUE, FALSE, 1)
)

answer <- function(case) {
  names(case) <- c("kind", "formula", "data", "cluster", "thin", "weighted", "together")
  d <- read_set(case$data)
  if (case$thin) d <- d[d$thinned, ]
  d <<- d
  f <- as.formula(case$formula)
  call <- list(f, data = quote(d))
  if (case$weighted) call$weights <- quote(weight)
  if (case$kind == "lmer") call$control <- tight
  m <- if (case$kind == "lmer" && case$weighted) {  # clubSandwich has no lmer fits with weights, but those of lme
    lme(nobars(f), random = ~ 1 | subject, data = d, weights = varFixed(~ I(1 / weight)),
        control = lmeControl(tolerance = 1e-12, msTol = 1e-14, msMaxIter = 500))
  } else suppressMessages(suppressWarnings(do.call(case$kind, call)))
  found <- lapply(setNames(types, types), function(type) {
    options <- list(m, cluster = d[[case$cluster]], type = type)
    if (case$kind == "lm" && case$weighted) options$target <- 1 / d$weight
    V <- tryCatch(do.call(vcovCR, options), error = function(e) {message(case$formula, " ", type, ": ", conditionMessage(e)); NULL})
    if (is.null(V)) return(NULL)
    t <- coef_test(m, vcov = V, test = "Satterthwaite")
    w <- Wald_test(m, constrain_zero(case$together), vcov = V, test = "HTZ")
    list(vcov = unclass(as.matrix(V)), df = t$df, htz = list(F = w$Fstat, df2 = w$df_denom, p = w$p_val))
  })
  hc <- if (case$kind == "lm" && !case$weighted) {
    lapply(setNames(nm = c("HC0", "HC2", "HC3")), function(type) vcovHC(m, type = type))
  }
  c(case, list(names = names(if (case$kind == "lm") coef(m) else fixef(m)), answers = found, hc = hc))
}

between_within <- list(
  list("distance ~ age * sex", "~ age | subject", "orthodont", FALSE),
  list("distance ~ 0 + sex + age", "~ 1 | subject", "orthodont", TRUE),
  list("distance ~ sex", "~ 1 | subject", "orthodont", FALSE),
  list("yield ~ nitro * variety", "~ 1 | block/variety", "oats", FALSE),
  list("yield ~ factor(nitro) * variety", "~ 1 | block/variety", "oats", TRUE),
  list("reaction ~ days", "~ days | subject", "sleepstudy", FALSE),
  list("reaction ~ days + I(days^2)", "~ 1 | subject", "sleepstudy", TRUE),
  list("strength ~ 1", "~ 1 | batch/cask", "pastes", FALSE),
  list("strength ~ cask", "~ 1 | batch/cask", "pastes", FALSE),
  list("score ~ machine", "~ 1 | worker/machine", "machines", FALSE)
)

inner_outer <- function(case) {
  names(case) <- c("fixed", "random", "data", "thin")
  d <- read_set(case$data)
  if (case$thin) d <- d[d$thinned, ]
  d <<- d
  m <- do.call("lme", list(as.formula(case$fixed), random = as.formula(case$random), data = quote(d),
                           control = lmeControl(opt = "optim", returnObject = TRUE)))
  a <- anova(m, type = "marginal")
  t <- summary(m)$tTable
  c(case, list(names = rownames(t), df = unname(t[, "DF"]), terms = rownames(a), terms_df = a$denDF))
}

lines <- function(made) {
  one <- function(x) toJSON(x, auto_unbox = TRUE, digits = I(14), null = "null", na = "null")
  paste0("[\n", paste(vapply(made, one, ""), collapse = ",\n"), "\n]")
}
write(paste0('{"robust": ', lines(lapply(cases, answer)), ',\n"between_within": ',
             lines(lapply(between_within, inner_outer)), "}"), args[2])
