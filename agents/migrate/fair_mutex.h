// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mutex>

namespace starling::migrate {

// A mutex that a thread which takes it again and again cannot keep from another that waits: who
// waits holds the door, and the first thread stands behind it. BasicLockable.
class FairMutex {
 public:
  void lock() {
    door_.lock();
    room_.lock();
    door_.unlock();
  }
  void unlock() { room_.unlock(); }

 private:
  std::mutex door_;
  std::mutex room_;
};

}  // namespace starling::migrate
