// SPDX-License-Identifier: GPL-2.0-or-later
// Requests on the control socket: any line is refused with a ControlError or is an object with a
// text "cmd".
#include <cstdlib>
#include <string_view>

#include "agents/common/control_server.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto request =
        starling::parse_control_request({reinterpret_cast<const char*>(data), size});
    if (!request.is_object() || !request.at("cmd").is_string()) abort();
  } catch (const starling::ControlError& e) {
    if (e.code.empty() || *e.what() == '\0') abort();
  }
  return 0;
}
