# Writes model_matrices.json: R's names, terms and columns for many right-hand sides on one small data set with
# missing values, and what R computes for new data.
#
#     Rscript make_model_matrices.R
#
# Run with R 4.2.2 (stats, splines, jsonlite). No random numbers. `sums` are sum(x_i sin(i)) of each column.

suppressMessages({library(splines); library(jsonlite)})
i <- 1:30
d <- data.frame(
  y = round(sin(i) * 10, 3), x = round(3 + cos(3 * i) + i / 10, 3), z = (7 * i) %% 11 + 1,
  a = factor(c("p", "q", "r"))[(i * i) %% 3 + 1 + (i %% 5 == 0)], b = factor(c("u", "v"))[(i %/% 2) %% 2 + 1],
  o = factor(c("lo", "mid", "hi", "top")[(3 * i) %/% 2 %% 4 + 1], levels = c("lo", "mid", "hi", "top"), ordered = TRUE),
  l = i %% 3 == 0 | i > 22)
d[["odd name"]] <- i / 7
d$x[5] <- NA; d$a[11] <- NA; d$l[20] <- NA; d$y[7] <- NA
new <- data.frame(x = c(2.5, 4.25, 6, NA, 0.5), z = c(1, 4, 12, 2, 9), a = c("q", "r", "p", "p", "q"),
                  b = c("v", "v", "u", "u", "v"), o = c("top", "lo", "mid", "hi", "lo"),
                  l = c(TRUE, FALSE, FALSE, TRUE, TRUE))
for (f in c("a", "b", "o")) new[[f]] <- factor(new[[f]], levels = levels(d[[f]]), ordered = f == "o")

sides <- c(
  "1", "0", "x", "0 + x", "a", "0 + a", "-1 + a", "a - 1", "0 + a + b", "a + b", "a * b", "a:b", "0 + a:b", "a/b", "0 + a/b",
  "a + a:b", "b + a:b", "b:a + a", "a %in% b", "(a + b)/x", "a/(b + x)", "a/b/l", "(a + b + x)^2", "(a + b + l)^3", "(a + x)**2",
  "a * b * x", "a * b - a", "a * b - a:b", "a * b * l - a:b:l", "x:a", "0 + x:a", "x * a", "x + x:a", "0 + x + x:a",
  "a + x:a", "a + x:a - 1", "x:z", "x * z", "o", "0 + o", "o * b", "o:x", "x + o:x", "o:a", "0 + o:b", "b + o:b", "l", "0 + l",
  "l:x", "l * a", "!l", "a:l", "x > 4", "I(x > 4)", "I(x^2)", "I(x**2)", "I(2 * x - z)", "I(x / z)", "I(-x)", "I((x + z)^2)",
  "I(z %% 3)", "I(z %/% 3)", "I(x * 1e5)", "I(x * 0.001)", "I(x == z)", "I(a == \"p\")", "I(a != \"p\")", "I(o > \"mid\")",
  "I(x > 3 & z < 8)", "I(x > 3 | z < 3)", "I(!(x > 3))", "I(a %in% c(\"p\", \"r\"))", "I(z %in% c(1, 4))", "I(l * x)",
  "log(x)", "log(x, 2)", "log(x, base = 3)", "log2(x)", "log10(z)", "log1p(x)", "exp(x/10)", "expm1(x/10)", "sqrt(x)", "abs(x - 3)",
  "sin(x) + cos(x) + tan(x/10)", "sin(2 * pi * x)", "round(x)", "round(x, 1)", "floor(x)", "ceiling(x)", "sign(x - 4)",
  "scale(z)", "scale(z, center = FALSE)", "scale(z, scale = FALSE)", "scale(z):a", "scale(z, scale = F)", "poly(z, 1)",
  "poly(z, 2)", "poly(z, 4)", "poly(z, degree = 3)", "poly(z, 3, raw = TRUE)", "a * poly(z, 2)", "0 + poly(z, 2):a", "ns(z)",
  "ns(z, 3)", "ns(z, df = 4)", "ns(z, df = 3, intercept = TRUE)", "ns(z, knots = c(3, 7))", "ns(z, knots = 5)",
  "ns(z, df = 3, Boundary.knots = c(2, 10))", "bs(z)", "bs(z, df = 5)", "bs(z, df = 5, degree = 2)", "bs(z, degree = 1)",
  "bs(z, knots = c(4, 6), degree = 2)", "bs(z, df = 6, intercept = TRUE)", "bs(z, Boundary.knots = c(0, 14))", "ns(z, 2):a",
  "splines::ns(z, 2)", "factor(z)", "factor(z, levels = c(4, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11))",
  "factor(b, labels = c(\"one\", \"two\"))", "factor(l)", "as.factor(z)", "ordered(a)", "ordered(b, levels = c(\"v\", \"u\"))",
  "as.character(a)", "as.numeric(o)", "as.integer(l)", "as.numeric(l):a", "relevel(a, ref = \"q\")", "interaction(a, b)",
  "C(a, contr.sum)", "C(a, contr.helmert)", "C(a, sum)", "C(a, contr.SAS)", "C(a, contr.treatment, base = 2)",
  "C(o, contr.treatment)", "C(a, contr.sum):x", "C(a, contr.poly) * b", "cbind(x, z)", "cbind(x, z):a", "ifelse(z > 4, x, 0)",
  "ifelse(l, 1, z)", "pmin(x, z)", "pmax(x, z, 3)", "x + offset(z)", "`odd name`", "`odd name`:a", "x + x", "x - x", "a - b",
  "a + b - b", "1 + x", "x + 0", "x - 1 + 1", "x - 0", "-1 + 1 + x", "(a - 1)", "(1 + a) * b", "a * 1", "(a + b) - (1 + b)",
  "(x)", "((a)):((b))", "+x", "I(x) + I(z)", "x + I(x^2) + I(x^3)",
  "poly(z, `odd name`, degree = 2)", "poly(z, `odd name`, degree = 3)", "poly(z, `odd name`, degree = 2, raw = TRUE):b",
  "ns(z, knots = quantile(z, c(0.3, 0.6)))", "bs(z, knots = median(z), Boundary.knots = range(z), degree = 2)",
  "ns(z, knots = mean(z))", "interaction(a, b, drop = TRUE)", "interaction(b, a, sep = \"_\")")

one <- function(side) {
  m <- suppressWarnings(model.frame(as.formula(paste("y ~", side)), d, drop.unused.levels = TRUE))
  X <- suppressWarnings(model.matrix(terms(m), m))
  list(formula = paste("y ~", side), names = I(as.character(colnames(X))), n = nrow(X),
       labels = I(attr(terms(m), "term.labels")), assign = I(as.integer(attr(X, "assign"))),
       sums = I(as.vector(crossprod(X, sin(seq_len(nrow(X)))))))
}
with_contrasts <- function(side, contrasts) {
  m <- model.frame(as.formula(paste("y ~", side)), d, drop.unused.levels = TRUE)
  X <- model.matrix(terms(m), m, contrasts.arg = lapply(contrasts, function(n) paste0("contr.", n)))
  list(formula = paste("y ~", side), contrasts = contrasts, names = I(colnames(X)),
       sums = I(as.vector(crossprod(X, sin(seq_len(nrow(X)))))))
}
later <- function(side) {
  fit <- suppressWarnings(lm(as.formula(paste("y ~", side)), d))
  t <- delete.response(terms(fit))
  X <- suppressWarnings(model.matrix(t, model.frame(t, new, xlev = fit$xlevels), contrasts.arg = fit$contrasts))
  list(formula = paste("y ~", side), rows = I(as.integer(rownames(X)) - 1L), X = unname(X))
}
answers <- list(
  data = d, new = new, matrices = lapply(sides, one),
  contrasts = list(
    with_contrasts("a", list(a = "sum")), with_contrasts("a * b", list(a = "helmert", b = "sum")),
    with_contrasts("o * x", list(o = "treatment")), with_contrasts("0 + a + b", list(a = "sum", b = "sum")),
    with_contrasts("l + a", list(l = "sum", a = "SAS")), with_contrasts("a/b", list(a = "poly", b = "sum")),
    with_contrasts("factor(z)", list("factor(z)" = "sum"))),
  new_data = lapply(c("x", "a * b", "o + l", "poly(z, 3)", "ns(z, 3)", "ns(z, df = 4, intercept = TRUE)", "scale(z)",
    "scale(z, scale = FALSE)", "poly(z, 2):a", "bs(z, df = 5)", "bs(z, degree = 2)", "factor(b)", "I(x^2) + log(z)",
    "C(a, contr.sum)", "ordered(a)", "0 + a:b", "x:o", "bs(z, knots = quantile(z, 0.4), Boundary.knots = range(z))"), later))
write(toJSON(answers, digits = NA, auto_unbox = TRUE, na = "null", pretty = FALSE), "model_matrices.json")
