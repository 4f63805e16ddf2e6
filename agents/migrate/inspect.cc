// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/inspect.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <system_error>

#include "agents/common/unique_fd.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/stays_home.h"

namespace starling::migrate {
namespace {

using Reason = std::optional<std::string>;

struct CloseDir {
  void operator()(DIR* d) const { ::closedir(d); }
};

// Entries of a directory below /proc; none when it cannot be read.
std::vector<std::string> entries(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
  if (!dir) return names;
  while (const dirent* e = ::readdir(dir.get()))
    if (e->d_name[0] != '.') names.emplace_back(e->d_name);
  return names;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> buffer;
  const ssize_t n = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string proc(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// A read-only shared mapping of a file of the system (gconv-modules.cache, locale archives) is
// taken along as a copy: such files are replaced by rename, never written in place.
bool is_system_file(const Mapping& m) {
  return (m.prot & PROT_WRITE) == 0 && m.inode != 0 &&
         (m.path.starts_with("/usr/") || m.path.starts_with("/lib/"));
}

Reason from_status(pid_t pid, const std::string& status) {
  if (status_field(status, "State").starts_with("Z")) return "it has ended";
  if (status_field(status, "VmSize").empty()) return "it is a thread of the kernel";
  if (const auto tracer = status_number(status, "TracerPid"); tracer != 0)
    return "it is traced by pid " + std::to_string(tracer);
  if (status_number(status, "Seccomp") != 0) return "it has a seccomp filter of its own";
  if (status_number(status, "VmLck") != 0) return "it has locked memory (mlock)";
  const auto ns_pids = status_field(status, "NSpid");
  if (ns_pids.find_first_of("\t ") != std::string_view::npos ||
      read_link(proc(pid, "ns/pid")) != read_link("/proc/self/ns/pid")) {
    return "it is in a pid namespace of its own, such as a container's";
  }
  if (read_link(proc(pid, "ns/time_for_children")) != read_link("/proc/self/ns/time"))
    return "it is in a time namespace of its own";
  return std::nullopt;
}

Reason from_descriptors(pid_t pid) {
  static constexpr std::pair<std::string_view, std::string_view> kinds[] = {
      {"anon_inode:[io_uring]", "it uses io_uring"},
      {"anon_inode:[userfaultfd]", "it uses userfaultfd"},
      {"anon_inode:[signalfd]", "it reads its signals from a descriptor (signalfd)"},
      {"anon_inode:[perf_event]", "it measures itself (perf events)"},
      {"anon_inode:seccomp notify", "it supervises the system calls of others"},
  };
  for (const std::string& fd : entries(proc(pid, "fd"))) {
    const std::string target = read_link(proc(pid, "fd/" + fd));
    for (const auto& [kind, reason] : kinds)
      if (target == kind) return std::string(reason);
  }
  return std::nullopt;
}

// /proc/PID/timers, proc_pid_timers(5): the signal goes to a thread, or the clock counts CPU time,
// which passes elsewhere while the process is away.
Reason from_timers(pid_t pid) {
  std::string text;
  try {
    text = read_proc(pid, "timers");
  } catch (const std::system_error& e) {
    if (e.code().value() == ENOENT) return std::nullopt;  // no CONFIG_CHECKPOINT_RESTORE
    throw;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.starts_with("notify:") && line.find("/tid.") != std::string_view::npos)
      return "it has a timer that signals one of its threads";
    if (line.starts_with("ClockID: ")) {
      int clock = 0;
      std::from_chars(line.data() + 9, line.data() + line.size(), clock);
      if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return "it has a timer that counts CPU time";
    }
  }
  return std::nullopt;
}

Reason from_threads(pid_t pid) {
  for (const pid_t tid : read_tasks(pid)) {
    const int policy = ::sched_getscheduler(tid);
    if (policy >= 0 && (policy & ~SCHED_RESET_ON_FORK) != SCHED_OTHER &&
        (policy & ~SCHED_RESET_ON_FORK) != SCHED_BATCH &&
        (policy & ~SCHED_RESET_ON_FORK) != SCHED_IDLE) {
      return "it has realtime priority";
    }
  }
  return std::nullopt;
}

// CLONE_VM without CLONE_THREAD: vfork, or something stranger.
Reason from_relatives(pid_t pid) {
  std::vector<pid_t> relatives;
  const auto fields = read_stat(pid);
  if (fields.size() > 1) relatives.push_back(std::atoi(fields[1].c_str()));
  for (const pid_t tid : read_tasks(pid)) {
    std::string children;
    try {
      children = read_proc(pid, "task/" + std::to_string(tid) + "/children");
    } catch (const std::system_error& e) {
      // A thread may have ended since it was listed.
      if (tid != pid && (e.code().value() == ENOENT || e.code().value() == ESRCH)) continue;
      throw;
    }
    for (const char* at = children.c_str(); *at;) {
      char* end;
      const long child = std::strtol(at, &end, 10);
      if (end == at) break;
      relatives.push_back(static_cast<pid_t>(child));
      at = end + (*end == ' ');
    }
  }
  for (const pid_t other : relatives) {
    if (other > 0 && ::syscall(SYS_kcmp, pid, other, KCMP_VM, 0, 0) == 0)
      return "it shares its memory with pid " + std::to_string(other);
  }
  return std::nullopt;
}

Reason is_foreign_code(pid_t pid) {
  const UniqueFd exe(::open(proc(pid, "exe").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<unsigned char, 20> head{};
  if (!exe || ::read(exe.get(), head.data(), head.size()) != 20) return std::nullopt;
  constexpr unsigned char elf64[] = {0x7f, 'E', 'L', 'F', 2};
  if (!std::equal(std::begin(elf64), std::end(elf64), head.begin()))
    return "it is a 32-bit program";
  return std::nullopt;
}

}  // namespace

Reason reason_in_maps(const std::vector<Mapping>& maps) {
  for (const Mapping& m : maps) {
    if (m.path.starts_with("/dev/") && !m.path.starts_with("/dev/zero") &&
        !m.path.starts_with("/dev/shm/"))
      return "it maps " + m.path;
    if (m.path.starts_with("/anon_hugepage") || m.path.starts_with("/memfd:hugetlb"))
      return "it uses huge pages of its own";
    if (m.path.starts_with("anon_inode:")) return "it maps memory of the kernel (" + m.path + ")";
    if (m.path == "[uprobes]") return "it is being probed";
    if (m.shared && !is_system_file(m)) {
      if (m.path.empty() || m.path == "/dev/zero (deleted)") return "it has shared memory";
      return "it has shared memory (" + m.path + ")";
    }
  }
  return std::nullopt;
}

Reason reason_in_flags(pid_t pid) {
  const std::string text = read_proc(pid, "smaps");
  bool stack = false;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.starts_with("VmFlags:")) {
      // The line that begins a mapping is the only one with a range in front.
      if (line.find(" kB") == std::string_view::npos && line.find('-') < 20)
        stack = line.ends_with("[stack]");
      continue;
    }
    const auto has = [&](std::string_view flag) {
      return line.find(flag) != std::string_view::npos;
    };
    if (has(" gd") && !stack)
      return "it has a stack of its own that grows by itself (MAP_GROWSDOWN)";
    if (has(" ht")) return "it uses huge pages of its own";
  }
  return std::nullopt;
}

pid_t find_sharer(pid_t pid, const Mapping& mapping) {
  for (const std::string& name : entries("/proc")) {
    const pid_t other = std::atoi(name.c_str());
    if (other <= 0 || other == pid) continue;
    try {
      for (const Mapping& m : read_maps(other))
        if (m.shared && m.inode == mapping.inode && m.path == mapping.path) return other;
    } catch (const std::exception&) {
      // It ended, or is none of ours to look at.
    }
  }
  return 0;
}

Reason reason_to_stay(pid_t pid) {
  try {
    if (auto r = from_status(pid, read_proc(pid, "status"))) return r;
    if (auto r = is_foreign_code(pid)) return r;
    const auto maps = read_maps(pid);
    if (auto r = reason_in_maps(maps)) {
      for (const Mapping& m : maps) {
        if (!m.shared || is_system_file(m)) continue;
        if (const pid_t other = find_sharer(pid, m))
          return "it shares memory with pid " + std::to_string(other);
      }
      return r;
    }
    if (auto r = from_descriptors(pid)) return r;
    if (auto r = from_timers(pid)) return r;
    if (auto r = from_threads(pid)) return r;
    if (auto r = reason_in_flags(pid)) return r;
    return from_relatives(pid);
  } catch (const std::system_error& e) {
    if (e.code().value() == ENOENT || e.code().value() == ESRCH)
      throw ProcessGone("there is no process " + std::to_string(pid));
    throw;
  }
}

}  // namespace starling::migrate
