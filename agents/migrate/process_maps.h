// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

enum class VmaKind : std::uint32_t {
  ordinary = 0,
  stack = 1,  // grows downwards
  vdso = 2,
  vvar = 3,
  vvar_vclock = 4,
  vsyscall = 5,  // the kernel's, outside the process
};

// One line of /proc/PID/maps; proc_pid_maps(5).
struct Mapping {
  RemoteRange range;
  int prot = 0;  // PROT_*
  bool shared = false;
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::string path;
  VmaKind kind = VmaKind::ordinary;

  // Has contents of a file beneath it: a page that was never written is not zero.
  bool file_backed() const { return inode != 0; }
};

// Parses the text of /proc/PID/maps; lines it does not understand throw std::runtime_error.
std::vector<Mapping> parse_maps(std::string_view text);
// Throws std::system_error when the process is gone.
std::vector<Mapping> read_maps(pid_t pid);

// `from` without what `without` covers; both sorted and disjoint.
RemoteRanges subtract(const RemoteRanges& from, const RemoteRanges& without);
// Sorted, touching ranges joined.
RemoteRanges normalise(RemoteRanges ranges);

}  // namespace starling::migrate
