#include "minima.hpp"

#include "covariances.hpp"

namespace multilevel {

namespace {

constexpr double kBeyond = 1e-8;  // share of a column's square outside of X that is no rounding
constexpr double kNearly = 0.1;   // share outside of the other columns of a factor that makes it nearly a combination of them
constexpr int kMany = 3;

// Cross-products of one factor's columns over all rows: with each other, and with X.
struct Totals {
  Mat ZZ, ZX;

  Totals(const Rows& rows, const Blocks& blocks, std::size_t f) : ZZ(rows.factors[f].K, rows.factors[f].K), ZX(rows.p, rows.factors[f].K) {
    const Factor& factor = rows.factors[f];
    const int K = factor.K, p = rows.p;
    const double* border = blocks.border.data() + factor.offset * (p + 1);
    const double* diag = blocks.diag[f].data();
    for (int v = 0; v < factor.levels; ++v, diag += K * K)
      for (int j = 0; j < K; ++j, border += p + 1) {
        for (int i = 0; i < K; ++i) ZZ(i, j) += diag[i >= j ? i * K + j : j * K + i];
        for (int i = 0; i < p; ++i) ZX(i, j) += border[i];
      }
  }
};

bool outside(const Totals& sums, int j, const Mat& L) {
  Vec x(sums.ZX.col(j), sums.ZX.col(j) + L.rows);
  solve_lower(L, x.data());
  double beyond = sums.ZZ(j, j);
  for (double part : x) beyond -= part * part;
  return beyond > kBeyond * sums.ZZ(j, j);
}

bool about_zero(const Rows& rows, const Factor& factor, const Totals& sums, const Mat& L) {
  for (std::size_t t = 0; t < factor.terms.size(); ++t) {
    const Term& term = rows.terms[factor.terms[t]];
    for (int j = 0; j < term.k() && !is_structured(term.structure); ++j)
      if (outside(sums, factor.first[t] + j, L)) return true;
  }
  return false;
}

bool stand_in(const Rows& rows, const Factor& factor, const Totals& sums) {
  int uncorrelated = 0;
  for (int t : factor.terms) uncorrelated += rows.terms[t].structure == Structure::diag ? rows.terms[t].k() : 1;
  if (uncorrelated < kMany) return false;
  Mat pivots = sums.ZZ;
  if (!cholesky(pivots)) return true;
  for (int j = 0; j < pivots.rows; ++j)
    if (pivots(j, j) * pivots(j, j) < kNearly * sums.ZZ(j, j)) return true;
  return false;
}

}  // namespace

bool several_minima(const Rows& rows, const Blocks& blocks) {
  Mat L(rows.p, rows.p);
  for (int j = 0; j < rows.p; ++j)
    for (int i = 0; i < rows.p; ++i) L(i, j) = blocks.XY(i, j);
  if (!cholesky(L)) return false;
  for (std::size_t f = 0; f < rows.factors.size(); ++f) {
    const Totals sums(rows, blocks, f);
    if (about_zero(rows, rows.factors[f], sums, L) || stand_in(rows, rows.factors[f], sums)) return true;
  }
  return false;
}

}  // namespace multilevel
