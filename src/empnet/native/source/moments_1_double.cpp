#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(double, 1)
EMPNET_STEPS(double, 1)
}  // namespace empnet
