# Writes digits.json: how R prints numbers and names, for a few hundred random ones.
#     Rscript make_digits.R
# Made with R 4.2.2. Numbers are stored with 17 digits, as text.
library(jsonlite)
set.seed(20261123)
exact <- function(x) ifelse(is.na(x), "NaN", formatC(x, digits = 17, width = 1, format = "g"))
one <- function() switch(sample(6, 1),
  0, NA, sample(-50:2000, 1), round(rnorm(1, sd = 10^runif(1, -3, 4)), sample(0:3, 1)),
  rnorm(1) * 10^runif(1, -5, 6), rnorm(1) * 10^runif(1, -30, 30))
column <- function(n) if (runif(1) < 0.4) replicate(n, one()) else rnorm(n) * 10^runif(1, -3, 4) * 10^runif(n, -1.5, 1)

format_case <- function(i) {
  x <- column(sample(7, 1)); digits <- sample(c(2, 3, 4, 5, 7), 1); nsmall <- sample(c(0, 0, 2), 1)
  list(x = I(exact(x)), digits = digits, nsmall = nsmall, text = I(trimws(format(x, digits = digits, nsmall = nsmall))))
}
p_case <- function(i) {
  x <- ifelse(runif(n <- sample(6, 1)) < 0.5, runif(n), 10^runif(n, -25, 0)); digits <- sample(1:5, 1)
  list(x = I(exact(x)), digits = digits, text = I(format.pval(x, digits = digits)))
}
coefficient_case <- function(i) {
  n <- sample(5, 1); spread <- sample(c(0, 0.5, 2), 1)
  error <- abs(rnorm(n)) * 10^runif(1, -6, 5) * 10^runif(n, -spread, spread)
  m <- cbind(Estimate = error * (t <- rnorm(n, sd = 10^runif(1, -1, 2))), `Std. Error` = error, `t value` = t)
  m <- cbind(m, `Pr(>|t|)` = 2 * pnorm(-abs(t)))
  rownames(m) <- letters[1:n]
  list(estimates = I(exact(m[, 1])), errors = I(exact(m[, 2])), p = I(exact(m[, 4])),
       text = I(head(sub(" +$", "", capture.output(printCoefmat(m, digits = 4))), n + 1)))
}
parts <- c("condition", "treatment", "Days", "I(Days^2)", "(Intercept)", "poly(x, 2)1", "poly(x, 2)2", "x", "period2",
           "Gender", "temperature.L", "temperature.Q", "temperature^4", "log(conc)", "ns(Time, 4)1", "sexM",
           "participantP001", "participantP010", "TypeMississippi", "avg.IQ.ver.cen", "IQ.ver.cen")
abbreviation_case <- function(i) {
  x <- unique(c(sample(parts, sample(7, 1)), outer(sample(parts, 2), sample(parts, 2), paste, sep = ":")))
  n <- sample(c(4, 6, 11), 1)
  list(x = I(x), n = n, text = I(unname(abbreviate(x, n))))
}
word <- function() paste(sample(c(letters, "_x"), sample(c(2, 3, 6, 9, 14), 1), TRUE), collapse = "") |> sub("^_", "a", x = _)
atom <- function() switch(sample(8, 1), word(), word(), word(), paste0("log(", word(), ")"),
  paste0("poly(", word(), ", 3, raw = TRUE)"), paste0("I(", word(), "^2)"), paste0(word(), ":", word()),
  paste(word(), "*", word()))
bar <- function() paste0("(", paste(replicate(sample(4, 1), atom()), collapse = " + "), sample(c(" | ", " || "), 1), word(), ")")
formula_case <- function(i) {
  text <- paste(word(), "~", paste(c(replicate(sample(6, 1), atom()), replicate(sample(3, 1), bar())), collapse = " + "))
  parsed <- tryCatch(parse(text = text)[[1]], error = function(e) quote(y ~ x))
  lines <- deparse(parsed)
  list(x = paste(deparse(parsed, width.cutoff = 500L), collapse = " "), text = I(sub(" +$", "", lines)))
}
cases <- list(format = lapply(1:200, format_case), p_values = lapply(1:100, p_case),
  coefficients = lapply(1:100, coefficient_case), abbreviate = lapply(1:80, abbreviation_case),
  formula = lapply(1:80, formula_case))
write(toJSON(c(list(origin = "R 4.2.2; see make_digits.R"), cases), auto_unbox = TRUE), "digits.json")
