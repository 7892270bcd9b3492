#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(float, 3)
EMPNET_STEPS(float, 3)
}  // namespace empnet
