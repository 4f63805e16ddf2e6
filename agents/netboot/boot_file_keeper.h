// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agents/netboot/boot_files.h"
#include "agents/netboot/boot_list.h"
#include "agents/netboot/download.h"
#include "agents/netboot/http_request.h"

namespace starling::netboot {

// How it stands with one boot file.
struct BootFileState {
  enum class Is { missing, checking, fetching, complete };
  std::string name;
  Is is = Is::missing;
  std::uint64_t size = 0;  // bytes; 0: not known
  std::uint64_t have = 0;
  std::string from;  // while fetching: who from
  bool operator==(const BootFileState&) const = default;
};
const char* to_string(BootFileState::Is is);

// Sees to it that this node has all boot files of the image it runs, so that it can boot others.
//
// A node that booted from a whole disc is the origin: what it booted from is right by definition.
// It serves that at once, and seals the list of its digests in the background. Every other node
// gets the list from a node that runs the same image, takes only what agrees with it from its own
// places, and fetches the rest, into `roots.fetched`. Files are looked for again every half minute.
class BootFileKeeper {
 public:
  struct Settings {
    BootRoots roots;
    bool over_network = false;  // booted_over_network()
    DownloadLimits limits;
    std::chrono::milliseconds again{30000};         // between two looks when nothing is missing
    std::chrono::milliseconds patience{2000};       // after the first failure; doubles,
    std::chrono::milliseconds patience_max{60000};  // up to this
  };
  // What the bulletin board tells.
  struct Flock {
    std::string image;              // that this node runs; empty: none
    std::optional<SessionKey> key;  // that seals lists of boot files
    std::vector<Source> sources;    // nodes that run it too, the best to ask first
    bool operator==(const Flock&) const = default;
  };
  struct Snapshot {
    std::vector<BootFileState> files;          // of boot_file_names()
    FileTable ready;                           // complete and right: what may be served
    std::string list;                          // sealed; empty: none yet
    std::string trouble;                       // why it does not get further
    std::vector<std::string> missing() const;  // names of those that are not complete
  };

  explicit BootFileKeeper(Settings settings);
  ~BootFileKeeper();
  BootFileKeeper(const BootFileKeeper&) = delete;
  BootFileKeeper& operator=(const BootFileKeeper&) = delete;

  // Any thread.
  void set_flock(Flock flock);
  Snapshot snapshot() const;

  // One look, and one attempt at everything missing. Gives how long to wait before the next. The
  // thread of start() calls this; tests do so themselves.
  std::chrono::milliseconds round();
  void start();

 private:
  struct Digest {
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed = 0;  // ns
    std::string sha256;
  };

  void seal_own(const BootFilePlaces& places, const Flock& flock);
  std::optional<BootList> find_list(const Flock& flock);
  std::optional<std::filesystem::path> right_place(const std::string& name,
                                                   const BootFilePlaces& places,
                                                   const ListedFile& listed);
  bool fetch(const std::string& name, const ListedFile& listed, const Flock& flock);
  const std::string& digest(const std::string& name, const std::filesystem::path& file);
  std::chrono::milliseconds after_failure();
  void set_state(const std::string& name, BootFileState state);
  void set_ready(const std::string& name, const std::filesystem::path& file, std::uint64_t size);
  void set_list(const std::string& text);
  void trouble(const std::string& why);
  void run();

  const Settings settings_;
  mutable std::mutex mutex_;  // over the next four
  std::condition_variable wake_;
  Flock flock_;
  Snapshot snapshot_;
  bool news_ = false;
  std::atomic<bool> stop_ = false;
  // The round's own.
  std::map<std::filesystem::path, Digest> digests_;
  std::set<std::string> distrusted_;  // labels of sources that sent wrong bytes
  std::uint64_t fetched_bytes_ = 0;
  unsigned failures_ = 0;
  std::string last_trouble_;
  std::minstd_rand random_;
  std::thread thread_;
};

}  // namespace starling::netboot
