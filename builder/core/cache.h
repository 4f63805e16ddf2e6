// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/common/unique_fd.h"

namespace starling::builder {

// What is remembered beside a stage's output.
struct CacheRecord {
  std::string stage;
  std::string digest;
  double seconds = 0;                         // how long the run took
  std::map<std::string, std::string> inputs;  // Fingerprint::components()
};

// The results of stages on disk:
//   stages/NAME/DIGEST/output/      what the stage made
//   stages/NAME/DIGEST/record.json  what it was made from; its mtime is the last use
//   tmp/NAME-XXXXXX/                a run under way: output/, scratch/
//   persistent/NAME/                outlives runs, may be lost
//   logs/NAME.log                   the last run's output (NAME.log.1: the one before)
//   stat-cache, timings.json, lock
// A result appears by one rename, after its data is on disk. Whoever writes holds a CacheLock.
class Cache {
 public:
  explicit Cache(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  // Makes the top directories; throws Error when it cannot.
  void create();
  // Throws Error when this user may not read the results: to him all would look missing.
  void require_readable() const;
  // Removes what dead runs left in tmp/: mounts, processes, files. Returns the number of trees.
  int remove_stale();

  // The output of a stage with this key, or nothing. A result whose record is missing, damaged or
  // does not hash to its key counts as nothing.
  std::optional<std::filesystem::path> lookup(const std::string& stage,
                                              const std::string& digest) const;
  // The record of the result of `stage` that was used last: what a new run is compared with.
  std::optional<CacheRecord> latest(const std::string& stage) const;
  // Marks a result as used now.
  void touch(const std::string& stage, const std::string& digest) const;

  // A new directory with output/ and scratch/ in it.
  std::filesystem::path make_tmp(const std::string& stage);
  // Moves tmp/output with its record to its place. Replaces a damaged result.
  void commit(const std::filesystem::path& tmp, const CacheRecord& record);
  // Removes all but the `keep` results used last; `in_use` stays in any case.
  void prune(const std::string& stage, int keep, const std::string& in_use);

  std::filesystem::path persistent(const std::string& name) const;
  std::filesystem::path log_file(const std::string& stage) const;
  // Puts the log of the previous run aside and gives the name of a new one.
  std::filesystem::path fresh_log(const std::string& stage);

  // Seconds the stage took last time, or negative.
  double last_duration(const std::string& stage) const;
  void remember_duration(const std::string& stage, double seconds);

  // Removes results (of `stages`, or all when empty), and with `everything` also persistent
  // space, logs and timings. Returns the bytes freed.
  std::uintmax_t clean(const std::vector<std::string>& stages, bool everything);

 private:
  std::filesystem::path result_dir(const std::string& stage, const std::string& digest) const;
  std::optional<CacheRecord> read_record(const std::filesystem::path& dir) const;
  void remove_result(const std::filesystem::path& dir);

  std::filesystem::path root_;
};

// The right to change a cache: one process at a time (flock(2), so it ends with its holder).
class CacheLock {
 public:
  // Throws Error that names the holder when somebody else has it.
  explicit CacheLock(const Cache& cache);

 private:
  UniqueFd fd_;
};

}  // namespace starling::builder
