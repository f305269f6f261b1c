// What the core will not compute, in words for the user; the doorway turns it into a FitError.
#pragma once

#include <stdexcept>

namespace multilevel {

struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace multilevel
