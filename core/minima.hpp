// Models whose criterion can have several minima.
#pragma once

#include "blocks.hpp"

namespace multilevel {

// Told from the sums: effects that vary about zero and not about a mean of their own, since the column they multiply is no
// combination of X. When their variance is large they take the place of that mean, and a minimum without them is another
// one. Or three and more uncorrelated effects of one factor whose columns are nearly combinations of each other, such as
// 1, x and x^2 far from x = 0: one can stand in for another.
bool several_minima(const Rows& rows, const Blocks& blocks);

}  // namespace multilevel
