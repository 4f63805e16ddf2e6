// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace starling::migrate {

// The system call table for people: docs/SYSCALLS.md, written by starling-syscall-doc.
std::string syscall_document();

}  // namespace starling::migrate
