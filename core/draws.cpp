#include "draws.hpp"

namespace multilevel {

namespace {

constexpr double kNothing = 1e-10;  // an eigenvalue below this share of the largest is zero

// A = R R' for a positive semidefinite A; columns of R without length are marked. Returns the rank.
int root_of(const Mat& A, double largest, Mat& R, Vec& values, std::vector<bool>& spans) {
  eigen_symmetric(A, values, R);
  int rank = 0;
  for (int j = 0; j < R.cols; ++j) {
    const bool some = values[j] > kNothing * largest;
    spans.push_back(some);
    rank += some;
    const double s = some ? std::sqrt(values[j]) : 0.0;
    for (int i = 0; i < R.rows; ++i) R(i, j) *= s;
  }
  return rank;
}

}  // namespace

Draws::Draws(const Rows& rows)
    : k_(rows.factors[0].K), p_(rows.p), levels_(rows.factors[0].levels), total_weight_(rows.fixed.total_weight),
      noise_df_(static_cast<double>(rows.n)) {
  const Blocks sums = add_up(rows);
  const int k = k_, p = p_;
  G_ = sums.diag[0];
  B_.resize(static_cast<std::size_t>(levels_) * k * p);
  root_.resize(G_.size());
  RB_.resize(B_.size());
  XX_ = Mat(p, p);
  for (int j = 0; j < p; ++j)
    for (int i = 0; i < p; ++i) XX_(i, j) = sums.XY(i, j);
  factor_ = XX_;
  cholesky(factor_);
  Mat S = XX_, G(k, k), R;
  Vec w;
  for (std::int64_t v = 0; v < levels_; ++v) {
    for (int i = 0; i < k; ++i)
      for (int j = 0; j < k; ++j) G(i, j) = G_[(v * k + i) * k + j];
    double largest = 0.0;
    for (int i = 0; i < k; ++i) largest += G(i, i);
    noise_df_ -= root_of(G, largest, R, w, spans_);
    for (int i = 0; i < k; ++i) {
      for (int j = 0; j < k; ++j) root_[(v * k + i) * k + j] = R(i, j);
      for (int c = 0; c < p; ++c) B_[(v * k + i) * p + c] = sums.border[(v * k + i) * (p + 1) + c];
    }
    double* RB = RB_.data() + v * k * p;  // R^+ = w^-1 R'
    for (int j = 0; j < k; ++j)
      for (int c = 0; c < p && spans_[v * k + j]; ++c)
        for (int i = 0; i < k; ++i) RB[j * p + c] += R(i, j) / w[j] * B_[(v * k + i) * p + c];
    for (int a = 0; a < p; ++a)
      for (int b = 0; b < p; ++b)
        for (int j = 0; j < k; ++j) S(a, b) -= RB[j * p + a] * RB[j * p + b];
  }
  double largest = 0.0;
  for (int j = 0; j < p; ++j) largest += XX_(j, j);
  noise_df_ -= root_of(S, largest, T_, w, spans_x_);
}

Response Draws::draw(const double* numbers, const Mat& Lambda, double sigma, const Vec& beta) const {
  const int k = k_, p = p_;
  const std::int64_t q = levels_ * k;
  const double *u = numbers, *xi = u + q, *eta = xi + q;
  double noise = eta[p];
  Response r;
  r.Zy.assign(q, 0.0);
  r.Xy.assign(p, 0.0);
  Vec b(k), Ze(k);
  for (std::int64_t v = 0; v < levels_; ++v) {
    const double *G = G_.data() + v * k * k, *R = root_.data() + v * k * k, *B = B_.data() + v * k * p, *RB = RB_.data() + v * k * p;
    for (int i = 0; i < k; ++i) {
      b[i] = Ze[i] = 0.0;
      for (int j = 0; j < k; ++j) {
        b[i] += sigma * Lambda(i, j) * u[v * k + j];
        Ze[i] += sigma * R[i * k + j] * xi[v * k + j];
      }
    }
    for (int i = 0; i < k; ++i) {
      double Gb = 0.0;
      for (int j = 0; j < k; ++j) Gb += G[i * k + j] * b[j];
      r.Zy[v * k + i] = Gb + Ze[i];
      r.yy += b[i] * (Gb + 2.0 * Ze[i]);
      const double x = xi[v * k + i];
      for (int c = 0; c < p; ++c) r.Xy[c] += B[i * p + c] * b[i] + sigma * RB[i * p + c] * x;
      if (spans_[v * k + i]) noise += x * x;
    }
  }
  for (int j = 0; j < p; ++j) {
    for (int c = 0; c < p; ++c) r.Xy[c] += sigma * T_(c, j) * eta[j];
    if (spans_x_[j]) noise += eta[j] * eta[j];
  }
  r.yy += sigma * sigma * noise;
  // the scaled residual of its least-squares fit, as everywhere
  Vec ls = r.Xy;
  solve_lower(factor_, ls.data());
  for (double x : ls) r.yy -= x * x;
  solve_lower_t(factor_, ls.data());
  r.y_scale = std::sqrt(r.yy / total_weight_);
  for (std::int64_t i = 0; i < q; ++i) {
    for (int c = 0; c < p; ++c) r.Zy[i] -= B_[i * p + c] * ls[c];
    r.Zy[i] /= r.y_scale;
  }
  for (int c = 0; c < p; ++c) {
    for (int j = 0; j < p; ++j) r.Xy[c] -= XX_(c, j) * ls[j];
    r.Xy[c] /= r.y_scale;
  }
  r.yy = total_weight_;
  r.beta0 = beta;
  for (int c = 0; c < p; ++c) r.beta0[c] += ls[c];
  return r;
}

}  // namespace multilevel
