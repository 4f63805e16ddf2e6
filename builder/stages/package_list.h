// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// Names out of a list file's text: one or more a line, '#' starts a comment. Throws Error with
// `file`:line for what cannot be a Debian package name.
std::vector<std::string> parse_package_list(std::string_view text,
                                            const std::filesystem::path& file);

// All names once, in alphabetical order, so that the order they are asked for in never changes an
// image. A name with a leading '-' takes that package out again, wherever it stands.
std::vector<std::string> merge_packages(const std::vector<std::vector<std::string>>& lists);

// Whether `name` can be a Debian binary package's name (policy 5.6.1).
bool is_package_name(std::string_view name);

// The package apt complains about in one line of its output ("E: Unable to locate package frob"),
// if the line is such a complaint.
std::optional<std::string> unknown_package(std::string_view apt_line);

// The packages dpkg misses in its output ("starling depends on libfoo; however: Package libfoo is
// not installed.").
std::vector<std::string> missing_dependencies(std::string_view dpkg_output);

}  // namespace starling::builder
