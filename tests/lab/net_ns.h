// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agents/common/unique_fd.h"

namespace starling::lab {

// Runs a command to its end; throws std::runtime_error with its output when it fails.
void run(const std::vector<std::string>& command);

// A named network namespace, deleted with everything in it on destruction. The name is unique on
// this machine: what two test runs make never meets.
class NetNs {
 public:
  explicit NetNs(const std::string& hint);
  NetNs(const NetNs&) = delete;
  NetNs& operator=(const NetNs&) = delete;
  ~NetNs();

  const std::string& name() const { return name_; }
  // For setns(2) in a child before exec.
  int fd() const { return fd_.get(); }
  // ip(8) inside: ip({"link", "set", "lo", "up"}).
  void ip(std::vector<std::string> arguments) const;
  void sysctl(const std::string& key, const std::string& value) const;
  // Runs `function` in a thread of this process that has entered the namespace; what it throws
  // comes out here. Sockets it opens stay in the namespace.
  void inside(const std::function<void()>& function) const;

 private:
  std::string name_;
  UniqueFd fd_;
};

// A cable: one end in each namespace, both ends up. Goes away with either namespace.
void connect(const NetNs& a, const std::string& name_a, const NetNs& b, const std::string& name_b);

}  // namespace starling::lab
