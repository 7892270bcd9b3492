// The functions of the library as this machine's code sees them: names with C's linkage, both precisions.
#pragma once

// A function's name in each precision.
#define SINGLE(x) empnet_##x##_f32
#define DOUBLE(x) empnet_##x##_f64

extern "C" {
#pragma GCC visibility push(default)
#include "functions.h"
#define real float
#define NAME SINGLE
#include "functions_of_real.h"
#undef real
#undef NAME
#define real double
#define NAME DOUBLE
#include "functions_of_real.h"
#undef real
#undef NAME
#pragma GCC visibility pop
}

