// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "agents/netboot/boot_list.h"

namespace starling::netboot {

// A node that may have boot files.
struct Source {
  std::string address;  // "10.213.0.1", "fe80::1%eth0"
  int port = 80;
  std::string label;  // for people: "node 3"
  bool operator==(const Source&) const = default;
};

struct DownloadLimits {
  std::chrono::milliseconds connect{5000};
  std::chrono::milliseconds stall{20000};      // without one byte
  std::uint64_t slowest = 64 * 1024;           // bytes/s that a whole file must reach
  std::chrono::milliseconds start{60000};      // on top of what `slowest` allows
  std::uint64_t keep_free = 16 * 1024 * 1024;  // bytes left for others where files are put
};

struct DownloadError : std::runtime_error {
  enum class Kind {
    server,   // it is gone, slow, or has not got it: another may
    damaged,  // what it sent is not what the list says
    no_room,  // of no server's making: no use in asking another
  };
  DownloadError(Kind k, const std::string& text) : std::runtime_error(text), kind(k) {}
  Kind kind;
};

// Gets http://source/name and puts it at `file` (on the same file system as its directory's .part
// files), whole, synced and with the listed digest, or not at all. What has arrived when a server
// fails stays beside it in part_of() and the next call goes on from there, from whatever server.
// Throws DownloadError, std::system_error, or Stopped soon after `stop` is set. `progress` gets the
// bytes there are, never more than listed.
void download(const Source& source, const std::string& name, const ListedFile& listed,
              const std::filesystem::path& file, const DownloadLimits& limits,
              const std::atomic<bool>& stop,
              const std::function<void(std::uint64_t)>& progress = nullptr);

// Where the first bytes of a file with this digest wait for the rest.
std::filesystem::path part_of(const std::filesystem::path& file, const ListedFile& listed);

// A small text, at most `limit` bytes. Throws like download().
std::string download_text(const Source& source, const std::string& name, std::size_t limit,
                          const DownloadLimits& limits, const std::atomic<bool>& stop);

}  // namespace starling::netboot
