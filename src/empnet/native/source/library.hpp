// The functions of the library as this machine's code sees them: names with C's linkage, both precisions.
#pragma once

#define EMPNET_EXPORT __attribute__((visibility("default")))

extern "C" {
#pragma GCC visibility push(default)
#include "functions.h"
#define real float
#define NAME(x) empnet_##x##_f32
#include "functions_of_real.h"
#undef real
#undef NAME
#define real double
#define NAME(x) empnet_##x##_f64
#include "functions_of_real.h"
#undef real
#undef NAME
#pragma GCC visibility pop
}

