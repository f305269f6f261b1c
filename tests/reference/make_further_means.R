# Writes further_means.json: emmeans on models that were chosen before their answers were seen: submodels, transformed
# responses, offsets, polynomials and splines, at=, by, cov.reduce=, nested factors, multivariate t, glmer.
#
#     Rscript make_further_means.R [OUTPUT]
#
# R 4.2.2, emmeans 1.8.4-1, lme4 1.1-31 (optimised as far as it goes), pbkrtest 0.5.2. Data: those of reference/data.
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
source(file.path(here, "emmeans_answers.R"))
library(splines)

models <- list(
  model("sub_nutrition", "lm", "gain ~ (age + group + race)^2", "nutrition", calls = c(
    "emmeans(m, ~ group * race, submodel='minimal')", "emmeans(m, ~ age, submodel='minimal')", "joint_tests(m, submodel='type2')",
    "emmeans(m, ~ group | race, submodel=~ age + group*race)", "pairs(emmeans(m, ~ group | race, submodel=~ age + group*race))")),
  model("sub_cars", "lm", "mpg ~ factor(cyl) * hp + am", "mtcars", weights = "qsec", calls = c(
    "emmeans(m, ~ cyl, submodel='minimal')", "emmeans(m, ~ cyl, submodel=~ cyl + hp)", "joint_tests(m, submodel='type2')",
    "joint_tests(m, submodel='minimal')", "emtrends(m, ~ cyl, var='hp', submodel=~ cyl + hp)",
    "emmeans(m, ~ am, submodel='type2')")),
  model("sub_rats", "lmer", "weight ~ sex * Treatment + Lsize + (1 | Litter)", "RatPupWeight", calls = c(
    "emmeans(m, ~ Treatment, submodel='minimal')", "joint_tests(m, submodel='type2', lmer.df='satterthwaite')",
    "pairs(emmeans(m, ~ Treatment | sex, submodel=~ sex + Treatment + Lsize))",
    "emmeans(m, ~ 1, submodel='minimal')")),
  model("sub_obk", "lmer", "value ~ treatment * gender * phase + (1 | id)", "obk_long", calls = c(
    "joint_tests(m, submodel='type2', lmer.df='satterthwaite')", "emmeans(m, ~ treatment, submodel='minimal')", "joint_tests(m, by='gender', submodel='minimal', lmer.df='satterthwaite')",
    "emmeans(m, ~ treatment * phase, submodel=~ treatment * phase + gender)")),
  model("sub_breaks", "glm", "breaks ~ wool * tension", "warpbreaks", family = "poisson", ours = "poisson", calls = c(
    "emmeans(m, ~ wool, submodel='minimal')", "joint_tests(m, submodel='type2')", "emmeans(m, ~ tension, submodel=~ wool + tension, type='response')")),
  model("boys_ns", "lmer", "height ~ ns(age, df = 3) + (age | Subject)", "Oxboys", calls = c(
    "emmeans(m, ~ age, at=list(age=c(-0.8,0,0.8)))", "emtrends(m, ~ age, var='age', at=list(age=c(-0.8,0,0.8)))", "pairs(emmeans(m, ~ age, at=list(age=c(-0.8,0,0.8))))",
    "emtrends(m, ~ age, var='age', at=list(age=c(-0.5,0.5)), max.degree=2)")),
  model("theoph_bs", "lmer", "conc ~ bs(Time, df = 5) + Wt + (1 | Subject)", "Theoph", calls = c(
    "emmeans(m, ~ Time, at=list(Time=c(0.5,2,8)))", "emtrends(m, ~ Time, var='Time', at=list(Time=c(1,5)))", "emtrends(m, ~ 1, var='Wt')",
    "contrast(emmeans(m, ~ Time, at=list(Time=c(0.5,2,8))), 'trt.vs.ctrl', adjust='mvt')")),
  model("wafer_poly", "lmer", "current ~ poly(voltage, 2) + (1 | Wafer) + (1 | Wafer:Site)", "Wafer", calls = c(
    "emtrends(m, ~ voltage, var='voltage', at=list(voltage=c(1,1.6,2.2)))", "emmeans(m, ~ voltage, at=list(voltage=c(1,2)))", "emtrends(m, ~ 1, var='voltage', max.degree=2)")),
  model("alfalfa_sqrt", "lmer", "sqrt(Yield) ~ Date * Variety + (1 | Block/Variety)", "Alfalfa", calls = c(
    "emmeans(m, ~ Date, type='response')", "pairs(emmeans(m, ~ Variety))", "contrast(emmeans(m, ~ Date), 'trt.vs.ctrl', ref=4)",
    "pairs(regrid(emmeans(m, ~ Variety, lmer.df='satterthwaite')))", "joint_tests(m, by='Variety', lmer.df='satterthwaite')", "emmeans(m, ~ Date | Variety, type='response')",
    "contrast(emmeans(m, ~ Date), 'consec', adjust='mvt')")),
  model("apple_log", "lmer", "log(yield) ~ stock * spacing + gen + (1 | rep)", "archbold_apple", calls = c(
    "emmeans(m, ~ stock, type='response')", "pairs(emmeans(m, ~ stock), type='response')", "emmeans(m, ~ spacing | stock)", "joint_tests(m, lmer.df='satterthwaite')",
    "contrast(emmeans(m, ~ gen), 'eff', adjust='none')", "contrast(emmeans(m, ~ stock), 'dunnett', adjust='mvt')", "confint(pairs(emmeans(m, ~ gen)), type='response')")),
  model("tv", "lmer", "Sharpness ~ TVset * Picture + (1 | Assessor) + (1 | Assessor:TVset)", "TVbo", calls = c(
    "joint_tests(m, lmer.df='satterthwaite')", "pairs(emmeans(m, ~ TVset), adjust='mvt')", "contrast(emmeans(m, ~ TVset * Picture), interaction=c('pairwise','eff'))", "joint_tests(m, by='TVset', lmer.df='satterthwaite')",
    "emmeans(m, ~ TVset | Picture)", "test(pairs(emmeans(m, ~ Picture | TVset)), cross.adjust='bonferroni')")),
  model("ham_age", "lmer", "Informed.liking ~ Product * Information + Gender * Age + (1 | Consumer)", "ham", calls = c(
    "emmeans(m, ~ Gender, cov.reduce=range)", "emmeans(m, ~ Gender | Age, at=list(Age=c(30,50)))", "emtrends(m, ~ Gender, var='Age')", "emmeans(m, ~ Product, weights='proportional')",
    "joint_tests(m, lmer.df='satterthwaite')", "pairs(emmeans(m, ~ Product | Information), adjust='holm')")),
  model("early", "lmer", "cog ~ trt * age + (age | id)", "Early", calls = c(
    "emmeans(m, ~ trt | age, at=list(age=c(1,1.5,2)))", "pairs(emtrends(m, ~ trt, var='age'))", "pairs(emmeans(m, ~ age | trt, at=list(age=c(1,2))))", "emmeans(m, ~ trt, cov.reduce=range)")),
  model("swiss_poly", "lm", "Fertility ~ poly(Education, 2) * Catholic + Infant.Mortality", "swiss", calls = c(
    "emtrends(m, ~ Catholic, var='Education', at=list(Catholic=c(5,95)))", "emtrends(m, ~ Education, var='Education', at=list(Education=c(5,20)), max.degree=2)",
    "emmeans(m, ~ Catholic, at=list(Catholic=c(5,95)), cov.reduce=median)", "joint_tests(m)")),
  model("air", "lm", "log(Ozone) ~ factor(Month) + Wind * Temp", "airquality", calls = c(
    "emmeans(m, ~ Month, type='response')", "emmeans(m, ~ Month, weights='cells')", "emtrends(m, ~ Temp, var='Wind', at=list(Temp=c(60,90)))",
    "contrast(emmeans(m, ~ Month), 'poly', max.degree=2)", "contrast(emmeans(m, ~ Month), 'trt.vs.ctrl', type='response', adjust='mvt')", "joint_tests(m)")),
  model("asin_gopher", "lm", "asin(sqrt(prev / 100)) ~ factor(year) + Area", "gopherdat2", calls = c(
    "emmeans(m, ~ year)", "pairs(emmeans(m, ~ year))")),
  model("insects_twice", "lm", "2 * sqrt(count) ~ spray", "InsectSprays", calls = c(
    "emmeans(m, ~ spray, type='response')", "pairs(regrid(emmeans(m, ~ spray)))", "confint(emmeans(m, ~ spray), adjust='bonferroni', type='response')")),
  model("birth", "glm", "low ~ factor(race) * smoke + lwt + ptl", "birthwt", family = "binomial", ours = "binomial", calls = c(
    "emmeans(m, ~ race | smoke, type='response')", "pairs(emmeans(m, ~ race), type='response', adjust='mvt')", "emmeans(m, ~ lwt, at=list(lwt=c(100,150)), type='response')",
    "joint_tests(m)", "emtrends(m, ~ 1, var='lwt')", "contrast(emmeans(m, ~ race * smoke), interaction='pairwise')", "emmeans(m, ~ smoke, weights='proportional')",
    "pairs(regrid(emmeans(m, ~ race)), adjust='none')")),
  model("contra_poly", "glmer", "use ~ urban * age + I(age^2) + livch + (1 | district)", "Contraception", family = "binomial", ours = "binomial", calls = c(
    "emtrends(m, ~ urban, var='age', at=list(age=0))", "emmeans(m, ~ livch | urban, at=list(age=c(-5,5)), type='response')", "contrast(emmeans(m, ~ livch), 'consec', adjust='mvt')",
    "pairs(emmeans(m, ~ livch), type='response')", "joint_tests(m)")),
  model("owls_offset", "glmer", "SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize) + (1 | Nest)", "Owls", family = "poisson", ours = "poisson", calls = c(
    "emmeans(m, ~ FoodTreatment | SexParent, type='response')", "emmeans(m, ~ FoodTreatment, offset=1.5)", "pairs(emmeans(m, ~ FoodTreatment), type='response')",
    "emmeans(m, ~ FoodTreatment, submodel='minimal')", "emmeans(m, ~ SexParent, submodel=~ SexParent + FoodTreatment)")),
  model("wool_weighted", "lm", "log(breaks) ~ wool + tension + wool:tension", "warpbreaks", weights = "breaks", calls = c(
    "emmeans(m, ~ tension | wool, type='response')", "contrast(emmeans(m, ~ tension), 'poly')", "joint_tests(m)", "emmeans(m, ~ wool, submodel='minimal')")),
  model("meat", "lmer", "score ~ Storage + (1 | Block/Pair)", "Meat", calls = c(
    "emmeans(m, ~ Storage)", "contrast(emmeans(m, ~ Storage), 'poly', max.degree=3)", "contrast(emmeans(m, ~ Storage), 'del.eff')", "joint_tests(m, lmer.df='satterthwaite')")),
  model("skills", "lmer", "skill ~ cond * cog + induct + (1 | room)", "md_16_4", calls = c(
    "emmeans(m, ~ cond | cog, at=list(cog=c(3,7)))", "emtrends(m, ~ cond, var='cog')", "pairs(emmeans(m, ~ cond, lmer.df='satterthwaite'))", "joint_tests(m, cov.reduce=range)", "emmeans(m, ~ cond, cov.reduce=median, lmer.df='satterthwaite')"))
)
write_answers(models, c(commandArgs(TRUE), file.path(here, "further_means.json"))[1])
