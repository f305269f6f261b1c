# lme4 (and R's lm).

here <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "measure.R"))
load_or_skip("lme4")

fit <- function(formula, data, family) {
  suppressMessages(switch(arguments$kind,
    lm = lm(formula, data),
    glmer = glmer(formula, data, family = family),
    lmer(formula, data, REML = TRUE)))
}
answer <- function(model) {
  if (arguments$kind == "lm") return(list(criterion = -2 * as.numeric(logLik(model)), evaluations = NA))
  criterion <- if (arguments$kind == "glmer") -2 * as.numeric(logLik(model)) else REMLcrit(model)
  list(criterion = criterion, evaluations = model@optinfo$feval)
}
time_refits <- function(data, versions) {
  responses <- as.matrix(read.csv(arguments$responses, header = FALSE))
  model <- fit(formula, data)
  compared <- seq_len(as.numeric(arguments$compared))
  criteria <- vapply(compared, function(i) REMLcrit(suppressMessages(refit(model, responses[i, ]))), 0)
  start <- now()
  done <- 0
  for (i in seq_len(nrow(responses))) {
    suppressMessages(refit(model, responses[i, ]))
    done <- done + 1
    if (now() - start > seconds) break
  }
  report(rows = nrow(data), versions = versions, seconds = (now() - start) / done, criterion = mean(criteria),
         note = "one call each")
}

invisible(fit(as.formula(arguments$warm_up_formula), read(arguments$warm_up), arguments$warm_up_family))
data <- read(arguments$data)
versions <- versions_with("lme4")
if (arguments$kind == "refit") time_refits(data, versions) else time_fits(fit, answer, data, versions)
