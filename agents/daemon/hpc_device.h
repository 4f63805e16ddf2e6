// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>

#include "agents/common/unique_fd.h"

namespace starling::daemon {

// The kernel's end of /proc/hpc (include/uapi/linux/hpc.h of our kernel patches). Stays open
// while the daemon lives: the kernel takes back what was published when it closes. A kernel
// without it is an ordinary thing.
class HpcDevice {
 public:
  explicit HpcDevice(const std::filesystem::path& path);
  bool present() const { return static_cast<bool>(fd_); }
  // Publishes this node's number, 0 for none. Logs once when the kernel refuses.
  void publish_node(std::uint32_t number);

 private:
  UniqueFd fd_;
  std::filesystem::path path_;
  bool complained_ = false;
};

}  // namespace starling::daemon
