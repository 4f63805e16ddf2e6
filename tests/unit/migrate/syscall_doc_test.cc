// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/syscall_doc.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace starling::migrate {
namespace {

TEST(SyscallDoc, IsWhatTheRepositoryHolds) {
  std::ifstream file(STARLING_SOURCE_DIR "/docs/SYSCALLS.md");
  ASSERT_TRUE(file) << "docs/SYSCALLS.md is not there";
  const std::string held{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(held == syscall_document())
      << "docs/SYSCALLS.md is not what the table says; write it anew:\n"
         "  cmake --build build --target starling-syscall-doc\n"
         "  build/bin/starling-syscall-doc > docs/SYSCALLS.md";
}

}  // namespace
}  // namespace starling::migrate
