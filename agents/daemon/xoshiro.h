// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/rand.h>

#include <array>
#include <bit>
#include <cstdint>
#include <stdexcept>

namespace starling::daemon {

// xoshiro256++, seeded from the system: for choices that need to be spread, not secret, such as
// which neighbour to probe. Draws without a system call.
class Xoshiro {
 public:
  Xoshiro() {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(s_.data()), sizeof s_) != 1) {
      throw std::runtime_error("no random bytes");
    }
  }

  std::uint64_t operator()() {
    const std::uint64_t result = std::rotl(s_[0] + s_[3], 23) + s_[0];
    const std::uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = std::rotl(s_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> s_;
};

}  // namespace starling::daemon
