// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/migrate/frame_channel.h"

namespace starling::migrate {

// Messages of state.proto to and from the bodies of frames.

template <typename Message>
std::vector<std::uint8_t> serialise(const Message& message) {
  std::vector<std::uint8_t> bytes(message.ByteSizeLong());
  if (!message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size())))
    throw std::runtime_error("a message could not be put together");
  return bytes;
}

// Throws ProtocolError, which names `sender`.
template <typename Message>
Message parse(const Frame& frame, const std::string& sender) {
  Message message;
  if (!message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
    throw ProtocolError(sender + " sent a message that cannot be read");
  return message;
}

}  // namespace starling::migrate
