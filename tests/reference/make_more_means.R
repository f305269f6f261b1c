# Writes more_means.json: what emmeans says of marginal means, slopes, contrasts and joint tests in less regular cases:
# unbalanced data, empty cells, covariates, transformed responses, weights, offsets, generalized models.
#
#     Rscript make_more_means.R [OUTPUT]
#
# R 4.2.2, emmeans 1.8.4-1, lme4 1.1-31 (optimised as far as it goes), pbkrtest 0.5.2. Data: those of reference/data.
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "emmeans_answers.R"))

models <- list(
  model("iris", "lm", "Sepal.Length ~ Species * Petal.Width", "iris", calls = c(
    "emmeans(m, ~ Species)", "pairs(emtrends(m, ~ Species, var='Petal.Width'))", "joint_tests(m)",
    "contrast(emmeans(m, ~ Species), 'trt.vs.ctrl')", "contrast(emmeans(m, ~ Species), 'trt.vs.ctrlk')",
    "emmeans(m, ~ Species | Petal.Width, at=list(Petal.Width=c(0.5,1.5)))",
    "pairs(emmeans(m, ~ Petal.Width | Species, at=list(Petal.Width=c(0.5,1,1.5))))",
    "confint(contrast(emmeans(m, ~ Species), 'dunnett'))",
    "eff_size(emmeans(m, ~ Species), sigma=0.5, edf=30)")),
  model("quine_log", "lm", "log(Days + 1) ~ Eth * Sex + Age", "quine", calls = c(
    "emmeans(m, ~ Age)", "emmeans(m, ~ Age, type='response')", "emmeans(m, ~ Eth | Sex, type='response')",
    "emmeans(m, ~ Sex, weights='cells')", "emmeans(m, ~ Sex, weights='outer')", "emmeans(m, ~ Eth, weights='proportional')",
    "emmeans(m, ~ Eth, weights='flat')", "contrast(emmeans(m, ~ Age), 'consec')", "contrast(emmeans(m, ~ Age), 'mean_chg')",
    "contrast(emmeans(m, ~ Age), 'poly')", "contrast(emmeans(m, ~ Age), 'trt.vs.ctrl', ref=2)",
    "pairs(emmeans(m, ~ Eth | Sex), type='response')", "joint_tests(m)", "joint_tests(m, by='Eth')",
    "contrast(emmeans(m, ~ Eth * Sex), interaction='consec')", "contrast(emmeans(m, ~ Age), 'eff', adjust='holm')",
    "confint(pairs(emmeans(m, ~ Age)), adjust='scheffe')", "test(emmeans(m, ~ Age), null=2, side='<')",
    "contrast(emmeans(m, ~ Age), 'dunnett', adjust='mvt')", "pairs(emmeans(m, ~ Age), reverse=TRUE)",
    "pairs(emmeans(m, ~ Eth * Sex), simple='Sex')", "contrast(emmeans(m, ~ Age), 'poly', max.degree=2)",
    "contrast(emmeans(m, ~ Age), 'pairwise', exclude=2)", "contrast(emmeans(m, ~ Age), 'consec', reverse=TRUE)",
    "contrast(emmeans(m, ~ Age), 'trt.vs.ctrl', reverse=TRUE)", "contrast(emmeans(m, ~ Age), 'eff', wts=c(1,2,3,4))",
    "contrast(emmeans(m, ~ Age), 'del.eff', exclude=4)")),
  model("quine_cells", "lm", "Days ~ Age * Lrn + Sex", "quine", calls = c(
    "emmeans(m, ~ Age)", "emmeans(m, ~ Age * Lrn)", "emmeans(m, ~ Lrn)", "joint_tests(m)", "emmeans(m, ~ Age, weights='cells')",
    "pairs(emmeans(m, ~ Lrn | Age))", "emmeans(m, ~ Lrn, at=list(Age=c('F0','F1','F2')))", "pairs(emmeans(m, ~ Age | Lrn))",
    "joint_tests(m, by='Lrn')", "emmeans(m, ~ Age, weights='flat')")),
  model("quine_four", "lm", "Days ~ Eth * Sex * Age", "quine", calls = c(
    "test(pairs(emmeans(m, ~ Age | Eth * Sex)), cross.adjust='bonferroni')",
    "test(pairs(emmeans(m, ~ Age | Eth)), cross.adjust='sidak')", "test(pairs(emmeans(m, ~ Sex | Age)), adjust='none', cross.adjust='holm')",
    "joint_tests(m)", "joint_tests(m, by=c('Eth','Sex'))", "contrast(emmeans(m, ~ Eth * Age), interaction=c('pairwise','consec'))",
    "contrast(emmeans(m, ~ Eth * Age), interaction=list(Age='poly', Eth='eff'))", "contrast(emmeans(m, ~ Age | Sex), 'eff')",
    "contrast(emmeans(m, ~ Eth * Sex), 'pairwise', simple='each', combine=TRUE)", "pairs(emmeans(m, ~ Eth * Sex), adjust='sidak')",
    "pairs(emmeans(m, ~ Sex | Eth), by=NULL)", "test(pairs(emmeans(m, ~ Age | Sex)), joint=TRUE)")),
  model("spray_sqrt", "lm", "sqrt(count) ~ spray", "InsectSprays", calls = c(
    "emmeans(m, ~ spray, type='response')", "pairs(emmeans(m, ~ spray))", "pairs(regrid(emmeans(m, ~ spray)))",
    "contrast(emmeans(m, ~ spray), 'trt.vs.ctrl', ref=6)", "contrast(emmeans(m, ~ spray), 'trt.vs.ctrl', ref=c(1,2))",
    "contrast(emmeans(m, ~ spray), list(ab_cde=c(1,1,-2/3,-2/3,-2/3,0), f=c(0,0,0,0,1,-1)))", "contrast(emmeans(m, ~ spray), 'del.eff')",
    "contrast(regrid(emmeans(m, ~ spray)), 'trt.vs.ctrl')", "confint(contrast(emmeans(m, ~ spray), 'trt.vs.ctrl'))",
    "summary(emmeans(m, ~ spray), type='response', bias.adjust=TRUE)")),
  model("tooth_poly", "lm", "len ~ supp * poly(dose, 2)", "ToothGrowth", calls = c(
    "emmeans(m, ~ supp | dose, at=list(dose=c(0.5,1,2)))", "emtrends(m, ~ supp | dose, var='dose', at=list(dose=c(0.5,1)))",
    "emtrends(m, ~ supp, var='dose', max.degree=2)", "emtrends(m, ~ supp | degree, var='dose', max.degree=2)",
    "emtrends(m, ~ supp | dose, var='log(dose)', at=list(dose=c(0.5,1,2)))", "joint_tests(m)",
    "pairs(emtrends(m, ~ supp, var='dose', max.degree=2))", "emtrends(m, ~ supp, var='dose', delta.var=0.1)",
    "emtrends(m, ~ supp, var='sqrt(dose)', max.degree=2)")),
  model("npk", "lm", "yield ~ block + N * P * K", "npk", calls = c(
    "emmeans(m, ~ N)", "emmeans(m, ~ N * K)", "pairs(emmeans(m, ~ N | K))", "joint_tests(m)", "emmeans(m, ~ block)")),
  model("cars_weighted", "lm", "mpg ~ factor(cyl) * hp + am", "mtcars", weights = "qsec", calls = c(
    "emmeans(m, ~ cyl)", "emmeans(m, ~ am)", "pairs(emtrends(m, ~ cyl, var='hp'))", "joint_tests(m)",
    "emmeans(m, ~ cyl, weights='proportional')", "emmeans(m, ~ cyl | hp, at=list(hp=c(100,150)))",
    "emmeans(m, ~ cyl, cov.reduce=median)", "eff_size(emmeans(m, ~ cyl), sigma=sigma(m), edf=df.residual(m))",
    "emmeans(m, ~ 1, weights='cells')", "contrast(emmeans(m, ~ cyl), 'identity', offset=1, scale=2)")),
  model("pigs_log10", "lm", "log10(conc) ~ source + poly(percent, 3)", "pigs", calls = c(
    "emmeans(m, ~ source, type='response')", "pairs(emmeans(m, ~ source), type='response')", "emtrends(m, ~ source, var='percent')",
    "emmeans(m, ~ percent, at=list(percent=c(10,13)), type='response')", "emtrends(m, ~ 1, var='percent', max.degree=3)")),
  model("pigs_log2", "lm", "log2(conc) ~ source * factor(percent)", "pigs", calls = c(
    "emmeans(m, ~ source | percent, type='response')", "pairs(emmeans(m, ~ source | percent), type='response')", "joint_tests(m)",
    "contrast(emmeans(m, ~ percent), 'poly')", "pairs(emmeans(m, ~ percent | source), adjust='none')")),
  model("pigs_inverse", "lm", "1/conc ~ source + percent", "pigs", calls = c(
    "emmeans(m, ~ source)", "emmeans(m, ~ source, type='response')", "pairs(emmeans(m, ~ source))")),
  model("pigs_log1p", "lm", "log1p(conc) ~ source + percent", "pigs", calls = c(
    "emmeans(m, ~ source, type='response')", "pairs(emmeans(m, ~ source))")),
  model("oxide_nested", "lm", "Thickness ~ Source/Lot", "Oxide", calls = c(
    "emmeans(m, ~ Source)", "emmeans(m, ~ Lot)", "pairs(emmeans(m, ~ Source))", "joint_tests(m)")),
  model("machines", "lmer", "score ~ Machine + (Machine | Worker)", "Machines", calls = c(
    "emmeans(m, ~ Machine)", "pairs(emmeans(m, ~ Machine))", "contrast(emmeans(m, ~ Machine), 'trt.vs.ctrl')",
    "contrast(emmeans(m, ~ Machine), 'eff')", "contrast(emmeans(m, ~ Machine, lmer.df='satterthwaite'), 'consec')",
    "confint(pairs(emmeans(m, ~ Machine)), adjust='bonferroni')", "joint_tests(m, lmer.df='satterthwaite')", "joint_tests(m)",
    "test(pairs(emmeans(m, ~ Machine)), joint=TRUE)", "emmeans(m, ~ 1)")),
  model("ergo", "lmer", "effort ~ Type + (1 | Subject)", "ergoStool", calls = c(
    "pairs(emmeans(m, ~ Type))", "pairs(emmeans(m, ~ Type), adjust='mvt')", "contrast(emmeans(m, ~ Type), 'trt.vs.ctrl', ref=1)",
    "contrast(emmeans(m, ~ Type), 'trt.vs.ctrlk', adjust='mvt')", "contrast(emmeans(m, ~ Type), 'mean_chg')",
    "eff_size(emmeans(m, ~ Type), sigma=1.7, edf=20)", "test(emmeans(m, ~ Type), null=9, delta=1, side='<')",
    "contrast(emmeans(m, ~ Type), list(a=c(1,1,-1,-1)/2), offset=-1)")),
  model("ergo_ml", "lmer", "effort ~ Type + (1 | Subject)", "ergoStool", ML = TRUE, calls = c(
    "emmeans(m, ~ Type, lmer.df='satterthwaite')", "pairs(emmeans(m, ~ Type, lmer.df='asymptotic'))")),
  model("rats", "lmer", "weight ~ sex * Treatment + Lsize + (1 | Litter)", "RatPupWeight", calls = c(
    "emmeans(m, ~ Treatment)", "emmeans(m, ~ sex | Treatment, lmer.df='satterthwaite')", "contrast(emmeans(m, ~ Treatment), 'poly')",
    "joint_tests(m)", "pairs(emmeans(m, ~ sex | Treatment, lmer.df='asymptotic'))", "emmeans(m, ~ Treatment, weights='cells')",
    "emmeans(m, ~ Treatment, weights='proportional', at=list(Lsize=10))", "emtrends(m, ~ 1, var='Lsize')",
    "contrast(emmeans(m, ~ sex * Treatment), interaction=list('pairwise','trt.vs.ctrl'))")),
  model("body_log", "lmer", "log(weight) ~ Diet * Time + (Time | Rat)", "BodyWeight", calls = c(
    "emmeans(m, ~ Diet, type='response')", "pairs(emtrends(m, ~ Diet, var='Time'))", "pairs(emmeans(m, ~ Diet), type='response')",
    "emmeans(m, ~ Diet | Time, at=list(Time=c(1,64)), type='response', lmer.df='satterthwaite')", "joint_tests(m)",
    "contrast(emtrends(m, ~ Diet, var='Time', lmer.df='satterthwaite'), 'trt.vs.ctrl')", "pairs(regrid(emmeans(m, ~ Diet), transform='log'))")),
  model("co2", "lmer", "uptake ~ Type * Treatment * log(conc) + (1 | Plant)", "CO2", calls = c(
    "emmeans(m, ~ Treatment | Type)", "pairs(emtrends(m, ~ Type, var='conc'))", "emtrends(m, ~ Type * Treatment, var='log(conc)')",
    "joint_tests(m)", "pairs(emmeans(m, ~ Type * Treatment))", "emmeans(m, ~ Type, at=list(conc=c(100,1000)))",
    "contrast(emmeans(m, ~ Type * Treatment), interaction=TRUE, method='pairwise')")),
  model("cake", "lmer", "angle ~ recipe * temperature + (1 | recipe:replicate)", "cake", calls = c(
    "joint_tests(m)", "contrast(emmeans(m, ~ temperature), 'poly')", "contrast(emmeans(m, ~ recipe * temperature), interaction=c('consec','poly'))",
    "emmeans(m, ~ recipe)", "emmeans(m, ~ temperature | recipe, lmer.df='satterthwaite')", "contrast(emmeans(m, ~ temperature), 'poly', max.degree=3)",
    "contrast(emmeans(m, ~ temperature), 'trt.vs.ctrl')", "contrast(emmeans(m, ~ temperature), 'consec', adjust='tukey')",
    "pairs(emmeans(m, ~ recipe | temperature), adjust='fdr')", "joint_tests(m, by='recipe')")),
  model("pixel", "lmer", "pixel ~ day + I(day^2) + (day | Dog) + (1 | Side:Dog)", "Pixel", calls = c(
    "emmeans(m, ~ day, at=list(day=c(0,4,8)))", "emtrends(m, ~ day, var='day', at=list(day=c(0,4,8)))",
    "pairs(emmeans(m, ~ day, at=list(day=c(0,4,8)), lmer.df='satterthwaite'))", "emtrends(m, ~ 1, var='day', max.degree=2)")),
  model("alfalfa", "lmer", "Yield ~ Date * Variety + (1 | Block/Variety)", "Alfalfa", calls = c(
    "emmeans(m, ~ Date)", "pairs(emmeans(m, ~ Date))", "contrast(emmeans(m, ~ Date), 'trt.vs.ctrl')", "joint_tests(m)",
    "pairs(emmeans(m, ~ Variety | Date, lmer.df='satterthwaite'))", "confint(contrast(emmeans(m, ~ Date | Variety), 'trt.vs.ctrl'))")),
  model("budworm", "glm", "cbind(ndead, ntotal - ndead) ~ sex * log2(dose)", "budworm", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ sex | dose, at=list(dose=c(1,8,32)))", "emmeans(m, ~ sex, at=list(dose=8), type='response')",
    "pairs(emmeans(m, ~ sex, at=list(dose=8)), type='response')", "pairs(emtrends(m, ~ sex, var='dose'))", "joint_tests(m)",
    "pairs(regrid(emmeans(m, ~ sex)))", "emtrends(m, ~ sex, var='log2(dose)')")),
  model("budworm_probit", "glm", "cbind(ndead, ntotal - ndead) ~ sex + dose", "budworm", family = "binomial('probit')", ours = "binomial(probit)", calls = c(
    "emmeans(m, ~ sex, type='response')", "pairs(emmeans(m, ~ sex))", "confint(emmeans(m, ~ sex), adjust='sidak')")),
  model("breaks_poisson", "glm", "breaks ~ wool * tension", "warpbreaks", family = "poisson", ours = "poisson", calls = c(
    "emmeans(m, ~ tension | wool, type='response')", "pairs(emmeans(m, ~ tension | wool), type='response')", "joint_tests(m)",
    "contrast(emmeans(m, ~ tension), 'trt.vs.ctrl', type='response')", "confint(contrast(emmeans(m, ~ tension), 'trt.vs.ctrl'), type='response')",
    "emmeans(m, ~ wool, weights='cells', type='response')", "contrast(regrid(emmeans(m, ~ tension)), 'consec')")),
  model("breaks_quasi", "glm", "breaks ~ wool * tension", "warpbreaks", family = "quasipoisson", ours = "quasipoisson", calls = c(
    "emmeans(m, ~ tension, type='response')", "pairs(emmeans(m, ~ tension))", "joint_tests(m)")),
  model("melanoma_offset", "glm", "deaths ~ uvb + nation + offset(log(expected))", "Mmmec", family = "poisson", ours = "poisson", calls = c(
    "emmeans(m, ~ nation)", "emmeans(m, ~ nation, offset=0, type='response')", "pairs(emmeans(m, ~ nation), adjust='sidak')",
    "contrast(emmeans(m, ~ nation), 'eff')", "emmeans(m, ~ nation, type='response')")),
  model("pigs_gamma", "glm", "conc ~ source * percent", "pigs", family = "Gamma('log')", ours = "gamma(log)", calls = c(
    "emmeans(m, ~ source, type='response')", "pairs(emtrends(m, ~ source, var='percent'))", "pairs(emmeans(m, ~ source), type='response')",
    "joint_tests(m)", "emmeans(m, ~ source, type='unlink')")),
  model("pigs_inverse_gamma", "glm", "conc ~ source + factor(percent)", "pigs", family = "Gamma", ours = "gamma(inverse)", calls = c(
    "emmeans(m, ~ source)", "emmeans(m, ~ source, type='response')", "pairs(emmeans(m, ~ source))", "pairs(regrid(emmeans(m, ~ source)))")),
  model("cbpp", "glmer", "cbind(incidence, size - incidence) ~ period + (1 | herd)", "cbpp", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ period, type='response')", "pairs(emmeans(m, ~ period), type='response')", "contrast(emmeans(m, ~ period), 'consec')",
    "contrast(emmeans(m, ~ period), 'trt.vs.ctrl')", "pairs(regrid(emmeans(m, ~ period)))", "joint_tests(m)",
    "summary(emmeans(m, ~ period), type='response', bias.adjust=TRUE, sigma=0.64)", "confint(pairs(emmeans(m, ~ period)), type='response')")),
  model("ticks", "glmer", "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX)", "grouseticks", family = "poisson", ours = "poisson", calls = c(
    "emmeans(m, ~ YEAR, type='response')", "pairs(emmeans(m, ~ YEAR), type='response')", "emtrends(m, ~ 1, var='cHEIGHT')",
    "emmeans(m, ~ YEAR, weights='proportional')", "joint_tests(m)")),
  model("noise", "lm", "noise ~ size * type * side", "autonoise", calls = c(
    "emmeans(m, ~ size | type)", "pairs(emmeans(m, ~ size | type))", "contrast(emmeans(m, ~ size), 'poly')", "joint_tests(m)",
    "joint_tests(m, by='side')", "contrast(emmeans(m, ~ size * type), interaction=c('poly','pairwise'))",
    "confint(pairs(emmeans(m, ~ type * side)), level=0.9)", "contrast(emmeans(m, ~ size | type * side), 'consec', adjust='BH')", "pairs(emmeans(m, ~ size | type), by=NULL, adjust='bonferroni')")),
  model("feedlot", "lm", "ewt ~ herd * diet", "feedlot", calls = c(
    "emmeans(m, ~ diet)", "emmeans(m, ~ herd)", "emmeans(m, ~ diet | herd, at=list(herd=c('9','16','3')))",
    "pairs(emmeans(m, ~ diet | herd, at=list(herd=c('9','16','3'))))", "emmeans(m, ~ diet, weights='cells')")),
  model("feedlot_cov", "lm", "log(ewt) ~ herd + swt * diet", "feedlot", calls = c(
    "emmeans(m, ~ diet, type='response')", "pairs(emmeans(m, ~ diet), type='response', reverse=TRUE)", "emtrends(m, ~ diet, var='swt')",
    "emtrends(m, ~ diet, var='log(swt)')", "contrast(emmeans(m, ~ herd), 'eff', adjust='none')", "emmeans(m, ~ diet, weights='proportional')",
    "emmeans(m, ~ diet | swt, at=list(swt=c(600,800)), type='response')", "joint_tests(m)", "emmeans(m, ~ diet, cov.reduce=median)",
    "confint(emmeans(m, ~ diet), adjust='sidak', type='response')")),
  model("oranges", "lm", "sales1 ~ price1 * day + price2 + store", "oranges", calls = c(
    "emmeans(m, ~ day)", "emmeans(m, ~ day, cov.keep='price2', at=list(price1=50))", "emmeans(m, ~ day | price1, cov.reduce=range)",
    "pairs(emtrends(m, ~ day, var='price1'))", "contrast(emmeans(m, ~ store), 'del.eff')", "test(emtrends(m, ~ 1, var='price2'))",
    "emmeans(m, ~ price1 + price2, at=list(price1=c(40,60), price2=c(45,55)))", "joint_tests(m)")),
  model("nutri_add", "lm", "gain ~ age * group + race", "nutrition", calls = c(
    "emmeans(m, ~ group | age)", "pairs(emmeans(m, ~ race))", "contrast(emmeans(m, ~ age | group), 'poly', max.degree=2)", "emmeans(m, ~ race, weights='outer')",
    "contrast(emmeans(m, ~ age * group), interaction=c('consec','pairwise'))", "joint_tests(m)", "emmeans(m, ~ age, weights='cells')")),
  model("ubds_two", "lm", "y ~ A * B + C", "ubds", calls = c(
    "emmeans(m, ~ A * B)", "emmeans(m, ~ A, weights='proportional')", "emmeans(m, ~ A, weights='outer')", "emmeans(m, ~ A, weights='cells')",
    "pairs(emmeans(m, ~ C))", "joint_tests(m)", "contrast(emmeans(m, ~ A * B), 'eff', by='B')")),
  model("neuralgia_more", "glm", "Pain ~ Treatment + Sex * Age + log(Duration + 1)", "neuralgia", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ Treatment, type='response')", "pairs(emmeans(m, ~ Treatment), type='response', adjust='mvt')", "emtrends(m, ~ Sex, var='Age')",
    "emtrends(m, ~ 1, var='Duration')", "emmeans(m, ~ Sex | Age, at=list(Age=c(60,70)), type='response')", "joint_tests(m)",
    "contrast(regrid(emmeans(m, ~ Treatment)), 'trt.vs.ctrl', ref=3)", "confint(contrast(emmeans(m, ~ Treatment), 'trt.vs.ctrlk'), type='response')",
    "pairs(regrid(emmeans(m, ~ Treatment), transform='log'))")),
  model("esoph", "glm", "cbind(ncases, ncontrols) ~ agegp + alcgp * tobgp", "esoph", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ alcgp, type='response')", "contrast(emmeans(m, ~ alcgp), 'poly')", "contrast(emmeans(m, ~ alcgp), 'consec', type='response')",
    "joint_tests(m)", "contrast(emmeans(m, ~ alcgp * tobgp), interaction=c('poly','consec'))", "emmeans(m, ~ tobgp, weights='cells')")),
  model("snails_cll", "glm", "cbind(Deaths, N - Deaths) ~ Species * Exposure + Temp + Rel.Hum", "snails", family = "binomial('cloglog')", ours = "binomial(cloglog)", calls = c(
    "emmeans(m, ~ Species, type='response')", "pairs(emmeans(m, ~ Species))", "pairs(emtrends(m, ~ Species, var='Exposure'))", "emmeans(m, ~ Species | Exposure, at=list(Exposure=c(2,4)), type='response')")),
  model("spray_glm", "glm", "count ~ spray", "InsectSprays", family = "poisson('sqrt')", ours = "poisson(sqrt)", calls = c(
    "emmeans(m, ~ spray, type='response')", "contrast(emmeans(m, ~ spray), 'mean_chg')", "pairs(regrid(emmeans(m, ~ spray)), adjust='hochberg')")),
  model("sitka", "lmer", "size ~ treat * Time + I(Time^2) + (Time | tree)", "Sitka", calls = c(
    "pairs(emmeans(m, ~ treat | Time, at=list(Time=c(152,258))))", "emtrends(m, ~ treat, var='Time')", "emtrends(m, ~ Time, var='Time', at=list(Time=c(160,250)))",
    "confint(pairs(emtrends(m, ~ treat, var='Time')), level=0.99)", "emmeans(m, ~ treat, cov.reduce=range, lmer.df='asymptotic')")),
  model("soy", "lmer", "log(weight) ~ Variety * Year + poly(Time, 2) + (1 | Plot)", "Soybean", calls = c(
    "emmeans(m, ~ Variety | Year, type='response')", "pairs(emmeans(m, ~ Variety | Year), type='response')", "contrast(emmeans(m, ~ Year), 'trt.vs.ctrl', type='response', adjust='sidak')", "emmeans(m, ~ Time, at=list(Time=c(20,50,80)), type='response')", "contrast(emmeans(m, ~ Variety * Year), interaction=c('pairwise','consec'))",
    "emmeans(m, ~ Year, weights='cells', lmer.df='satterthwaite')")),
  model("beets", "lmer", "yield ~ harvest * sow + (1 | block) + (1 | block:harvest)", "beets", calls = c(
    "emmeans(m, ~ sow)", "pairs(emmeans(m, ~ harvest | sow))", "pairs(emmeans(m, ~ sow | harvest), adjust='scheffe')", "joint_tests(m)",
    "contrast(emmeans(m, ~ sow), 'poly')", "contrast(emmeans(m, ~ harvest * sow), interaction='pairwise', by=NULL)", "confint(contrast(emmeans(m, ~ sow), 'eff', adjust='bonferroni'))",
    "test(emmeans(m, ~ harvest), null=140)")),
  model("sleep_paired", "lmer", "extra ~ group + (1 | ID)", "sleep", calls = c(
    "emmeans(m, ~ group)", "pairs(emmeans(m, ~ group))", "test(pairs(emmeans(m, ~ group)), side='<')", "test(pairs(emmeans(m, ~ group)), delta=3, side='equivalence')",
    "confint(pairs(emmeans(m, ~ group)), side='>')")),
  model("bacteria", "glmer", "y ~ trt + factor(week > 2) + (1 | ID)", "bacteria", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ trt, type='response')", "contrast(emmeans(m, ~ trt), 'trt.vs.ctrl', type='response')", "pairs(emmeans(m, ~ trt))")),
  model("pigs_recip", "lm", "sqrt(conc) ~ source + percent", "pigs", calls = c(
    "emmeans(m, ~ source, type='response')", "emtrends(m, ~ source, var='percent')", "emmeans(m, ~ percent, at=list(percent=c(9,18)), type='response')"))
)
write_answers(models, c(commandArgs(TRUE), file.path(here, "more_means.json"))[1])
