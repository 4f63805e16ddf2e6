// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace starling::migrate {

// What a process may rely on of the machine it runs on.

// Nanoseconds of clock_gettime(2).
std::int64_t clock_ns(clockid_t clock);
// XCR0: which register sets the kernel saves (Intel SDM vol. 1, 13.3).
std::uint64_t enabled_xfeatures();
// The feature words of cpuid a program chooses its code by: leaf 1 ecx and edx, leaf 7 ebx, ecx,
// edx (subleaf 0), leaf 7 eax (subleaf 1), leaf 0x80000001 ecx and edx.
std::vector<std::uint32_t> cpu_features();
// SHA-256 of this process's vdso: its code is the process's code, so it must be the same.
std::string vdso_hash();

// What `wanted` (cpu_features() of another machine) has and this one lacks; one word or two for
// people ("AVX-512"), empty when nothing is missing.
std::string missing_feature(const std::vector<std::uint32_t>& wanted, std::uint64_t xfeatures);

}  // namespace starling::migrate
