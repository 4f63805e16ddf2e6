// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agents/common/clock.h"
#include "tests/lab/lab_node.h"
#include "tests/lab/net_ns.h"

namespace starling::lab {

// A flock in one machine: nodes in namespaces of their own, each with a link "lan0" to one bridge
// that floods like a hub. Directories with the logs are kept, and named, when a test fails.
class Lab : public testing::Test {
 protected:
  Lab();
  ~Lab() override;
  // Skips, with the reason, where namespaces cannot be made.
  void SetUp() override;

  // Adds a machine with its cable; its daemon is not started. The name is its host name.
  LabNode& add_node(const std::string& flock = "lab");
  // `count` machines, all daemons started, and waits until each sees all with distinct numbers.
  void grow(int count);
  LabNode& node(int index) { return *nodes_.at(static_cast<std::size_t>(index)); }
  int size() const { return static_cast<int>(nodes_.size()); }
  std::vector<LabNode*> running();

  // The wires. A node is on segment 0 until it is moved; segments do not hear each other.
  void move_to_segment(int index, int segment);
  // Adds another namespace to segment 0, e.g. for an intruder; its link is "lan0" there.
  void plug_in(const NetNs& net);

  // Polls until `condition` holds; the time it took, or -1 after `timeout`. Exceptions of a
  // daemon that does not answer yet count as "not yet".
  TimeNs until(TimeNs timeout, const std::function<bool()>& condition);
  // Every running node sees exactly the running nodes, with distinct numbers.
  bool all_agree();
  // Runs mosctl against a node; its exit status, standard output to `out`.
  int mosctl(const LabNode& node, const std::vector<std::string>& arguments, std::string* out);

  // A time bound of the product, not of the test: prints what was measured beside it. A machine
  // too busy to run the test's own clock in time is told, not blamed on the daemon: `slack` is
  // how late the test's own 20 ms sleeps were while it waited.
  void expect_within(const char* what, TimeNs measured, TimeNs bound);

  std::string key_;

 private:
  void make_segment(int segment);

  std::filesystem::path dir_;
  std::unique_ptr<NetNs> switch_;
  std::map<int, bool> segments_;
  std::vector<std::unique_ptr<LabNode>> nodes_;
  int cables_ = 0;
  TimeNs slack_ = 0;
};

double to_seconds(TimeNs t);

}  // namespace starling::lab
