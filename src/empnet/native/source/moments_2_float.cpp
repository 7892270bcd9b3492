#include "moments_of_degree.hpp"
#include "steps_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(float, 2)
EMPNET_STEPS(float, 2)
}  // namespace empnet
