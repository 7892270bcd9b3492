#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(float, 0)
EMPNET_STEPS(float, 0)
}  // namespace empnet
