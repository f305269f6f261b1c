# Writes more_tests.json: what lmerTest, pbkrtest and lme4 say of linear mixed models: F tests of three types with two
# kinds of degrees of freedom, coefficient tables, ranova, drop1, profile intervals of the fit by maximum likelihood.
#
#     Rscript make_more_tests.R [OUTPUT]
#
# R 4.2.2, lme4 1.1-31 (optimised as far as it goes), lmerTest 3.1-3, pbkrtest 0.5.2. Data: those of reference/data.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))), "reading.R"))
output <- c(commandArgs(TRUE), file.path(dirname(folder), "more_tests.json"))[1]

ctl <- lmerControl(optimizer="nloptwrap", optCtrl=list(xtol_abs=1e-10, ftol_abs=1e-12, maxeval=1e5))
one <- function(id, formula, data, prof=TRUE) {
  d <<- load_set(data); f <<- as.formula(formula)
  m <- suppressMessages(suppressWarnings(lmerTest::lmer(f, d, control=ctl)))
  cat(id, "")
  out <- list(id=id, formula=formula, data=data, theta=I(unname(getME(m,"theta"))))
  for (ty in c("I","II","III")) for (df in c("Satterthwaite","Kenward-Roger")) {
    x <- tryCatch(anova(m, type=ty, ddf=df), error=function(e) NULL); if (is.null(x)) next
    out[[paste0("anova_",ty,"_",df)]] <- list(rows=I(rownames(x)), ss=I(x[["Sum Sq"]]), df1=I(x$NumDF), df2=I(x$DenDF), F=I(x[["F value"]]), p=I(x[["Pr(>F)"]])) }
  s <- coef(summary(m, ddf="Kenward-Roger")); out$coef_kr <- list(se=I(s[,2]), df=I(s[,3]), p=I(s[,5]))
  s <- coef(summary(m)); out$coef_s <- list(names=I(rownames(s)), est=I(s[,1]), se=I(s[,2]), df=I(s[,3]), p=I(s[,5]))
  p <- length(fixef(m)); L <- rbind(c(rep(0, p - 1), 1), c(0, 1, rep(0, p - 2)))  # the last coefficient and the second
  if (p > 2) for (df in c("Satterthwaite", "Kenward-Roger")) {
    x <- contest(m, L, joint=TRUE, ddf=df); out[[paste0("joint_", df)]] <- list(F=x[["F value"]], df1=x$NumDF, df2=x$DenDF, p=x[["Pr(>F)"]]) }
  if (p > 2) { x <- pbkrtest::KRmodcomp(as(m, "lmerMod"), L)$test; out$krmodcomp <- list(F=x["Ftest", "stat"], df2=x["Ftest", "ddf"], scale=x["Ftest", "F.scaling"], p=x["Ftest", "p.value"]) }
  x <- contest(m, L[1, , drop=FALSE] - L[2, , drop=FALSE], joint=FALSE, rhs=0.1, level=0.9)
  out$difference <- list(est=x$Estimate, se=x[["Std. Error"]], df=x$df, lower=x$lower, upper=x$upper, t=x[["t value"]], p=x[["Pr(>|t|)"]])
  x <- tryCatch(ranova(m), error=function(e) NULL)
  if (!is.null(x)) out$ranova <- list(rows=I(rownames(x)), npar=I(x$npar), loglik=I(x$logLik), lrt=I(x$LRT), df=I(x$Df), p=I(x[["Pr(>Chisq)"]]))
  mm <- suppressMessages(suppressWarnings(lme4::lmer(f, d, control=ctl, REML=FALSE)))
  x <- suppressMessages(suppressWarnings(drop1(mm, test="Chisq"))); out$drop1 <- list(rows=I(rownames(x)), npar=I(x$npar), aic=I(x$AIC), lrt=I(x$LRT), p=I(x[["Pr(Chi)"]]))
  if (prof) { ci <- tryCatch(suppressMessages(suppressWarnings(confint(mm, oldNames=FALSE))), error=function(e) NULL); if(!is.null(ci)) out$ci <- list(rows=I(rownames(ci)), lower=I(ci[,1]), upper=I(ci[,2])) }
  out
}
r <- list(
 one("rats","weight ~ sex * Treatment + Lsize + (1 | Litter)","RatPupWeight"),
 one("co2","uptake ~ Type * Treatment + log(conc) + (1 | Plant)","CO2"),
 one("cake","angle ~ recipe * temp + (temp | replicate)","cake", FALSE),
 one("ergo","effort ~ Type + (1 | Subject)","ergoStool"),
 one("alfalfa","Yield ~ Date * Variety + (1 | Block/Variety)","Alfalfa"),
 one("pixel","pixel ~ day + I(day^2) + (1 | Dog) + (1 | Side:Dog)","Pixel"),
 one("orth","distance ~ age * Sex + (age || Subject)","Orthodont"),
 one("oats","yield ~ Variety * nitro + (1 | Block/Variety)","Oats"),
 one("ham","Informed.liking ~ Product * Gender + Information + (1 | Consumer)","ham", FALSE),
 one("oxboys","height ~ poly(age, 2) + (1 | Subject)","Oxboys"),
 one("early","cog ~ trt * age + (age | id)","Early", FALSE),
 one("tv","Sharpness ~ TVset * Picture + (1 | Assessor) + (1 | Assessor:TVset)","TVbo", FALSE),
 one("apple","yield ~ stock * spacing + gen + (1 | rep)","archbold_apple", FALSE),
 one("wafer","current ~ poly(voltage, 2) + (1 | Wafer) + (voltage || Wafer:Site)","Wafer", FALSE),
 one("meat","score ~ Storage + (1 | Block/Pair)","Meat"),
 one("skill","skill ~ cond * cog + induct + (1 | room)","md_16_4"),
 one("obk","value ~ treatment * gender + phase * hour + (1 | id)","obk_long", FALSE),
 one("theoph","conc ~ poly(Time, 3) + Wt + (1 | Subject)","Theoph", FALSE),
 one("spruce_log","logSize ~ plot * log(days) + (1 | Tree)","Spruce", FALSE),
 one("machines","score ~ Machine + (1 | Worker) + (1 | Worker:Machine)","Machines"))
cat("\n")
rows <- sapply(r, toJSON, digits = I(15), auto_unbox = TRUE, na = "null")
writeLines(paste0("[\n", paste(rows, collapse = ",\n"), "\n]"), output)
