// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace starling::daemon {

struct Memory {
  std::uint64_t total = 0;      // bytes
  std::uint64_t available = 0;  // bytes that programs could have without swapping
};

// From /proc/meminfo's text; nullopt when a figure is missing.
std::optional<Memory> parse_meminfo(std::string_view text);

// Tasks that run or wait for a processor now, from /proc/loadavg's fourth field ("3/412"); the
// asker itself, which runs while it asks, is not counted.
std::optional<double> parse_running(std::string_view loadavg);

// Average share of time, 0 to 100, in which some task waited for a processor, over ten seconds,
// from /proc/pressure/cpu.
std::optional<double> parse_pressure(std::string_view text);

// Follows the run queue: /proc/loadavg's own averages lag by a minute, its momentary count jumps.
class LoadMeter {
 public:
  explicit LoadMeter(std::filesystem::path proc = "/proc");
  // Takes a sample; call at even intervals. Returns the average over about `kSamples` of them.
  double sample();
  double average() const { return average_; }
  double pressure() const { return pressure_; }

 private:
  static constexpr double kSamples = 4;
  std::filesystem::path proc_;
  double average_ = 0;
  double pressure_ = 0;
  bool first_ = true;
};

std::uint32_t online_cpus();
// The kernel's name of this machine, without the domain.
std::string host_name();
// First line of the file, at most 64 characters, else that of /run/live/image-id, else empty.
std::string image_id(const std::filesystem::path& file);

}  // namespace starling::daemon
