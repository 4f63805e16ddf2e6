// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_file_keeper.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/common/small_file.h"
#include "agents/netboot/sha256.h"

namespace starling::netboot {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Is = BootFileState::Is;

const char* to_string(Is is) {
  switch (is) {
    case Is::missing:
      return "missing";
    case Is::checking:
      return "checking";
    case Is::fetching:
      return "fetching";
    case Is::complete:
      return "complete";
  }
  return "unknown";
}

std::vector<std::string> BootFileKeeper::Snapshot::missing() const {
  std::vector<std::string> names;
  for (const auto& file : files)
    if (file.is != Is::complete) names.push_back(file.name);
  return names;
}

BootFileKeeper::BootFileKeeper(Settings settings)
    : settings_(std::move(settings)), random_(std::random_device{}()) {
  for (const auto& name : boot_file_names()) {
    BootFileState state;
    state.name = name;
    snapshot_.files.push_back(state);
  }
  snapshot_.trouble = "still looking";
}

BootFileKeeper::~BootFileKeeper() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void BootFileKeeper::set_flock(Flock flock) {
  const std::lock_guard lock(mutex_);
  if (flock == flock_) return;
  flock_ = std::move(flock);
  news_ = true;
  wake_.notify_all();
}

BootFileKeeper::Snapshot BootFileKeeper::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void BootFileKeeper::set_state(const std::string& name, BootFileState state) {
  const std::lock_guard lock(mutex_);
  const auto file = std::ranges::find(snapshot_.files, name, &BootFileState::name);
  state.name = name;
  if (state.is != Is::complete) snapshot_.ready.erase(name);
  *file = std::move(state);
}

void BootFileKeeper::set_ready(const std::string& name, const fs::path& file, std::uint64_t size) {
  set_state(name, {name, Is::complete, size, size, ""});
  const std::lock_guard lock(mutex_);
  snapshot_.ready[name] = file;
}

void BootFileKeeper::set_list(const std::string& text) {
  const std::lock_guard lock(mutex_);
  snapshot_.list = text;
}

void BootFileKeeper::trouble(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    snapshot_.trouble = why;
  }
  if (!why.empty() && why != last_trouble_) log_notice("boot files: " + why);
  last_trouble_ = why;
}

std::chrono::milliseconds BootFileKeeper::round() {
  Flock flock;
  {
    const std::lock_guard lock(mutex_);
    flock = flock_;
    news_ = false;
  }
  const auto places = find_boot_files(settings_.roots);
  if (!settings_.over_network && places.size() == boot_file_names().size()) {
    seal_own(places, flock);
    return settings_.again;
  }
  const auto list = find_list(flock);
  if (!list) {
    for (const auto& name : boot_file_names()) set_state(name, {});
    set_list("");
    return after_failure();
  }
  bool all = true;
  const auto before = fetched_bytes_;
  for (const auto& name : boot_file_names()) {
    const auto listed = list->files.find(name);
    if (listed == list->files.end()) {
      set_state(name, {});
      trouble("the list of image " + list->image + " lacks " + name);
      all = false;
    } else if (const auto place = right_place(name, places, listed->second)) {
      set_ready(name, *place, listed->second.size);
    } else {
      all &= fetch(name, listed->second, flock);
    }
  }
  if (fetched_bytes_ != before) failures_ = 0;
  if (!all) return after_failure();
  if (!last_trouble_.empty()) log_notice("boot files: all are here now");
  trouble("");
  failures_ = 0;
  return settings_.again;
}

// The origin's files are served before their digests are known.
void BootFileKeeper::seal_own(const BootFilePlaces& places, const Flock& flock) {
  for (const auto& [name, where] : places) {
    std::error_code none;
    set_ready(name, where.front(), fs::file_size(where.front(), none));
  }
  trouble("");
  if (!flock.key) return;
  BootList list{flock.image, {}};
  try {
    for (const auto& [name, where] : places) {
      const auto sha256 = digest("", where.front());
      list.files[name] = {digests_.at(where.front()).size, sha256};
    }
    set_list(BootListSeal(*flock.key).seal(list));
  } catch (const std::system_error& e) {  // a scratched disc
    set_list("");
    trouble(e.what());
  }
}

// A list of the image that runs here: the one kept from before, else the first that a source has.
std::optional<BootList> BootFileKeeper::find_list(const Flock& flock) {
  if (flock.image.empty() || !flock.key) {
    trouble(flock.key ? "this node runs no image of a known id"
                      : "starlingd has not yet told about the flock");
    return std::nullopt;
  }
  const BootListSeal seal(*flock.key);
  const auto read = [&](const std::string& text) {
    auto list = seal.open(text);
    if (list.image != flock.image)
      throw std::runtime_error("it has the list of image " + list.image);
    set_list(text);
    return list;
  };
  const auto kept = settings_.roots.fetched / kBootListName;
  if (const auto text = read_small_file(kept, kMaxBootList + 1)) {
    try {
      return read(*text);
    } catch (const std::exception& e) {
      log_info(kept.native() + ": " + e.what() + "; taking another");
    }
  }
  std::string why = "no other node runs image " + flock.image;
  for (const auto& source : flock.sources) {
    try {
      const auto text = download_text(source, kBootListName, kMaxBootList, settings_.limits, stop_);
      const auto list = read(text);
      fs::create_directories(settings_.roots.fetched);
      write_file_atomically(kept, text, 0644);
      log_info("boot files: list of image " + flock.image + " from " + source.label);
      return list;
    } catch (const DownloadError& e) {
      why = e.what();
    } catch (const std::exception& e) {
      why = source.label + ": " + e.what();
    }
  }
  trouble("no list of boot files: " + why);
  return std::nullopt;
}

// The first place that has the listed bytes. What was fetched and has them no longer goes.
std::optional<fs::path> BootFileKeeper::right_place(const std::string& name,
                                                    const BootFilePlaces& places,
                                                    const ListedFile& listed) {
  const auto found = places.find(name);
  if (found == places.end()) return std::nullopt;
  for (const auto& place : found->second) {
    std::error_code none;
    try {
      if (fs::file_size(place, none) == listed.size && digest(name, place) == listed.sha256)
        return place;
    } catch (const std::system_error& e) {
      log_info("boot files: " + std::string(e.what()));
    }
    log_info("boot files: " + place.native() + " is not what the list says");
    if (place == settings_.roots.fetched / name) fs::remove(place, none);
  }
  return std::nullopt;
}

bool BootFileKeeper::fetch(const std::string& name, const ListedFile& listed, const Flock& flock) {
  const auto file = settings_.roots.fetched / name;
  std::error_code none;
  // Halves of an image that was here before.
  for (const auto& entry : fs::directory_iterator(file.parent_path(), none)) {
    const auto other = entry.path().filename().string();
    if (other.starts_with(file.filename().string() + ".") && other.ends_with(".part") &&
        entry.path() != part_of(file, listed))
      fs::remove(entry.path(), none);
  }
  set_state(name, {name, Is::missing, listed.size, 0, ""});
  auto sources = flock.sources;
  // (clang 14 cannot compile libstdc++'s ranges version.)
  std::stable_partition(sources.begin(), sources.end(),
                        [this](const Source& s) { return !distrusted_.contains(s.label); });
  std::string why = "no other node runs image " + flock.image;
  for (std::size_t i = 0; i < sources.size();) {
    const auto& source = sources[i++];
    BootFileState state{name, Is::fetching, listed.size, 0, source.label};
    std::optional<std::uint64_t> first, last;
    try {
      download(source, name, listed, file, settings_.limits, stop_, [&](std::uint64_t have) {
        if (!first) first = have;
        if (last && have > *last) fetched_bytes_ += have - *last;
        last = state.have = have;
        set_state(name, state);
      });
      set_ready(name, file, listed.size);
      log_info("boot files: " + name + " from " + source.label);
      return true;
    } catch (const DownloadError& e) {
      why = e.what();
      log_info("boot files: " + name + ": " + why);
      if (e.kind == DownloadError::Kind::no_room) break;
      if (e.kind != DownloadError::Kind::damaged) continue;
      // The wrong bytes may be in the half that another one sent, which is gone now.
      if (first.value_or(0) != 0)
        --i;
      else
        distrusted_.insert(source.label);
    } catch (const std::system_error& e) {  // this node's own
      why = e.what();
      break;
    }
  }
  const auto half = fs::file_size(part_of(file, listed), none);
  set_state(name, {name, Is::missing, listed.size, none ? 0 : half, ""});
  trouble(name + ": " + why);
  return false;
}

// The digest of a file, taken anew when the file has changed. With a name, its state tells how far
// that is.
const std::string& BootFileKeeper::digest(const std::string& name, const fs::path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) fail_errno(file.native());
  const Digest now{about.st_ino, static_cast<std::uint64_t>(about.st_size),
                   about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec, ""};
  auto& known = digests_[file];
  if (known.inode == now.inode && known.size == now.size && known.changed == now.changed &&
      !known.sha256.empty())
    return known.sha256;
  known = now;
  known.sha256 = sha256_of_file(file, stop_, [&](std::uint64_t done) {
    if (!name.empty()) set_state(name, {name, Is::checking, now.size, done, ""});
  });
  return known.sha256;
}

// Twice as long each time, and never two nodes in step.
std::chrono::milliseconds BootFileKeeper::after_failure() {
  const auto longest = settings_.patience_max.count();
  const auto pause = std::min(longest, settings_.patience.count() << std::min(failures_, 16u));
  if (failures_ < 16) ++failures_;
  std::uniform_int_distribution<std::int64_t> part(pause * 3 / 4, pause);
  return std::chrono::milliseconds(part(random_));
}

void BootFileKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void BootFileKeeper::run() {
  // Digests of hundreds of megabytes: what the machine is for comes first.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
  while (!stop_) {
    std::chrono::milliseconds pause = settings_.patience_max;
    try {
      pause = round();
    } catch (const Stopped&) {
      return;
    } catch (const std::exception& e) {
      trouble(e.what());
    }
    std::unique_lock lock(mutex_);
    // Another node to ask is worth another try; with nothing missing it is not.
    wake_.wait_for(lock, pause, [this] {
      return stop_ || (news_ && (snapshot_.list.empty() || !snapshot_.missing().empty()));
    });
  }
}

}  // namespace starling::netboot
