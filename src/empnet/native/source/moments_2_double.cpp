#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(double, 2)
EMPNET_STEPS(double, 2)
}  // namespace empnet
