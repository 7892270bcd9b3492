#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(double, 0)
EMPNET_STEPS(double, 0)
}  // namespace empnet
