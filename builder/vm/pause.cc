// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/pause.h"

#include <poll.h>

#include <algorithm>

#include "builder/core/interrupt.h"

namespace starling::vm {

void pause_for(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    builder::throw_if_interrupted();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd p{builder::interrupt_token().fd(), POLLIN, 0};
    ::poll(&p, 1, static_cast<int>(std::min<long>(left.count(), 60'000)));
  }
}

}  // namespace starling::vm
