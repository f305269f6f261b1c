# Reads the data sets of reference/data, columns as datasets.json and levels.json have them; for the scripts that source it.
folder <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))), "data")
sets <- fromJSON(file.path(folder, "datasets.json"), simplifyVector = FALSE)
levels_of <- fromJSON(file.path(folder, "levels.json"), simplifyVector = FALSE)
load_set <- function(name) {
  entry <- Filter(function(e) e$name == name, sets)[[1]]
  d <- read.csv(file.path(folder, entry$file), colClasses = "character", na.strings = "", check.names = FALSE)
  for (column in entry$columns) {
    v <- d[[column$name]]
    d[[column$name]] <- switch(column$type,
      factor = , ordered = factor(v, levels = unlist(levels_of[[name]][[column$name]]$levels), ordered = column$type == "ordered"),
      integer = as.integer(v), logical = as.logical(v), as.numeric(v))
  }
  d
}
