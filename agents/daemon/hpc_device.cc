// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/hpc_device.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "agents/common/log.h"

namespace starling::daemon {

namespace {
// As in <linux/hpc.h> of the patched kernel, which the build machine need not have.
struct NodeMessage {
  std::uint32_t type = 1;  // HPC_MSG_NODE
  std::uint32_t size = sizeof(NodeMessage);
  std::uint32_t id = 0;
};
static_assert(sizeof(NodeMessage) == 12);
}  // namespace

HpcDevice::HpcDevice(const std::filesystem::path& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), path_(path) {
  if (!fd_ && errno != ENOENT && errno != ENXIO && errno != ENODEV) {
    log_warning(path.string() + ": " + std::strerror(errno) + "; /proc/hpc stays empty");
  }
}

void HpcDevice::publish_node(std::uint32_t number) {
  if (!fd_) return;
  NodeMessage message;
  message.id = number;
  if (::write(fd_.get(), &message, sizeof message) != sizeof message && !complained_) {
    complained_ = true;
    log_warning(path_.string() +
                ": the kernel does not take the node number: " + std::strerror(errno));
  }
}

}  // namespace starling::daemon
