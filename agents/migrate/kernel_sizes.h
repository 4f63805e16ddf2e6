// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>
#include <cstddef>

namespace starling::migrate {

// Bytes the kernel reads and writes; x86-64.
inline constexpr std::size_t kSiginfo = sizeof(siginfo_t);
static_assert(kSiginfo == 128);
// struct kernel_sigaction, which is not the C library's: handler, flags, restorer, mask;
// rt_sigaction(2).
inline constexpr std::size_t kKernelSigaction = 4 * sizeof(unsigned long);

}  // namespace starling::migrate
