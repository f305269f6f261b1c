#include "laplace.hpp"

namespace multilevel {

bool Laplace::integrate(const LaplaceAt&, Want, LaplacePoint&) { return false; }

}  // namespace multilevel
