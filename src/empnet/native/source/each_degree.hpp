#pragma once

// Calls X for both precisions and all degrees.
#define EMPNET_EACH_DEGREE(X) X(float, 0) X(float, 1) X(float, 2) X(float, 3) X(double, 0) X(double, 1) X(double, 2) X(double, 3)
