// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "agents/common/unique_fd.h"
#include "builder/cli/arguments.h"
#include "builder/core/engine.h"
#include "builder/core/interrupt.h"
#include "builder/core/mounts.h"
#include "builder/core/publish.h"
#include "builder/stages/mirror_refresh.h"
#include "builder/stages/private_apt.h"
#include "builder/stages/stages.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

int terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::unique_ptr<Status> make_status(const Arguments& a) {
  const StatusOptions options{a.has("explain"), a.has("verbose"), a.has("quiet")};
  if (a.has("json")) return json_status(std::cout, options, steady_now());
  const char* term = std::getenv("TERM");
  const bool live = isatty(STDOUT_FILENO) && term && std::strcmp(term, "dumb") != 0;
  return live ? terminal_status(std::cout, options, steady_now(), terminal_width())
              : plain_status(std::cout, options, steady_now());
}

// One build is one flock by default: the key is made once and then kept with the outputs.
void make_flock_key(const Config& config, Status& status) {
  const fs::path file = flock_key_file(config);
  if (!config.flock_key.empty() || fs::exists(file)) return;
  unsigned char raw[32];
  if (RAND_bytes(raw, sizeof raw) != 1) throw Error("OpenSSL has no random bytes");
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char c : raw) {
    text += kDigits[c >> 4];
    text += kDigits[c & 15];
  }
  text += '\n';
  fs::create_directories(file.parent_path());
  // Whole under another name first: an interrupted build must not leave half a key.
  const fs::path fresh = file.string() + ".new";
  unlink(fresh.c_str());
  UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written =
      fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      fsync(fd.get()) == 0;
  if (!written)
    throw Error(std::string("cannot write the flock key: ") + std::strerror(errno)).at_file(fresh);
  // link(2) does not replace a key that somebody else made meanwhile.
  if (link(fresh.c_str(), file.c_str()) != 0 && errno != EEXIST)
    throw Error(std::string("cannot write the flock key: ") + std::strerror(errno)).at_file(file);
  unlink(fresh.c_str());
  status.note("made a new flock key: " + file.string());
}

}  // namespace

int verb_build(const Args& args) {
  auto own = status_options();
  own.add_options()("refresh", "take up what is new on the Debian mirror");
  const Arguments a = parse_arguments({"build", own, true, 0}, args);
  const Config config = load_checked(a);
  if (geteuid() != 0)
    throw Error("a build needs root: it mounts, changes root and makes device files")
        .hint("sudo clusterbuild build ... (plan, check, show and verify work without)");
  const auto status = make_status(a);
  const Now now = steady_now();
  const double begin = now();

  Cache cache(config.cache_dir);
  cache.create();
  const CacheLock lock(cache);
  if (const int stale = cache.remove_stale(); stale > 0)
    status->note("removed what an interrupted build left behind");
  // After the clean-up, which must see the host's mounts, and before the first thread.
  enter_own_mount_namespace();
  make_flock_key(config, *status);

  const auto stages = all_stages();
  int ran = 0;
  try {
    PrivateApt apt = PrivateApt::of(config);
    if (a.has("refresh")) apt.update(true);
    std::vector<fs::path> trees;
    build_on_current_mirror(apt, *status, [&] {
      Engine engine(config, stages, cache, *status, now);
      ran += engine.build();
      for (const auto& [stage, tree] : engine.published()) trees.push_back(tree);
    });
    StatCache stat_cache(cache.root() / "stat-cache");
    ran += publish(trees, config.out_dir, stat_cache, *status) > 0 && ran == 0;
  } catch (...) {
    status->done(false, ran, now() - begin);
    throw;
  }
  status->done(true, ran, now() - begin);
  return 0;
}

}  // namespace starling::builder
