// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: C++ exceptions thrown through many frames, in threads and across them
// Group: threads
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "feature.h"

namespace {

struct Guard {
  explicit Guard(int& count) : count_(count) { ++count_; }
  ~Guard() { --count_; }
  int& count_;
};

void dig(int depth, int& count) {
  const Guard guard(count);
  if (depth == 0) throw std::runtime_error("depth " + std::to_string(count));
  dig(depth - 1, count);
}

void check_throw() {
  feature_work();
  int count = 0;
  try {
    dig(60, count);
    CHECK(false);
  } catch (const std::runtime_error& e) {
    CHECK(e.what() == std::string("depth 61"));
  }
  CHECK_EQ(count, 0);
}

}  // namespace

int main() {
  while (feature_more()) {
    std::exception_ptr carried;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&carried, i] {
        for (int n = 0; n < 50; ++n) check_throw();
        if (i == 0) {
          try {
            throw 42;
          } catch (...) {
            carried = std::current_exception();
          }
        }
      });
    }
    for (std::thread& t : threads) t.join();
    try {
      std::rethrow_exception(carried);
    } catch (int value) {
      CHECK_EQ(value, 42);
    }
  }
  return feature_pass();
}
