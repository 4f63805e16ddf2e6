// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "agents/common/unique_fd.h"

namespace starling::migrate {

// A program to be executed by what becomes a body: one page of int3, statically linked to nothing,
// so that the kernel maps it, a stack and the vdso and no more. Kept in a memfd: there is no file
// that could be missing, changed or busy. Close-on-exec. Throws std::system_error.
UniqueFd make_body_stub();

}  // namespace starling::migrate
