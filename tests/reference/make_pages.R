# Quantiles of the residuals behind the reference pages, which the reference files hold only for short vectors.
# Linear models are fitted again; mixed models are evaluated at the theta of the reference file, without optimiser.
suppressMessages({library(jsonlite); library(lme4); library(splines)})
args <- commandArgs(TRUE)
folder <- args[1]
models <- fromJSON(args[2], simplifyVector = FALSE)
levels_of <- fromJSON(file.path(folder, "data", "levels.json"), simplifyVector = FALSE)
sets <- fromJSON(file.path(folder, "data", "datasets.json"), simplifyVector = FALSE)
names(sets) <- vapply(sets, function(s) s$name, "")

read_set <- function(name) {
  d <- read.csv(file.path(folder, "data", sets[[name]]$file), colClasses = "character", na.strings = "",
                check.names = FALSE, encoding = "UTF-8")
  for (column in sets[[name]]$columns) {
    x <- d[[column$name]]
    known <- levels_of[[name]][[column$name]]
    d[[column$name]] <- switch(column$type,
      factor = , ordered = factor(x, levels = unlist(known$levels), ordered = known$ordered),
      integer = as.integer(x), numeric = as.numeric(x), logical = as.logical(x), x)
  }
  d
}

quantiles <- function(model) {
  assign(model$data, read_set(model$data), envir = globalenv())
  call <- parse(text = model$call)[[1]]
  if (model$kind == "lm") {
    s <- summary(eval(call, globalenv()))
    f <- s$fstatistic
    p <- if (is.null(f)) NA else pf(f[1], f[2], f[3], lower.tail = FALSE)
    return(list(q = format(quantile(s$residuals, names = FALSE), digits = 17), f_p = format(unname(p), digits = 17)))
  }
  call$control <- quote(lmerControl(optimizer = NULL, calc.derivs = FALSE))
  call$start <- as.numeric(unlist(model$theta))
  m <- suppressMessages(suppressWarnings(eval(call, globalenv())))
  list(q = format(quantile(resid(m, "pearson", scaled = TRUE), names = FALSE), digits = 17))
}

write(toJSON(lapply(models, quantiles), auto_unbox = TRUE), args[3])
