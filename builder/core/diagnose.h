// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <exception>
#include <filesystem>
#include <string>

namespace starling::builder {

// The same failure as an Error that names the stage and its log, and, where the tools' words give
// away a common cause (a full disk, no network, an unknown package), says that cause and what to
// do. Interrupted stays Interrupted.
std::exception_ptr diagnosed(std::exception_ptr failure, const std::string& stage,
                             const std::filesystem::path& log,
                             const std::filesystem::path& cache_root);

}  // namespace starling::builder
