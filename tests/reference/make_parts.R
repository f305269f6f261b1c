# Writes parts.json: what glmmTMB and emmeans say of the parts of a model of zero inflation and dispersion.
#
# Run as `Rscript tests/reference/make_parts.R` (R 4.2.2, glmmTMB 1.1.5, emmeans 1.8.4, jsonlite). Expected responses
# over the grid are computed here from R's own model matrices, estimates and joint covariance by the delta method, as
# emmeans' component = "response" does not run with this version of glmmTMB.
suppressMessages({library(glmmTMB); library(emmeans); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
data(Salamanders, package = "glmmTMB")
d <- Salamanders
m <- glmmTMB(count ~ spp + mined + (1 | site), d, family = nbinom2, ziformula = ~ mined + DOY, dispformula = ~ cover)

rows <- function(made, ...) {
  s <- as.data.frame(summary(made, ...))
  list(estimate = s[[which(names(s) %in% c("emmean", "estimate", "prob", "response", "odds.ratio", "ratio", "DOY.trend"))[1]]], std_error = s$SE)
}
grid <- expand.grid(spp = levels(d$spp), mined = levels(d$mined), stringsAsFactors = TRUE)
grid$spp <- factor(grid$spp, levels(d$spp)); grid$mined <- factor(grid$mined, levels(d$mined))
grid$DOY <- mean(d$DOY)
beta <- fixef(m)$cond; gamma <- fixef(m)$zi
V <- vcov(m, full = TRUE)
keep <- c(seq_along(beta), length(beta) + seq_along(gamma))
V <- V[keep, keep]
expected <- function(grid) {
  X <- model.matrix(~ spp + mined, grid); W <- model.matrix(~ mined + DOY, grid)
  mu <- exp(drop(X %*% beta)); pi <- plogis(drop(W %*% gamma))
  list(value = (1 - pi) * mu, J = cbind((1 - pi) * mu * X, -mu * pi * (1 - pi) * W))
}
combined <- function(e, L) list(estimate = drop(L %*% e$value), std_error = sqrt(diag(L %*% e$J %*% V %*% t(e$J) %*% t(L))))
means <- rbind((grid$mined == "yes") / 7, (grid$mined == "no") / 7)
e <- expected(grid)
step <- 0.001 * diff(range(d$DOY)); up <- grid; up$DOY <- up$DOY + step
f <- expected(up)
trend <- list(value = (f$value - e$value) / step, J = (f$J - e$J) / step)

less <- glmmTMB(count ~ spp + mined + (1 | site), d, family = nbinom2, ziformula = ~ mined, dispformula = ~ cover)
none <- glmmTMB(count ~ spp + mined + (1 | site), d, family = nbinom2, dispformula = ~ cover)
out <- list(
  versions = list(glmmTMB = as.character(packageVersion("glmmTMB")), emmeans = as.character(packageVersion("emmeans"))),
  names = rownames(vcov(m, full = TRUE)), vcov = unname(vcov(m, full = TRUE)),
  cond = list(means = rows(emmeans(m, ~ mined)), response = rows(emmeans(m, ~ mined), type = "response"),
              pairs = rows(pairs(emmeans(m, ~ mined)), type = "response")),
  zi = list(means = rows(emmeans(m, ~ mined, component = "zi")), response = rows(emmeans(m, ~ mined, component = "zi"), type = "response"),
            pairs = rows(pairs(emmeans(m, ~ mined, component = "zi")), type = "response"),
            trend = rows(emtrends(m, ~ 1, "DOY", component = "zi"))),
  response = list(means = combined(e, means), pairs = combined(e, means[1, , drop = FALSE] - means[2, , drop = FALSE]),
                  cells = combined(e, diag(nrow(grid)))[c("estimate", "std_error")],
                  trend = combined(trend, matrix(1 / nrow(grid), 1, nrow(grid)))),
  predicted = lapply(c(conditional = "conditional", zprob = "zprob", response = "response"), function(type) {
    p <- predict(m, type = type, se.fit = TRUE)
    list(estimate = p$fit[1:30], std_error = p$se.fit[1:30])
  }),
  confint = list(names = rownames(confint(m)), limits = unname(confint(m))),
  glm = lapply(list(poisson = poisson, negative_binomial = nbinom2), function(family) {
    g <- glmmTMB(count ~ spp + mined, d, family = family, ziformula = ~ mined)
    s <- coef(summary(g))
    list(criterion = -2 * as.numeric(logLik(g)), size = sigma(g), aic = AIC(g), df_residual = df.residual(g),
         cond = list(estimate = unname(s$cond[, 1]), std_error = unname(s$cond[, 2])),
         zi = list(estimate = unname(s$zi[, 1]), std_error = unname(s$zi[, 2])),
         pearson = unname(residuals(g, type = "pearson"))[1:20])
  }),
  less = -2 * as.numeric(logLik(less)), none = -2 * as.numeric(logLik(none)), full = -2 * as.numeric(logLik(m)),
  pearson = unname(residuals(m, type = "pearson"))[1:20]
)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(here, "parts.json"))
