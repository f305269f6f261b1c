// Block elimination and the selected inverse, level by level, then in panels of the dense core.
//
// For a level (or panel) v with what follows it S, and blocks already reduced by everything before it
// (G = Z_v'V^-1Z_v, B = its coupling to S, both given the earlier effects only):
//
//   Omega = I + Lambda' G Lambda = L L'      M = Lambda Omega^-1 Lambda'       N = I - G M = (I + G Psi)^-1
//   elimination          G_SS -= B M B'      border_S -= B M border_v          [Xy]'V^-1[Xy] -= border_v' M border_v
//   back substitution    e = border_v - B' Fb_S        Fb_v = M e              H_v = N e
//   average information  h = c_v + G t_v     G_tt += 2 t'c + t'G t - h'M h     c_S += B (t - M h)
//   selected inverse     Y = P_SS B          Q = B'Y                           P_Sv = -Y M
//                        P_vv = M + M Q M                                      T_vv = N G - N Q N'
//
// P is the conditional covariance of the random effects on the pattern, T the diagonal of Z'V^-1Z. Nothing divides by
// Lambda, so a singular Lambda needs no special case. The last line follows from T = G - [G B'] P [G; B].
#pragma once

#include "engine.hpp"
#include "observations.hpp"
#include "packed.hpp"
#include "pattern.hpp"
#include "pivot.hpp"
#include "products.hpp"

namespace multilevel {

constexpr int kPanel = kTile;
constexpr int kTeamFrom = 6 * kPanel;  // a core that keeps several threads busy
constexpr int kBatch = 256;  // columns of the first factor in one dense product
constexpr double kScatterCost = 25.0;  // of one scattered product, in dense ones

struct Panel {
  int factor;           // or rather the part, in the order of elimination
  int start, width;     // in the core; at least one level wide
  std::size_t inverse;  // where its M (width x width) starts in M_core_
};

class Elimination final : public Engine {
 public:
  // `empty`: the pattern alone; the values come with reweigh()
  Elimination(const Rows& rows, Blocks blocks, bool empty = false);
  double eliminate(const std::vector<Mat>& Lambda, Mat& cross) override;
  void differentiate(const Vec& c, const Inverse& Q, const std::vector<Direction>& directions, Slopes& out) override;
  Vec modes(const Vec& c) override;
  std::vector<Posterior> posterior() override;
  Vec variances(const Combinations& c) override;
  Moments moments(const Mat& XX_inverse) const override;
  Vec response_moments() const override;
  void set_response(const Response& r) override;
  std::unique_ptr<Engine> clone() const override { return std::make_unique<Elimination>(*this); }
  const char* name() const override;

  // weights that change (reweigh.cpp): reweigh, set_border, eliminate; then solve, differentiate, row_variances
  void find_places(const Observations& o);
  void reweigh(const Observations& o, const Vec& w);
  void set_border(int columns, Vec&& border, Mat cross);  // q x columns, row-major
  bool definite() const { return definite_; }             // of the last eliminate()
  void solve(Vec& x) const;
  void row_variances(const Observations& o, Vec& c) const;
  Vec z() const;                                          // Z'V^-1(y - X beta) of the last differentiate()
  // c (row_variances) and T for weights w, and where they go (dc, dT) with dw and a direction of Psi or none: the latter
  // for a single factor
  bool determinant_slopes(const Observations& o, const Vec& w, const std::vector<Mat>& Lambda, Vec& c, std::vector<Mat>& T);
  bool level_by_level() const { return shape_.size() == 1 && !core_; }
  void follow(const Observations& o, const Vec& dw, const Direction* psi, Vec& dc, std::vector<Mat>& dT) const;

 private:
  struct Shape {  // of a part
    int K, levels;
    std::int64_t offset;
    int factor;
  };
  struct Sparse {
    Vec val, val0;    // coupling to later effects: rows of the pattern x K
    Vec diag, diag0;  // the 0-versions are kept where elimination changes them
    Vec M;
    Vec P, P_diag;    // selected inverse, where later columns need it
  };

  int p_;
  std::int64_t q_;
  std::vector<Shape> shape_;
  std::vector<int> widths_;        // K of each factor
  std::shared_ptr<const Pattern> pattern_;
  int core_;
  std::int64_t core_offset_;
  std::vector<Panel> panels_;
  std::vector<Sparse> sparse_;
  Mat XY0_;
  Vec border0_;                    // q x (p+1), row-major
  Vec border_;                     // reduced: effects after the first part
  Packed core_pairs_;              // core x core, when several parts meet in it
  std::vector<Vec> core_diag_;
  Packed R_;                       // the dense core: reduced blocks, then (in place) the selected inverse
  Vec M_core_;                     // M of each panel
  Vec Fb_;                         // back substitution: effects after the first part x (p+1)
  std::int64_t later_ = 0;         // the first of them
  Vec z_;                          // q
  std::vector<Mat> Lambda_;        // of each part
  std::shared_ptr<const std::vector<std::vector<std::int64_t>>> places_;
  bool definite_ = true;
  bool core_inverted_ = false;     // R_ holds the selected inverse
  bool substituted_ = false;       // b_ holds the conditional modes
  bool keep_first_ = false;        // the selected inverse of the first part's couplings is wanted too
  bool dense_first_ = false;       // the first part meets so much of the core that dense products win

  std::vector<Vec> lam_rm_;        // row-major copies of Lambda
  Vec b_;                          // conditional modes
  Vec F_;                          // filled by posterior() only
  bool keep_F_ = false;

  void fill_values(const Rows& rows);
  void solve_in_order(Vec& x) const;
  // where factors are split (reweigh_parts.cpp)
  void find_places_in_parts(const Observations& o);
  void reweigh_parts(const Observations& o, const Vec& w);
  void row_variances_in_parts(const Observations& o, Vec& c) const;
  std::vector<Vec> diagonals(const Blocks& blocks) const;  // of each part
  std::vector<Posterior> by_factor(const std::vector<Posterior>& parts) const;
  void back_substitute_all(const Vec& c);  // the modes alone
  void visit_effects(std::int64_t at, int k, const double* F, const Vec& c);
  // Z_v'V^-1[X y] of one level, given what was eliminated before it
  const double* border_of(int f, int v) const {
    const std::int64_t at = shape_[f].offset + static_cast<std::int64_t>(v) * shape_[f].K;
    return f == 0 ? border0_.data() + at * (p_ + 1) : border_.data() + (at - later_) * (p_ + 1);
  }
  const double* lam(int f) const { return lam_rm_[f].data(); }
  Packed make_core() const {
    std::vector<int> widths;
    for (const Panel& b : panels_) widths.push_back(b.width);
    return Packed(widths);
  }
  int team_size() const { return core_ < kTeamFrom ? 1 : core_ / kPanel; }
  // where a level of a later part begins in the core
  int in_core(int f, std::int32_t level) const {
    return static_cast<int>(shape_[f].offset - core_offset_) + level * shape_[f].K;
  }
  double pair_work(int f) const { return 8.0 * pattern_->columns[f].pairs * shape_[f].K; }  // scattered: out of cache
  // level by level: levels.cpp, and the selected inverse in selected.cpp
  void eliminate_levels(int f, Mat& cross, LogProduct& det);
  void back_substitute_levels(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                              const std::vector<int>& mine, Slopes* out);
  void information_levels(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& G);
  void select_levels(int f, Mat& T, Posterior* post);
  template <int K> void eliminate_factor(int f, Mat& cross, LogProduct& det);
  template <int K> void back_substitute(int f, const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs,
                                        const std::vector<int>& mine, Slopes* out);
  template <int K> void information(int f, const std::vector<Direction>& dirs, const std::vector<int>& mine, Vec& C, Mat& G);
  template <int K> void select(int f, Mat& T, Posterior* post);
  template <int K> void scatter_update(int f);
  template <int K> void scatter_quadratic(int f, Vec& Q);
  // panel by panel (dense_core.cpp)
  void eliminate_core(Mat& cross, LogProduct& det);
  void back_substitute_core(const Vec& c, const Inverse& Q, const std::vector<Direction>& dirs, Slopes* out);
  void information_core(const std::vector<Direction>& dirs, Vec& C, Mat& G);
  void select_core(std::vector<Mat>* T, std::vector<Posterior>* post);
  void load_core();
  std::size_t below() const;
  void dense_update(int f);
  void dense_quadratic(int f, Vec& Q);
  // variances of combinations (combinations.cpp)
  struct Passed;
  void pass_forward(const std::vector<std::int64_t>& effects, Passed& w) const;
  void pass_core(Passed& w, std::size_t groups) const;
  void variances_of(const Combinations& c, const std::int64_t* begin, const std::int64_t* end, Passed& w, Vec& out) const;
};

std::unique_ptr<Elimination> make_reweighed(const Rows& rows, const Observations& o);

// T -= H Q^-1 H' for the columns of X, S += z z', HT += H' Psi_dot z, and HH if asked for: what one level (row-major H,
// k x (p+1)) of factor f adds.
void collect(int k, int p, const double* H, const double* z, const Inverse& Q, const std::vector<Direction>& dirs,
             const std::vector<int>& mine, int f, Slopes& out, Vec& scratch);

}  // namespace multilevel
