// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/facts.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "agents/common/small_file.h"

namespace starling::daemon {

static std::optional<std::uint64_t> kib_after(std::string_view text, std::string_view name) {
  std::size_t at = text.starts_with(name) ? 0 : std::string_view::npos;
  if (at == std::string_view::npos) {
    const std::string line = "\n" + std::string(name);
    at = text.find(line);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  std::string_view rest = text.substr(at + name.size());
  const std::size_t digit = rest.find_first_not_of(" \t");
  if (digit == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(digit);
  std::uint64_t kib = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), kib);
  if (error != std::errc{}) return std::nullopt;
  return kib * 1024;
}

std::optional<Memory> parse_meminfo(std::string_view text) {
  const auto total = kib_after(text, "MemTotal:");
  const auto available = kib_after(text, "MemAvailable:");
  if (!total || !available) return std::nullopt;
  return Memory{*total, std::min(*available, *total)};
}

std::optional<double> parse_running(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::size_t space = text.rfind(' ', slash);
  if (space == std::string_view::npos) return std::nullopt;
  unsigned running = 0;
  const auto [end, error] = std::from_chars(text.data() + space + 1, text.data() + slash, running);
  if (error != std::errc{} || end != text.data() + slash) return std::nullopt;
  return running > 0 ? running - 1.0 : 0.0;
}

std::optional<double> parse_pressure(std::string_view text) {
  const std::size_t at = text.find("some avg10=");
  if (at == std::string_view::npos) return std::nullopt;
  double value = 0;
  const char* begin = text.data() + at + 11;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error != std::errc{} || value < 0 || value > 100) return std::nullopt;
  return value;
}

LoadMeter::LoadMeter(std::filesystem::path proc) : proc_(std::move(proc)) {}

double LoadMeter::sample() {
  if (const auto text = read_small_file(proc_ / "loadavg", 256)) {
    if (const auto running = parse_running(*text)) {
      average_ = first_ ? *running : average_ + (*running - average_) / kSamples;
      first_ = false;
    }
  }
  if (const auto text = read_small_file(proc_ / "pressure/cpu", 512)) {
    pressure_ = parse_pressure(*text).value_or(0);
  }
  return average_;
}

std::uint32_t online_cpus() {
  return static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  const std::string full = name;
  return full.substr(0, full.find('.'));
}

std::string image_id(const std::filesystem::path& file) {
  for (const std::filesystem::path& path : {file, std::filesystem::path("/run/live/image-id")}) {
    const auto text = read_small_file(path, 256);
    if (!text) continue;
    std::string line = text->substr(0, text->find_first_of(" \t\r\n"));
    std::erase_if(line, [](char c) { return c < 0x21 || c > 0x7e; });
    if (!line.empty()) return line.substr(0, 64);
  }
  return "";
}

}  // namespace starling::daemon
