// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/netboot_view.h"

#include "agents/common/control_server.h"
#include "agents/common/small_file.h"
#include "agents/common/status_lock.h"

namespace starling::daemon {

using nlohmann::json;

// 256 machines with 16 events each are half of it.
static constexpr std::size_t kMaxStatus = 1024 * 1024;

json netboot_view(const std::filesystem::path& dir) {
  if (!status_lock_held(dir / "lock"))
    return {{"role", "off"}, {"why", "starling-netboot is not running"}};
  const auto file = dir / "status.json";
  const auto text = read_small_file(file, kMaxStatus);
  if (!text) return {{"role", "off"}, {"why", "starling-netboot is starting"}};
  auto status = json::parse(*text, nullptr, false);
  if (!status.is_object() || !status.contains("role"))
    throw ControlError("failed", file.string() + ": not a boot server's status");
  return status;
}

}  // namespace starling::daemon
