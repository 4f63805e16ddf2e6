// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/stat_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include "builder/core/error.h"
#include "builder/core/fingerprint.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

constexpr char kHeader[] = "clusterbuild-stat-cache 1";
constexpr size_t kManyEntries = 50000;

long long nanoseconds(const timespec& t) {
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

}  // namespace

StatCache::StatCache(fs::path file) : file_(std::move(file)) {
  std::ifstream in(file_);
  std::string line;
  if (!std::getline(in, line) || line != kHeader) return;
  // hash, identity, and the rest of the line is the path
  while (std::getline(in, line)) {
    const auto a = line.find(' ');
    const auto b = a == std::string::npos ? a : line.find(' ', a + 1);
    if (a != 64 || b == std::string::npos) continue;
    entries_[line.substr(b + 1)] = {line.substr(a + 1, b - a - 1), line.substr(0, a), false};
  }
}

std::string StatCache::sha256(const fs::path& file) {
  struct stat st {};
  if (stat(file.c_str(), &st) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno)).at_file(file);
  std::ostringstream identity;
  identity << st.st_dev << ':' << st.st_ino << ':' << st.st_size << ':' << nanoseconds(st.st_mtim)
           << ':' << nanoseconds(st.st_ctim);
  {
    std::lock_guard lock(mutex_);
    auto it = entries_.find(file.string());
    if (it != entries_.end() && it->second.identity == identity.str()) {
      it->second.used = true;
      return it->second.sha256;
    }
  }
  std::string hash = sha256_file(file);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const bool settled = nanoseconds(now) - nanoseconds(st.st_ctim) > 100000000LL;
  std::lock_guard lock(mutex_);
  ++reads_;
  if (settled && file.string().find('\n') == std::string::npos) {
    entries_[file.string()] = {identity.str(), hash, true};
    dirty_ = true;
  }
  return hash;
}

void StatCache::save() {
  std::lock_guard lock(mutex_);
  if (!dirty_ || file_.empty()) return;
  const fs::path fresh = file_.string() + ".new." + std::to_string(getpid());
  const bool all = entries_.size() < kManyEntries;
  {
    std::ofstream out(fresh);
    out << kHeader << '\n';
    for (const auto& [path, e] : entries_)
      if (all || e.used) out << e.sha256 << ' ' << e.identity << ' ' << path << '\n';
    out.close();
    if (!out) {
      std::error_code ec;
      fs::remove(fresh, ec);
      return;
    }
  }
  std::error_code ec;
  fs::rename(fresh, file_, ec);
  dirty_ = false;
}

}  // namespace starling::builder
