// SPDX-License-Identifier: GPL-2.0-or-later
// Prints docs/SYSCALLS.md: build/bin/starling-syscall-doc > docs/SYSCALLS.md
#include <cstdio>

#include "agents/migrate/syscall_doc.h"

int main() {
  const std::string text = starling::migrate::syscall_document();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0
             ? 0
             : 1;
}
