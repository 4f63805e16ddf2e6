// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/lab.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <set>

#include "agents/common/control_client.h"

namespace starling::lab {

double to_seconds(TimeNs t) {
  return static_cast<double>(t) / kSecond;
}

Lab::Lab() : key_(64, '7') {}

void Lab::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  std::string name = (std::filesystem::temp_directory_path() / "starling-lab-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  dir_ = name;
  try {
    switch_ = std::make_unique<NetNs>("switch");
    make_segment(0);
  } catch (const std::exception& e) {
    GTEST_SKIP() << "no network namespaces or bridges here: " << e.what();
  }
}

Lab::~Lab() {
  nodes_.clear();
  if (dir_.empty()) return;
  if (HasFailure()) {
    std::cout << "logs are kept in " << dir_ << std::endl;
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
}

void Lab::make_segment(int segment) {
  if (segments_[segment]) return;
  const std::string bridge = "br" + std::to_string(segment);
  // No learning: every port sees every frame, as on a hub, and as with the flock's shared MAC.
  switch_->ip({"link", "add", bridge, "type", "bridge", "ageing_time", "0", "mcast_snooping", "0"});
  switch_->ip({"link", "set", bridge, "up"});
  segments_[segment] = true;
}

void Lab::plug_in(const NetNs& net) {
  const std::string port = "p" + std::to_string(cables_++);
  // Duplicate detection would only make every test a second longer.
  net.sysctl("net/ipv6/conf/default/accept_dad", "0");
  connect(net, "lan0", *switch_, port);
  switch_->ip({"link", "set", port, "master", "br0"});
}

LabNode& Lab::add_node(const std::string& flock) {
  const std::string name = "host" + std::to_string(nodes_.size() + 1);
  nodes_.push_back(std::make_unique<LabNode>(name, dir_ / name, key_, flock));
  plug_in(nodes_.back()->net());
  return *nodes_.back();
}

void Lab::move_to_segment(int index, int segment) {
  make_segment(segment);
  switch_->ip(
      {"link", "set", "p" + std::to_string(index), "master", "br" + std::to_string(segment)});
}

std::vector<LabNode*> Lab::running() {
  std::vector<LabNode*> out;
  for (const auto& n : nodes_) {
    if (n->pid()) out.push_back(n.get());
  }
  return out;
}

TimeNs Lab::until(TimeNs timeout, const std::function<bool()>& condition) {
  const TimeNs begin = monotonic_ns();
  slack_ = 0;
  while (true) {
    try {
      if (condition()) return monotonic_ns() - begin;
    } catch (const DaemonNotRunning&) {
    }
    if (monotonic_ns() - begin > timeout) return -1;
    const TimeNs before = monotonic_ns();
    usleep(20'000);
    slack_ = std::max(slack_, monotonic_ns() - before - 20 * kMillisecond);
  }
}

bool Lab::all_agree() {
  const auto nodes = running();
  std::vector<int> expected;
  for (LabNode* n : nodes) {
    const int number = n->number();
    if (number == 0) return false;
    expected.push_back(number);
  }
  std::sort(expected.begin(), expected.end());
  if (std::adjacent_find(expected.begin(), expected.end()) != expected.end()) return false;
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](LabNode* n) { return n->numbers() == expected; });
}

void Lab::grow(int count) {
  for (int i = 0; i < count; ++i) add_node();
  for (const auto& n : nodes_) n->start();
  const TimeNs took = until(30 * kSecond, [&] { return all_agree(); });
  ASSERT_GE(took, 0) << "the flock of " << size() << " did not form";
  std::printf("[ measured ] flock of %d formed in %.2f s\n", size(), to_seconds(took));
}

int Lab::mosctl(const LabNode& node, const std::vector<std::string>& arguments, std::string* out) {
  std::string line = std::string(MOSCTL) + " --socket '" + node.socket().string() + "'";
  for (const std::string& a : arguments) line += " '" + a + "'";
  FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  if (!pipe) return -1;
  std::string text;
  char buffer[4096];
  std::size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) text.append(buffer, n);
  const int status = pclose(pipe);
  if (out) *out = text;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Lab::expect_within(const char* what, TimeNs measured, TimeNs bound) {
  std::printf("[ measured ] %s: %.2f s (bound %.0f s; this test ran up to %.2f s late)\n", what,
              to_seconds(measured), to_seconds(bound), to_seconds(slack_));
  EXPECT_GE(measured, 0) << what << " did not happen";
  EXPECT_LE(measured, bound + slack_) << what;
}

}  // namespace starling::lab
