# Fits of R beside those of make_fits.py: other transforms, codings, links, structures. Rscript make_neighbours.R
# reads the models from neighbours.json and writes neighbours.json again with the numbers of this machine's R.
suppressMessages({library(jsonlite); library(lme4); library(lmerTest); library(splines)})
options(contrasts = c("contr.treatment", "contr.poly"))
meta <- fromJSON("data/datasets.json", simplifyVector = FALSE)
names(meta) <- sapply(meta, `[[`, "name")
levels_of <- fromJSON("data/levels.json", simplifyVector = FALSE)

read <- function(name) {
  d <- read.csv(file.path("data", meta[[name]]$file), check.names = FALSE, na.strings = "", colClasses = "character")
  for (column in meta[[name]]$columns) {
    v <- d[[column$name]]
    known <- levels_of[[name]][[column$name]]
    d[[column$name]] <- switch(column$type,
      factor = , ordered = factor(v, levels = unlist(known$levels), ordered = isTRUE(known$ordered)),
      integer = as.integer(v), numeric = as.numeric(v), logical = as.logical(v), v)
  }
  d
}
family_of <- function(text) {
  part <- regmatches(text, regexec("^([A-Za-z.]+)(\\((.*)\\))?$", text))[[1]]
  if (part[4] == "") get(part[2])() else get(part[2])(link = part[4])
}
numbers <- function(v, names = base::names(v)) as.list(setNames(as.numeric(v), names))

lowest <- function(fits) fits[[which.max(sapply(fits, logLik))]]  # there can be several minima

answers <- function(s) {
  d <<- read(s$data)
  options <- list(formula = as.formula(s$formula), data = quote(d))
  if (!is.null(s[["w"]])) { d$.w <<- d[[s[["w"]]]]; options$weights <- quote(.w) }
  if (!is.null(s$contr)) options$contrasts <- lapply(s$contr, function(x) paste0("contr.", x))
  tight <- list(algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 1e-14, ftol_rel = 1e-15, ftol_abs = 1e-13, maxeval = 20000)
  m <- do.call(switch(s$kind, lm = lm, lmer = lmerTest::lmer, glm = glm, glmer = glmer), c(options, switch(s$kind,
    lm = list(), lmer = list(REML = is.null(s$REML)),
    glm = list(family = family_of(s$fam), epsilon = 1e-13, maxit = 100),
    glmer = list(family = family_of(s$fam), nAGQ = if (is.null(s$agq)) 1L else s$agq))))
  best <- switch(s$kind, lm = m, glm = m,
    lmer = lowest(lapply(list(getME(m, "theta"), 10 * (m@lower == 0), m@lower == 0), function(theta)
      update(m, control = lmerControl(optCtrl = tight), start = as.numeric(theta)))),
    glmer = update(m, control = glmerControl(optimizer = "nloptwrap", tolPwrss = 1e-11, optCtrl = tight),
                   start = list(theta = getME(m, "theta"), fixef = fixef(m))))
  mixed <- s$kind %in% c("lmer", "glmer")
  s$beta <- if (mixed) numbers(fixef(best)) else numbers(coef(best))
  table <- summary(m)$coefficients
  s$se <- if (mixed) numbers(sqrt(diag(as.matrix(vcov(best)))), names(fixef(best))) else numbers(table[, 2], rownames(table))
  s$nobs <- nobs(m); s$df_residual <- df.residual(m); s$loglik <- as.numeric(logLik(if (s$kind == "glmer") best else m))
  if (mixed) s$criterion <- if (s$kind == "lmer" && isREML(best)) REMLcrit(best) else -2 * as.numeric(logLik(best))
  if (s$kind == "lm") s$r_squared <- summary(m)$r.squared
  if (s$kind == "glm") { s$deviance <- deviance(m); s$dispersion <- summary(m)$dispersion
    s$working <- as.numeric(residuals(m, "working"))[1:5] }
  if (!mixed) { rows <- d[seq(1, nrow(d), length.out = 7), ]; p <- predict(m, rows, se.fit = TRUE)
    s$predicted <- as.numeric(p$fit); s$predicted_se <- as.numeric(p$se.fit) }
  if (s$kind == "lmer" && !isSingular(m)) for (type in names(s$anova)) { a <- anova(m, type = type)
    s$anova[[type]] <- list(F = I(a[["F value"]]), df = I(a[["DenDF"]])) }
  s
}
all <- fromJSON("neighbours.json", simplifyVector = FALSE)
all$fits <- lapply(all$fits, answers)
write(toJSON(all, digits = NA, auto_unbox = TRUE, na = "null", null = "null", pretty = 0), "neighbours.json")
