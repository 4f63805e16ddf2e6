// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "builder/core/stage.h"

namespace starling::builder {

// The config's user (in group sudo), password and ssh keys. Root logs in by key only. Without a
// password there is no password login anywhere, and the consoles of the machine log the user in by
// themselves: whoever stands before a live system owns it anyway.
void make_login(StageContext& ctx, const std::filesystem::path& root);

std::string hosts_file(const std::string& hostname);
// A drop-in for getty@.service and serial-getty@.service that logs `user` in.
std::string autologin_dropin(const std::string& user, bool serial);

}  // namespace starling::builder
