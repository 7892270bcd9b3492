// Which vector instructions this processor and its operating system have. By hand, because not every compiler's own question
// (__builtin_cpu_supports) can be linked.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>

namespace empnet {

struct Processor {
    bool avx2 = false, avx512 = false;

    Processor() {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (!__get_cpuid(1, &a, &b, &c, &d)) return;
        const bool fma = c & (1u << 12), saves_registers = c & (1u << 27);
        if (!saves_registers || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
        unsigned low = 0, high = 0;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        const unsigned ymm = 0x06, zmm = 0xe6;  // what the operating system saves: registers of 256 and 512 bits
        const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
        avx2 = fma && (b & (1u << 5)) && (low & ymm) == ymm;
        avx512 = avx2 && (b & f) && (b & dq) && (b & bw) && (b & vl) && (low & zmm) == zmm;
    }
};

}  // namespace empnet
#else
namespace empnet {
struct Processor {
    bool avx2 = false, avx512 = false;
};
}  // namespace empnet
#endif
