# lme4 (and R's lm): the same case, clock, memory and line of JSON as the Python engines.
# Arguments: NAME=VALUE for data, responses, warm_up (csv files), formula, warm_up_formula, factors, kind, seconds,
# compared.

words <- strsplit(commandArgs(trailingOnly = TRUE), "=", fixed = TRUE)
arguments <- lapply(words, function(word) paste(word[-1], collapse = "="))
names(arguments) <- vapply(words, `[`, "", 1)

as_json <- function(value) {
  if (is.list(value)) {
    paste0("{", paste(sprintf('"%s": %s', names(value), vapply(value, as_json, "")), collapse = ", "), "}")
  } else if (length(value) == 0 || is.na(value)) "null"
  else if (is.character(value)) encodeString(value, quote = '"')
  else format(value, digits = 17)
}
report <- function(...) cat(as_json(list(...)), "\n", sep = "")

if (!requireNamespace("lme4", quietly = TRUE)) {
  report(skipped = "lme4 is not installed")
  quit()
}
suppressPackageStartupMessages(library(lme4))
options(warn = -1)

read <- function(file) {
  data <- read.csv(file)
  for (name in intersect(strsplit(arguments$factors, ",")[[1]], names(data))) data[[name]] <- factor(data[[name]])
  data
}
fit <- function(formula, data) {
  suppressMessages(if (arguments$kind == "lm") lm(formula, data) else lmer(formula, data, REML = TRUE))
}
answer <- function(model) {
  if (arguments$kind == "lm") list(criterion = -2 * as.numeric(logLik(model)), evaluations = NA)
  else list(criterion = REMLcrit(model), evaluations = model@optinfo$feval)
}
now <- function() as.numeric(Sys.time())

memory <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  1024 * as.numeric(gsub("[^0-9]", "", line))
}
watch_memory <- function() {
  if (file.access("/proc/self/clear_refs", 2) != 0) return(NA)
  invisible(gc(full = TRUE))
  cat("5", file = "/proc/self/clear_refs")
  memory("VmRSS")
}

seconds <- as.numeric(arguments$seconds)
formula <- as.formula(arguments$formula)
invisible(fit(as.formula(arguments$warm_up_formula), read(arguments$warm_up)))
data <- read(arguments$data)
versions <- list(R = paste(R.version$major, R.version$minor, sep = "."), lme4 = as.character(packageVersion("lme4")),
                 BLAS = basename(unname(extSoftVersion()["BLAS"])))

if (arguments$kind == "refit") {
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
} else {
  before <- watch_memory()
  start <- now()
  model <- fit(formula, data)
  times <- now() - start
  peak <- if (is.na(before)) NA else max(0, memory("VmHWM") - before)
  found <- answer(model)
  write_report <- function(times) {
    report(rows = nrow(data), versions = versions, seconds = median(times), fits = length(times), peak_bytes = peak,
           criterion = found$criterion, evaluations = found$evaluations)
  }
  write_report(times)
  rm(model)
  while (sum(times) < seconds && length(times) <= 1000) {
    start <- now()
    fit(formula, data)
    times <- c(times, now() - start)
  }
  if (length(times) > 1) times <- times[-1]
  write_report(times)
}
