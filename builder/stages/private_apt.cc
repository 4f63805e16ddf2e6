// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/private_apt.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <fstream>
#include <mutex>
#include <sstream>

#include "builder/config/config.h"
#include "builder/core/error.h"
#include "builder/core/fingerprint.h"

namespace fs = std::filesystem;

namespace starling::builder {

namespace {

constexpr const char* kKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

// apt locks its lists and rewrites its caches: one command at a time.
std::recursive_mutex& apt_mutex() {
  static std::recursive_mutex m;
  return m;
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Complete or not at all, so that an interrupted write is never taken for an answer.
void write_text(const fs::path& file, const std::string& text) {
  const fs::path tmp = file.string() + ".new";
  {
    std::ofstream out(tmp, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) throw Error("cannot write " + tmp.string()).at_file(tmp);
  }
  fs::rename(tmp, file);
}

bool rolling(const std::string& suite) {
  return suite == "sid" || suite == "unstable" || suite == "experimental";
}

bool debian_release_name(std::string_view release) {
  static constexpr std::string_view kNames[] = {"stretch", "buster",  "bullseye",  "bookworm",
                                                "trixie",  "forky",   "duke",      "sid",
                                                "stable",  "testing", "oldstable", "unstable"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view name) {
    return release.starts_with(name) &&
           (release.size() == name.size() || release[name.size()] == '-' ||
            release[name.size()] == '/');
  });
}

DebianMirror machines_mirror() {
  const std::string targets = Command({"apt-get", "indextargets", "--format",
                                       "$(ORIGIN)|$(RELEASE)|$(REPO_URI)", "Created-By: Packages"})
                                  .env("LC_ALL", "C")
                                  .capture();
  return pick_debian_mirror(targets);
}

std::string sources_text(const std::string& suite, const DebianMirror& mirror, bool own_mirror,
                         const fs::path& keyring) {
  const std::string options = "[signed-by=" + keyring.string() + "] ";
  std::string text = "deb " + options + mirror.main + " " + suite + " main\n";
  // A mirror somebody chose may be a snapshot or a partial one: only what was asked for.
  if (own_mirror || rolling(suite)) return text;
  text += "deb " + options + mirror.main + " " + suite + "-updates main\n";
  if (!mirror.security.empty())
    text += "deb " + options + mirror.security + " " + suite + "-security main\n";
  return text;
}

// "Date: Sat, 08 Nov 2025 10:00:00 UTC", or 0.
std::time_t release_date(const fs::path& inrelease) {
  std::ifstream in(inrelease);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("Date: ")) continue;
    std::tm tm{};
    if (strptime(line.c_str() + 6, "%a, %d %b %Y %H:%M:%S", &tm)) return timegm(&tm);
  }
  return 0;
}

std::vector<fs::path> inreleases(const fs::path& lists) {
  std::vector<fs::path> files;
  std::error_code ec;
  for (const auto& e : fs::directory_iterator(lists, ec))
    if (e.path().filename().string().ends_with("Release")) files.push_back(e.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string field_of(const std::string& record, const std::string& name) {
  std::istringstream in(record);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
  return {};
}

}  // namespace

DebianMirror pick_debian_mirror(std::string_view indextargets) {
  DebianMirror found;
  std::istringstream in{std::string(indextargets)};
  for (std::string line; std::getline(in, line);) {
    const size_t a = line.find('|');
    const size_t b = a == std::string::npos ? a : line.find('|', a + 1);
    if (b == std::string::npos) continue;
    const std::string origin = line.substr(0, a);
    const std::string release = line.substr(a + 1, b - a - 1);
    const std::string uri = line.substr(b + 1);
    const bool origin_known = !origin.empty() && origin[0] != '$';
    if (uri.empty() || (origin_known ? origin != "Debian" : !debian_release_name(release)))
      continue;
    std::string& slot = release.find("security") != std::string::npos ? found.security : found.main;
    if (slot.empty()) slot = uri;
  }
  return found;
}

PrivateApt::PrivateApt(std::string suite, std::string mirror, fs::path state_dir, fs::path keyring)
    : suite_(std::move(suite)),
      mirror_(std::move(mirror)),
      dir_(std::move(state_dir)),
      keyring_(keyring.empty() ? fs::path(kKeyring) : std::move(keyring)) {}

PrivateApt PrivateApt::of(const Config& config) {
  return {config.suite, config.mirror, config.cache_dir / "persistent" / ("apt-" + config.suite)};
}

bool PrivateApt::ready() const {
  // "ready" is written last and says which mirror was asked for: an empty line is the machine's.
  std::ifstream in(dir_ / "ready");
  std::string asked;
  return std::getline(in, asked) && asked == suite_ + " " + mirror_ && fs::exists(sources_list());
}

void PrivateApt::require_ready() const {
  if (!ready()) throw Error("the state of the Debian mirror is not recorded yet");
}

DebianMirror PrivateApt::mirror() const {
  require_ready();
  DebianMirror found;
  std::istringstream in(read_text(sources_list()));
  for (std::string deb, options, uri, suite, rest; in >> deb >> options >> uri >> suite;) {
    std::getline(in, rest);
    (suite.ends_with("-security") ? found.security : found.main) = uri;
  }
  return found;
}

void PrivateApt::write_conf() const {
  std::string conf;
  std::istringstream in(Command({"apt-config", "dump"}).env("LC_ALL", "C").capture());
  for (std::string line; std::getline(in, line);)
    for (const char* kept : {"Acquire::http", "Acquire::https", "Acquire::Retries",
                             "Acquire::ForceIPv", "Acquire::Check-"})
      if (line.starts_with(kept)) {
        conf += line + "\n";
        break;
      }
  auto set = [&](const std::string& name, const std::string& value) {
    conf += name + " \"" + value + "\";\n";
  };
  set("Dir::Etc::Main", "/dev/null");
  set("Dir::Etc::Parts", "/dev/null");
  set("Dir::Etc::SourceList", sources_list().string());
  set("Dir::Etc::SourceParts", "/dev/null");
  set("Dir::Etc::Preferences", "/dev/null");
  set("Dir::Etc::PreferencesParts", "/dev/null");
  set("Dir::State", (dir_ / "state").string());
  set("Dir::State::status", (dir_ / "status").string());
  set("Dir::Cache", (dir_ / "cache").string());
  set("Acquire::Languages", "none");
  set("APT::Architecture", "amd64");
  set("APT::Sandbox::User", "root");
  write_text(apt_conf(), conf);
}

Command PrivateApt::apt(std::vector<std::string> argv) const {
  Command c(std::move(argv));
  c.env("APT_CONFIG", apt_conf().string()).env("LC_ALL", "C").log_to(dir_ / "apt.log");
  return c;
}

void PrivateApt::update(bool refresh) {
  const std::lock_guard lock(apt_mutex());
  if (ready() && !refresh) return;
  if (!fs::exists(keyring_))
    throw Error("Debian's archive keys are not on this machine")
        .at_file(keyring_)
        .hint("install the package debian-archive-keyring");

  DebianMirror found{mirror_, {}};
  if (mirror_.empty()) found = machines_mirror();
  if (found.main.empty())
    throw Error("this machine's apt configuration names no Debian mirror")
        .hint("set the `mirror' option to one");

  for (const char* sub : {"state/lists/partial", "cache/archives/partial", "debs"})
    fs::create_directories(dir_ / sub);
  std::ofstream(dir_ / "status", std::ios::app).flush();
  write_conf();
  const std::string sources = sources_text(suite_, found, !mirror_.empty(), keyring_);
  // Other sources leave other lists: until the mirror has answered, nothing is recorded. With the
  // same sources apt itself keeps the former lists when it fails.
  if (read_text(sources_list()) != sources) fs::remove(dir_ / "ready");
  write_text(sources_list(), sources);
  try {
    apt({"apt-get", "-q", "--error-on=any", "update"}).run();
  } catch (Error& e) {
    if (e.next_step.empty())
      e.hint("is " + found.main + " reachable, and does it have " + suite_ + "?");
    throw;
  }

  std::time_t newest = 0;
  for (const auto& file : inreleases(dir_ / "state/lists"))
    newest = std::max(newest, release_date(file));
  fs::remove_all(dir_ / "answers");
  fs::create_directories(dir_ / "answers");
  write_text(dir_ / "release-date", std::to_string(newest) + "\n");
  write_text(dir_ / "ready", suite_ + " " + mirror_ + "\n");
}

std::string PrivateApt::state() const {
  require_ready();
  std::string all = read_text(sources_list());
  for (const auto& file : inreleases(dir_ / "state/lists"))
    all += sha256_hex(read_text(file)) + "\n";
  return sha256_hex(all);
}

bool PrivateApt::mirror_moved() const {
  require_ready();
  const std::lock_guard lock(apt_mutex());
  // Beside the recorded lists, so that these stay; apt asks only for what is newer than its copy.
  const fs::path probe = dir_ / "probe";
  fs::remove_all(probe);
  fs::create_directories(probe / "partial");
  const auto recorded = inreleases(dir_ / "state/lists");
  for (const auto& file : recorded) {
    fs::copy_file(file, probe / file.filename());
    fs::last_write_time(probe / file.filename(), fs::last_write_time(file));
  }
  Command update = apt({"apt-get", "-q", "-o", "Dir::State::Lists=" + probe.string(), "-o",
                        "Acquire::IndexTargets::deb::Packages::DefaultEnabled=false",
                        "--error-on=any", "update"});
  bool moved = false;
  if (update.status() == 0)
    for (const auto& file : recorded)
      moved |= read_text(file) != read_text(probe / file.filename());
  fs::remove_all(probe);
  return moved;
}

fs::path PrivateApt::answer(const std::string& question) const {
  return dir_ / "answers" / question;
}

std::string PrivateApt::version(const std::string& package) const {
  require_ready();
  std::string known = read_text(answer("version-" + package));
  if (!known.empty()) return known;

  const std::lock_guard lock(apt_mutex());
  Command show = apt({"apt-cache", "show", "--no-all-versions", package});
  std::string record;
  try {
    record = show.capture();
  } catch (Error& e) {
    throw Error("Debian " + suite_ + " has no package `" + package + "'")
        .replay(e.command)
        .see_log(e.log);
  }
  known = field_of(record, "Version");
  if (known.empty())
    throw Error("Debian " + suite_ + " has no package `" + package + "'").replay(show.shell_line());
  write_text(answer("depends-" + package), field_of(record, "Depends") + "\n");
  write_text(answer("version-" + package), known);
  return known;
}

std::vector<std::string> PrivateApt::depends(const std::string& package) const {
  version(package);
  std::vector<std::string> names;
  std::istringstream in(read_text(answer("depends-" + package)));
  for (std::string one; std::getline(in, one, ',');) {
    const size_t from = one.find_first_not_of(" \n");
    if (from == std::string::npos) continue;
    names.push_back(one.substr(from, one.find_first_of(" (|:\n", from) - from));
  }
  return names;
}

fs::path PrivateApt::download(const std::string& package) const {
  const std::string wanted = version(package);
  const std::lock_guard lock(apt_mutex());
  // apt writes the colon of an epoch as %3a.
  std::string in_name;
  for (char c : wanted) in_name += c == ':' ? std::string("%3a") : std::string(1, c);
  const std::string prefix = package + "_" + in_name + "_";
  for (const auto& e : fs::directory_iterator(dir_ / "debs"))
    if (e.path().filename().string().starts_with(prefix) && e.path().extension() == ".deb")
      return e.path();

  // Fetched beside, then renamed: a half download is never taken for a package.
  const fs::path incoming = dir_ / "debs" / ("incoming-" + package);
  fs::remove_all(incoming);
  fs::create_directories(incoming);
  apt({"apt-get", "-q", "download", package + "=" + wanted}).cwd(incoming).run();
  for (const auto& e : fs::directory_iterator(incoming)) {
    const fs::path kept = dir_ / "debs" / e.path().filename();
    fs::rename(e.path(), kept);
    fs::remove_all(incoming);
    return kept;
  }
  throw Error("apt-get download left no package for " + package).see_log(dir_ / "apt.log");
}

}  // namespace starling::builder
