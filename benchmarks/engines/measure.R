# What the R engines share: data in, fits timed, memory watched, one line of JSON out, as measure.py for Python.
# Arguments: NAME=VALUE for data, responses, warm_up (csv files), formula, warm_up_formula, family, warm_up_family,
# factors, kind, seconds, compared.

words <- strsplit(commandArgs(trailingOnly = TRUE), "=", fixed = TRUE)
arguments <- lapply(words, function(word) paste(word[-1], collapse = "="))
names(arguments) <- vapply(words, `[`, "", 1)
seconds <- as.numeric(arguments$seconds)
formula <- as.formula(arguments$formula)
options(warn = -1)

as_json <- function(value) {
  if (is.list(value)) {
    paste0("{", paste(sprintf('"%s": %s', names(value), vapply(value, as_json, "")), collapse = ", "), "}")
  } else if (length(value) == 0 || is.na(value)) "null"
  else if (is.character(value)) encodeString(value, quote = '"')
  else format(value, digits = 17)
}
report <- function(...) cat(as_json(list(...)), "\n", sep = "")

load_or_skip <- function(package) {
  if (!requireNamespace(package, quietly = TRUE)) {
    report(skipped = paste(package, "is not installed"))
    quit()
  }
  suppressPackageStartupMessages(library(package, character.only = TRUE))
}
versions_with <- function(packages) {
  named <- sapply(packages, function(package) as.character(packageVersion(package)), simplify = FALSE)
  c(list(R = paste(R.version$major, R.version$minor, sep = ".")), named,
    list(BLAS = basename(unname(extSoftVersion()["BLAS"]))))
}
read <- function(file) {
  data <- read.csv(file)
  for (name in intersect(strsplit(arguments$factors, ",")[[1]], names(data))) data[[name]] <- factor(data[[name]])
  data
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

# fit(formula, data, family) is timed; answer(model) lists criterion and evaluations.
time_fits <- function(fit, answer, data, versions) {
  before <- watch_memory()
  start <- now()
  model <- fit(formula, data, arguments$family)
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
    fit(formula, data, arguments$family)
    times <- c(times, now() - start)
  }
  if (length(times) > 1) times <- times[-1]
  write_report(times)
}
