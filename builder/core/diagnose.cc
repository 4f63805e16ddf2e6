// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/diagnose.h"

#include <sys/statvfs.h>

#include <system_error>

#include "builder/core/error.h"
#include "builder/core/interrupt.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

struct Symptom {
  const char* words;  // in the last lines of the tool's output
  const char* cause;
  const char* hint;
  bool mirror_moved = false;
};

constexpr const char* kMoved = "the Debian mirror no longer has what was recorded of it";
constexpr const char* kTakeNew = "run again with --refresh to take its new state";

// The first match counts: the more certain come first.
constexpr Symptom kSymptoms[] = {
    {"Temporary failure resolving",
     "no network, or no name service: a mirror's name did not resolve",
     "check the machine's connection, then run the same command again: it resumes"},
    {"Could not resolve", "no network, or no name service: a mirror's name did not resolve",
     "check the machine's connection, then run the same command again: it resumes"},
    {"Network is unreachable", "no network", "check the machine's connection, then run again"},
    {"Could not connect to", "the mirror does not answer",
     "check the `mirror' option and the connection, then run again"},
    {"Connection timed out", "the mirror does not answer",
     "check the `mirror' option and the connection, then run again"},
    {"Unable to locate package", "a package in the configuration does not exist in this suite",
     "correct `packages'; `apt-cache search WORD' finds names"},
    {"has no installation candidate",
     "a package in the configuration cannot be installed from this suite",
     "correct `packages'; `apt-cache policy NAME' says where it is"},
    {"does not have a Release file", "the mirror does not have this suite",
     "check the `mirror' and `suite' options"},
    {"Failed getting release file",
     "the mirror does not have this suite, or is not a Debian mirror",
     "check the `mirror' and `suite' options"},
    {"Invalid Release file", "the mirror is not a Debian mirror", "check the `mirror' option"},
    {"  404  ", kMoved, kTakeNew, true},  // apt, from HTTP, whatever words the server has for it
    {"File not found - ", kMoved, kTakeNew, true},         // apt, from a file: mirror
    {"File has unexpected size", kMoved, kTakeNew, true},  // apt, while the mirror is renewed
    {"Hash Sum mismatch", kMoved, kTakeNew, true},
    {"Couldn't download packages", kMoved, kTakeNew, true},  // debootstrap
    {"NO_PUBKEY", "the mirror's signature is by a key this machine does not know",
     "install the package debian-archive-keyring, or check the `mirror' option"},
    {"unmet dependencies", "the packages in the configuration do not fit together", ""},
};

bool nearly_full(const fs::path& where) {
  struct statvfs st {};
  if (where.empty() || statvfs(where.c_str(), &st) != 0) return false;
  return st.f_bavail * st.f_frsize < 4u * 1024 * 1024 || (st.f_files > 0 && st.f_favail == 0);
}

void explain(Error& e, const fs::path& cache_root) {
  const std::string text = e.what();
  auto replace_cause = [&](const std::string& cause, const std::string& hint) {
    Error better(cause + "\n" + text);
    better.stage = e.stage;
    better.file = e.file;
    better.command = e.command;
    better.log = e.log;
    better.next_step = e.next_step.empty() ? hint : e.next_step;
    better.exit_code = e.exit_code;
    better.mirror_moved = e.mirror_moved;
    e = better;
  };
  if (text.find("No space left on device") != std::string::npos || nearly_full(cache_root)) {
    return replace_cause(
        "the disk is full",
        "make room on the file system of " + cache_root.string() +
            " (`clusterbuild clean' removes old results), then run again: it resumes");
  }
  for (const auto& s : kSymptoms)
    if (text.find(s.words) != std::string::npos) {
      e.mirror_moved |= s.mirror_moved;
      return replace_cause(s.cause, s.hint);
    }
}

}  // namespace

std::exception_ptr diagnosed(std::exception_ptr failure, const std::string& stage,
                             const fs::path& log, const fs::path& cache_root) {
  auto finish = [&](Error e) {
    if (e.stage.empty()) e.in_stage(stage);
    std::error_code ec;
    if (e.log.empty() && fs::exists(log, ec)) e.see_log(log);
    explain(e, cache_root);
    return std::make_exception_ptr(e);
  };
  try {
    std::rethrow_exception(failure);
  } catch (const Interrupted&) {
    return failure;
  } catch (const Error& e) {
    return finish(e);
  } catch (const fs::filesystem_error& e) {
    return finish(Error(e.what()).at_file(e.path1()));
  } catch (const std::exception& e) {
    return finish(Error(e.what()));
  }
}

}  // namespace starling::builder
