// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "agents/migrate/scratch.h"

namespace starling::migrate {

// Calls that one thread makes and that all must succeed; as many as one likes, made in as few
// stops as the scratch area allows.
class CheckedCalls {
 public:
  CheckedCalls(Scratch& scratch, pid_t tid) : batch_(scratch), tid_(tid) {}

  // Before the first put() of each call: makes room for it and for up to 12 KiB of data.
  void begin();
  RemoteAddr put(Bytes data) { return batch_.put(data); }
  RemoteAddr room(std::size_t size) { return batch_.room(size); }
  template <typename T>
  RemoteAddr put_value(const T& value) {
    return put({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // `what` says in an error what was tried; must live until run(). The number is for result().
  std::size_t add(const char* what, std::uint64_t nr, std::array<std::uint64_t, 6> args = {});
  // The same for a call whose failure does not matter.
  void try_to(std::uint64_t nr, std::array<std::uint64_t, 6> args = {}) { add(nullptr, nr, args); }
  // Throws std::system_error for the first that failed.
  void run();
  std::int64_t result(std::size_t number) const { return results_.at(number); }

 private:
  CallBatch batch_;
  pid_t tid_;
  std::vector<const char*> whats_;
  std::vector<std::int64_t> results_;
};

}  // namespace starling::migrate
