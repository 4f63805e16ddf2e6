// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "builder/core/mounts.h"
#include "builder/core/process_tree.h"

namespace starling::builder {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

void write_file(const fs::path& file, const std::string& text) {
  UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  size_t done = 0;
  while (fd && done < text.size()) {
    const ssize_t n = write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  if (!fd || done < text.size())
    throw fs::filesystem_error("cannot write", file,
                               std::error_code(errno ? errno : ENOSPC, std::system_category()));
}

std::uintmax_t size_of(const fs::path& dir) {
  std::uintmax_t total = 0;
  std::error_code ec;
  for (auto it = fs::recursive_directory_iterator(dir, ec);
       !ec && it != fs::recursive_directory_iterator(); it.increment(ec)) {
    struct stat st {};
    if (lstat(it->path().c_str(), &st) == 0)
      total += static_cast<std::uintmax_t>(st.st_blocks) * 512;
  }
  return total;
}

fs::path unique_dir(const fs::path& parent, const std::string& stem) {
  fs::create_directories(parent);
  std::string pattern = (parent / (stem + "-XXXXXX")).string();
  if (!mkdtemp(pattern.data()))
    throw fs::filesystem_error("cannot make a directory", parent,
                               std::error_code(errno, std::system_category()));
  return pattern;
}

}  // namespace

void Cache::create() {
  try {
    fs::create_directories(root_);
    root_ = fs::canonical(root_);
    // Results hold set-user-id programs of possibly outdated packages: nobody else may run them.
    // tmp/ must let apt's own user through.
    const std::pair<const char*, mode_t> dirs[] = {
        {"", 0711}, {"stages", 0700}, {"tmp", 0711}, {"persistent", 0755}, {"logs", 0755}};
    for (auto [name, mode] : dirs) {
      const fs::path dir = *name ? root_ / name : root_;
      fs::create_directories(dir);
      if (*name) chmod(dir.c_str(), mode);
    }
  } catch (const fs::filesystem_error& e) {
    throw Error(std::string("cannot make the cache: ") + e.code().message())
        .at_file(root_)
        .hint("run as root, or choose a folder of your own with --cache-dir");
  }
}

void Cache::require_readable() const {
  const fs::path dir = root_ / "stages";
  if (access(dir.c_str(), R_OK | X_OK) != 0 && errno == EACCES)
    throw Error("this user may not read the cache")
        .at_file(dir)
        .hint("run as the user who builds (root), or give another --cache-dir");
}

int Cache::remove_stale() {
  int count = 0;
  std::vector<fs::path> trees;
  if (!fs::exists(root_ / "tmp")) return 0;
  for (const auto& entry : fs::directory_iterator(root_ / "tmp")) trees.push_back(entry.path());
  for (const auto& tree : trees) {
    end_processes_in(fs::canonical(tree));
    remove_tree(tree);
    ++count;
  }
  return count;
}

fs::path Cache::result_dir(const std::string& stage, const std::string& digest) const {
  return root_ / "stages" / stage / digest;
}

std::optional<CacheRecord> Cache::read_record(const fs::path& dir) const {
  std::ifstream in(dir / "record.json");
  const json j = json::parse(in, nullptr, false);
  if (!j.is_object()) return std::nullopt;
  try {
    CacheRecord r;
    r.stage = j.at("stage");
    r.digest = j.at("digest");
    r.seconds = j.at("seconds");
    r.inputs = j.at("inputs").get<std::map<std::string, std::string>>();
    if (r.digest != dir.filename() || Fingerprint::digest_of(r.inputs) != r.digest)
      return std::nullopt;
    return r;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::optional<fs::path> Cache::lookup(const std::string& stage, const std::string& digest) const {
  const fs::path dir = result_dir(stage, digest);
  std::error_code ec;
  if (!fs::is_directory(dir / "output", ec) || !read_record(dir)) return std::nullopt;
  return dir / "output";
}

std::optional<CacheRecord> Cache::latest(const std::string& stage) const {
  std::error_code ec;
  std::optional<CacheRecord> best;
  fs::file_time_type best_time{};
  for (fs::directory_iterator it(root_ / "stages" / stage, ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code time_ec;
    const auto time = fs::last_write_time(it->path() / "record.json", time_ec);
    if (time_ec || (best && time <= best_time)) continue;
    if (auto r = read_record(it->path())) {
      best = std::move(r);
      best_time = time;
    }
  }
  return best;
}

void Cache::touch(const std::string& stage, const std::string& digest) const {
  std::error_code ec;
  fs::last_write_time(result_dir(stage, digest) / "record.json", fs::file_time_type::clock::now(),
                      ec);
}

fs::path Cache::make_tmp(const std::string& stage) {
  const fs::path tmp = unique_dir(root_ / "tmp", stage);
  chmod(tmp.c_str(), 0755);
  fs::create_directory(tmp / "output");
  fs::create_directory(tmp / "scratch");
  return tmp;
}

void Cache::commit(const fs::path& tmp, const CacheRecord& record) {
  const json j = {{"stage", record.stage},
                  {"digest", record.digest},
                  {"seconds", record.seconds},
                  {"inputs", record.inputs}};
  const fs::path ready = tmp / "result";
  fs::create_directory(ready);
  fs::rename(tmp / "output", ready / "output");
  write_file(ready / "record.json", j.dump(1) + "\n");
  // The data must be on disk before the name is: after a power cut a name alone would pass for a
  // result.
  {
    UniqueFd fd(open(ready.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || syncfs(fd.get()) != 0)
      throw fs::filesystem_error("cannot write to disk", ready,
                                 std::error_code(errno, std::system_category()));
  }
  const fs::path place = result_dir(record.stage, record.digest);
  fs::create_directories(place.parent_path());
  if (fs::exists(fs::symlink_status(place))) fs::rename(place, tmp / "damaged");
  fs::rename(ready, place);
}

void Cache::prune(const std::string& stage, int keep, const std::string& in_use) {
  std::error_code ec;
  std::vector<std::pair<fs::file_time_type, fs::path>> results;
  for (fs::directory_iterator it(root_ / "stages" / stage, ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code time_ec;
    auto time = fs::last_write_time(it->path() / "record.json", time_ec);
    if (time_ec) time = fs::file_time_type::min();  // damaged: the first to go
    if (it->path().filename() != in_use) results.emplace_back(time, it->path());
  }
  std::sort(results.begin(), results.end());
  const size_t others = static_cast<size_t>(std::max(keep - 1, 0));
  if (results.size() <= others) return;
  results.resize(results.size() - others);
  for (const auto& [time, dir] : results) remove_result(dir);
}

void Cache::remove_result(const fs::path& dir) {
  // Out of sight by one rename first: an interrupted removal must not leave half a result.
  const fs::path grave = unique_dir(root_ / "tmp", "pruned");
  fs::rename(dir, grave / "result");
  remove_tree(grave);
}

fs::path Cache::persistent(const std::string& name) const {
  const fs::path dir = root_ / "persistent" / name;
  fs::create_directories(dir);
  return dir;
}

fs::path Cache::log_file(const std::string& stage) const {
  return root_ / "logs" / (stage + ".log");
}

fs::path Cache::fresh_log(const std::string& stage) {
  const fs::path log = log_file(stage);
  std::error_code ec;
  fs::create_directories(log.parent_path(), ec);
  fs::rename(log, log.string() + ".1", ec);  // no such file: nothing to put aside
  return log;
}

double Cache::last_duration(const std::string& stage) const {
  std::ifstream in(root_ / "timings.json");
  const json j = json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains(stage) || !j[stage].is_number()) return -1;
  return j[stage];
}

void Cache::remember_duration(const std::string& stage, double seconds) {
  std::ifstream in(root_ / "timings.json");
  json j = json::parse(in, nullptr, false);
  if (!j.is_object()) j = json::object();
  j[stage] = seconds;
  const fs::path fresh = root_ / "timings.json.new";
  write_file(fresh, j.dump(1) + "\n");
  fs::rename(fresh, root_ / "timings.json");
}

std::uintmax_t Cache::clean(const std::vector<std::string>& stages, bool everything) {
  std::vector<fs::path> trees;
  if (everything) {
    for (const char* name : {"stages", "tmp", "persistent", "logs", "stat-cache", "timings.json"})
      trees.push_back(root_ / name);
  } else if (stages.empty()) {
    trees = {root_ / "stages", root_ / "tmp"};
  } else {
    for (const auto& s : stages) {
      // A name, not a path: "../persistent" must not get out of stages/.
      if (s.empty() || s.find('/') != std::string::npos || s == "." || s == ".." ||
          !fs::is_directory(root_ / "stages" / s))
        throw Error("no results of a stage `" + s + "' in the cache").at_file(root_ / "stages");
      trees.push_back(root_ / "stages" / s);
    }
  }
  std::uintmax_t freed = 0;
  for (const auto& tree : trees) {
    freed += size_of(tree);
    remove_tree(tree);
  }
  return freed;
}

CacheLock::CacheLock(const Cache& cache) {
  const fs::path file = cache.root() / "lock";
  fd_.reset(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd_)
    throw Error(std::string("cannot lock the cache: ") + std::strerror(errno)).at_file(file);
  if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    [[maybe_unused]] ssize_t n = pread(fd_.get(), holder, sizeof holder - 1, 0);
    const std::string pid(holder, std::strcspn(holder, "\n"));
    throw Error("another build is using this cache" + (pid.empty() ? "" : " (process " + pid + ")"))
        .at_file(cache.root())
        .hint("wait for it to end, or build with a cache of your own: --cache-dir DIR");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd_.get(), 0) == 0) [[maybe_unused]]
    ssize_t n = pwrite(fd_.get(), pid.data(), pid.size(), 0);
}

}  // namespace starling::builder
