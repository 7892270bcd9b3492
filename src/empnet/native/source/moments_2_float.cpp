#include "moments_of_degree.hpp"

namespace empnet {
EMPNET_DEGREE(float, 2)
}
