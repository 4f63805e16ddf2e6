// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

namespace starling::migrate {

// A control group (cgroups(7), version 2) with a body in it, so that the kernel itself holds it to
// its share of this machine's memory: from 7/8 of the limit on it is slowed down, time in which it
// can be taken home; what grows beyond the limit all the same is killed, and nobody else.
// The kernel's Documentation/admin-guide/cgroup-v2.rst has the files.
class BodyCgroup {
 public:
  // Makes a group of its own in `base`, which must be a group without processes, on a mount that
  // may be written. `limit` in bytes. Throws std::system_error naming the file.
  BodyCgroup(const std::filesystem::path& base, std::uint64_t limit);
  // The group is removed; the body must be reaped by then.
  ~BodyCgroup();
  BodyCgroup(const BodyCgroup&) = delete;
  BodyCgroup& operator=(const BodyCgroup&) = delete;

  // What it uses from then on counts. Throws std::system_error.
  void add(pid_t body) const;
  // It uses so much that it should leave.
  bool pressed() const;
  // The kernel killed it for want of memory.
  bool killed() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::uint64_t high_;
};

}  // namespace starling::migrate
