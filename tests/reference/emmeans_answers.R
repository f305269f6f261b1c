# What emmeans says of a model, for the scripts that ask it: make_more_means.R, make_further_means.R.
#
# R 4.2.2, emmeans 1.8.4-1, lme4 1.1-31 (optimised as far as it goes), pbkrtest 0.5.2. Data: those of reference/data.
suppressMessages({library(lme4); library(emmeans); library(jsonlite)})
options(contrasts = c("contr.treatment", "contr.poly"), width = 80, digits = 7)
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5)
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))), "reading.R"))

linear <- lmerControl(optimizer = "nloptwrap", optCtrl = list(xtol_abs = 1e-10, ftol_abs = 1e-12, maxeval = 1e5))
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), tolPwrss = 1e-11)
NAMES <- c(emmean = "estimate", response = "estimate", prob = "estimate", rate = "estimate", ratio = "estimate",
  odds.ratio = "estimate", estimate = "estimate", prediction = "estimate", effect.size = "estimate", SE = "se", df = "df",
  lower.CL = "lower", upper.CL = "upper", asymp.LCL = "lower", asymp.UCL = "upper", t.ratio = "t", z.ratio = "t",
  p.value = "p", df1 = "df1", df2 = "df2", F.ratio = "F", "model term" = "term", note = "note", null = "null")

columns <- function(table) {
  made <- list(); keys <- list()
  for (name in names(table)) {
    v <- table[[name]]
    v <- if (is.factor(v)) I(as.character(v)) else if (is.numeric(v) && any(is.infinite(v))) ifelse(v > 0, "Inf", "-Inf") else v
    v <- I(v)
    if (name %in% names(NAMES)) made[[NAMES[[name]]]] <- v
    else if (grepl("\\.trend$", name)) made$estimate <- v
    else keys[[name]] <- v
  }
  c(made, list(keys = keys, heads = I(names(table))))
}

one <- function(m, d, call) {
  notes <- character()
  got <- tryCatch(withCallingHandlers({
    e <- eval(parse(text = call), list(m = m, d = d))
    printed <- capture.output(print(e))
    if (inherits(e, "emmGrid")) {
      base <- as.data.frame(summary(e)); both <- columns(base)
      full <- columns(as.data.frame(summary(e, infer = c(TRUE, TRUE))))
      for (k in names(full)) if (!(k %in% names(both))) both[[k]] <- full[[k]]
      c(both, list(L = unname(e@linfct), printed = paste(printed, collapse = "\n")))
    } else {
      c(columns(as.data.frame(e)), list(printed = paste(printed, collapse = "\n")))
    }
  }, message = function(w) { notes <<- c(notes, trimws(conditionMessage(w))); invokeRestart("muffleMessage") },
     warning = function(w) invokeRestart("muffleWarning")), error = function(x) list(error = conditionMessage(x)))
  c(list(call = call, notes = I(notes)), got)
}

model <- function(id, kind, formula, data, ..., calls) {
  d <- load_set(data)
  extra <- list(...)
  f <- as.formula(formula)
  args <- list(f, quote(d))
  if (!is.null(extra$weights)) args$weights <- as.name(extra$weights)
  if (kind == "lmer") args <- c(args, list(control = quote(linear), REML = is.null(extra$ML)))
  if (!is.null(extra$family)) args$family <- parse(text = extra$family)[[1]]
  if (kind == "glmer") args <- c(args, list(control = quote(tight)))
  m <- suppressMessages(suppressWarnings(eval(as.call(c(as.name(kind), args)))))
  cat(id, "")
  results <- lapply(calls, function(call) one(m, d, call))
  b <- if (isS4(m)) fixef(m) else coef(m)
  out <- list(id = id, kind = kind, formula = formula, data = data, contrasts = setNames(list(), character()))
  if (!is.null(extra$weights)) out$weights <- extra$weights
  if (!is.null(extra$ours)) out$family <- extra$ours
  if (kind == "lmer") out$theta <- I(unname(getME(m, "theta")))
  c(out, list(REML = is.null(extra$ML), coef = as.list(b), results = results))
}

write_answers <- function(models, output) {
  cat("\n")
  text <- sapply(models, toJSON, digits = I(15), auto_unbox = TRUE, na = "null", null = "null")
  writeLines(paste0("[\n", paste(text, collapse = ",\n"), "\n]"), output)
  for (r in Filter(function(r) !is.null(r$error), unlist(lapply(models, function(m) m$results), recursive = FALSE)))
    cat(r$call, "->", r$error, "\n")
  cat(sum(sapply(models, function(m) length(m$results))), "results\n")
}
