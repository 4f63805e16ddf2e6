// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_wire.h"

namespace starling::migrate {

// Receives page answers so that their contents are opened where they are placed from: aligned for
// the kernel's copy, in a few pages that stay in the cache.
class PageAnswers {
 public:
  explicit PageAnswers(FrameChannel& channel) : channel_(channel) {}

  // The next answer, `most` bytes of contents at most; its data is a view until the next call.
  // Throws StreamClosed, ProtocolError.
  PageAnswer receive(std::size_t most);

 private:
  struct Free {
    void operator()(std::uint8_t* p) const;
  };

  FrameChannel& channel_;
  std::vector<std::uint8_t> head_;
  std::unique_ptr<std::uint8_t, Free> data_;
  std::size_t room_ = 0;
};

}  // namespace starling::migrate
