#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(double, 3)
EMPNET_STEPS(double, 3)
}  // namespace empnet
