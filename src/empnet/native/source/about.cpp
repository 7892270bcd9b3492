// What the library says of itself.
#include "library.hpp"
#include "processor.hpp"

#ifndef EMPNET_INSTRUCTIONS
#define EMPNET_INSTRUCTIONS "baseline"
#endif

int32_t empnet_version(void) { return 1; }

#define TEXT(x) TEXT_OF(x)
#define TEXT_OF(x) #x

const char* empnet_compiler(void) {
#if defined(__clang__)
    return "Clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) ", " EMPNET_INSTRUCTIONS;
#else
    return "GCC " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) ", " EMPNET_INSTRUCTIONS;
#endif
}

// Whether this processor has the instructions that the library was built with.
int32_t empnet_runs_here(void) {
#if defined(EMPNET_NEEDS_avx512)
    return empnet::Processor().avx512;
#elif defined(EMPNET_NEEDS_avx2)
    return empnet::Processor().avx2;
#else
    return 1;
#endif
}
