// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace starling::netboot {

// Gets the boot files a netbooted node lacks from the node it booted from, in a thread of its own,
// and tries again until it has them all. Each file appears under its name only when it is whole.
class Fetcher {
 public:
  // `server`: "HOST[:PORT]"; `into`: BootRoots::fetched.
  Fetcher(std::string server, std::vector<std::string> names, std::filesystem::path into);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  bool done() const { return done_; }

 private:
  void run(const std::string& server, std::vector<std::string> names,
           const std::filesystem::path& into);
  std::atomic<bool> stop_ = false, done_ = false;
  std::thread thread_;
};

// One GET of http://server/name into a file. Throws std::runtime_error; leaves no half file.
void fetch_file(const std::string& server, const std::string& name,
                const std::filesystem::path& file, const std::atomic<bool>& stop);

}  // namespace starling::netboot
