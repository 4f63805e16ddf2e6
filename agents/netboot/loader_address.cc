// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/loader_address.h"

#include <string_view>

namespace starling::netboot {

// As in builder/stages/boot_menu.cc.
static constexpr std::string_view kBefore = "set starling_server=";
static constexpr std::string_view kField = "$net_default_server     ";

std::optional<std::string> with_boot_server(std::string loader, const std::string& address) {
  const auto place = std::string(kBefore) + std::string(kField);
  const auto at = loader.find(place);
  if (at == std::string::npos || loader.find(place, at + 1) != std::string::npos ||
      address.size() > kField.size())
    return std::nullopt;
  auto field = address;
  field.resize(kField.size(), ' ');
  loader.replace(at + kBefore.size(), field.size(), field);
  return loader;
}

}  // namespace starling::netboot
