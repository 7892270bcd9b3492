#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(float, 1)
EMPNET_STEPS(float, 1)
}  // namespace empnet
