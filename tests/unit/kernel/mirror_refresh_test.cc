// SPDX-License-Identifier: GPL-2.0-or-later
// A Debian mirror of our own, on this machine and signed by a key of our own, that moves on.
#include "builder/stages/mirror_refresh.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "tests/unit/builder/engine_fixture.h"

namespace fs = std::filesystem;

namespace starling::builder {
namespace {

using testing::HasSubstr;

// Serves a directory over HTTP on a port of the loopback interface.
class WebServer {
 public:
  explicit WebServer(const fs::path& directory) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    UniqueFd read_end(ends[0]), write_end(ends[1]);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(write_end.get(), STDOUT_FILENO);
      execlp("sh", "sh", "-c",
             "exec python3 -u -m http.server --bind 127.0.0.1 --directory \"$0\" 0 2>/dev/null",
             directory.c_str(), nullptr);
      _exit(127);
    }
    write_end.reset();
    std::string said;
    for (char c; read(read_end.get(), &c, 1) == 1 && c != '\n';) said += c;
    // "Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ..."
    const size_t from = said.find('('), to = said.find(')');
    if (from == std::string::npos || to == std::string::npos)
      throw std::runtime_error("python3 -m http.server does not start: " + said);
    uri_ = said.substr(from + 1, to - from - 1);
  }
  ~WebServer() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;
  const std::string& uri() const { return uri_; }

 private:
  pid_t pid_ = -1;
  std::string uri_;
};

class FakeMirror {
 public:
  FakeMirror() {
    fs::create_directories(dir_ / "gpg");
    fs::permissions(dir_ / "gpg", fs::perms::owner_all);
    gpg({"--quick-gen-key", "--passphrase", "", "starling test", "ed25519", "sign", "never"}).run();
    gpg({"--output", keyring().string(), "--export"}).run();
  }
  // gpg starts an agent by itself; the directory must not go from under it.
  ~FakeMirror() {
    try {
      Command({"gpgconf", "--homedir", (dir_ / "gpg").string(), "--kill", "all"}).status();
    } catch (const std::exception&) {
    }
  }
  FakeMirror(const FakeMirror&) = delete;
  FakeMirror& operator=(const FakeMirror&) = delete;

  std::string uri() const { return web_.uri() + "debian"; }
  fs::path keyring() const { return dir_ / "keyring.gpg"; }

  // From now on it has only this version of the one package it has.
  void publish(const std::string& version) {
    fs::remove_all(dir_ / "debian");
    const fs::path tree = dir_ / ("tree-" + version);
    dir_.write("tree-" + version + "/DEBIAN/control", "Package: tool\nVersion: " + version +
                                                          "\nArchitecture: amd64\nMaintainer: "
                                                          "Nobody <n@example.org>\n"
                                                          "Description: for a test\n");
    const std::string file = "pool/tool_" + version + "_amd64.deb";
    fs::create_directories(dir_ / "debian/pool");
    Command({"dpkg-deb", "--build", "--root-owner-group", tree.string(),
             (dir_ / "debian" / file).string()})
        .log_to(dir_ / "log")
        .run();
    const std::string deb = read_text(dir_ / "debian" / file);
    const std::string packages =
        "Package: tool\nVersion: " + version + "\nArchitecture: amd64\nFilename: " + file +
        "\nSize: " + std::to_string(deb.size()) + "\nSHA256: " + sha256_hex(deb) + "\n";
    dir_.write("debian/dists/testing/main/binary-amd64/Packages", packages);
    const auto release = dir_.write(
        "debian/dists/testing/Release",
        "Origin: Debian\nSuite: testing\nCodename: testing\nDate: Sat, 0" + version.substr(0, 1) +
            " Nov 2025 10:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n " +
            sha256_hex(packages) + " " + std::to_string(packages.size()) +
            " main/binary-amd64/Packages\n");
    gpg({"--clear-sign", "--output", (release.parent_path() / "InRelease").string(),
         release.string()})
        .run();
    fs::remove(release);
    // Two publications within a second are two all the same.
    fs::last_write_time(release.parent_path() / "InRelease",
                        fs::file_time_type::clock::now() + std::chrono::hours(version[0] - '9'));
  }
  // In the middle of being renewed: the lists are there, the packages are not.
  void lose_packages() { fs::remove_all(dir_ / "debian/pool"); }
  void vanish() { fs::remove_all(dir_ / "debian"); }

 private:
  Command gpg(std::vector<std::string> argv) {
    argv.insert(argv.begin(), {"gpg", "--homedir", (dir_ / "gpg").string(), "--batch", "--yes",
                               "--pinentry-mode", "loopback"});
    Command c(argv);
    c.log_to(dir_ / "log");
    return c;
  }
  TempDir dir_;
  WebServer web_{dir_.path()};
};

// An engine with one stage that, like those of the image, is keyed by the mirror's state and
// needs a package.
class MirrorRefresh : public EngineTest {
 protected:
  MirrorRefresh() : apt("testing", mirror.uri(), dir / "apt", mirror.keyring()) {
    mirror.publish("1.0");
    apt.update();
    add(
        "rootfs", {}, [this](Fingerprint& f) { f.add("mirror state", apt.state()); },
        [this](StageContext& c) {
          fs::copy(apt.download("tool"), c.output() / "file");
          if (fails) throw Error("something else");
        },
        true);
  }
  int build_once() {
    int count = 0;
    build_on_current_mirror(apt, status, [&] { count += build(); });
    return count;
  }

  FakeMirror mirror;
  PrivateApt apt;
  bool fails = false;
};

TEST_F(MirrorRefresh, ARecordedStateThatIsGoneIsTakenAnewOnceAndTheBuildGoesOn) {
  EXPECT_EQ(apt.version("tool"), "1.0");
  EXPECT_FALSE(apt.mirror_moved());
  const std::string before = apt.state();
  mirror.publish("2.0");
  EXPECT_TRUE(apt.mirror_moved());
  EXPECT_EQ(apt.state(), before) << "asking changes nothing";
  EXPECT_EQ(apt.version("tool"), "1.0");

  RecordingStatus said;
  int runs = 0;
  build_on_current_mirror(apt, said, [&] {
    ++runs;
    build();
  });
  EXPECT_EQ(runs, 2);
  ASSERT_EQ(said.events.size(), 1u);
  EXPECT_THAT(said.events[0], HasSubstr("rootfs"));
  EXPECT_THAT(said.events[0], HasSubstr("taking its new state"));
  EXPECT_EQ(apt.version("tool"), "2.0");
  EXPECT_NE(apt.state(), before);
  EXPECT_FALSE(apt.mirror_moved());
  // And what was built stands under the new state.
  EXPECT_EQ(build_once(), 0);
}

TEST_F(MirrorRefresh, AMirrorThatStaysIncompleteIsAnErrorAfterOneMoreTry) {
  mirror.publish("2.0");
  mirror.lose_packages();
  RecordingStatus said;
  int runs = 0;
  try {
    build_on_current_mirror(apt, said, [&] {
      ++runs;
      build();
    });
    FAIL() << "built without its package";
  } catch (const Error& e) {
    EXPECT_TRUE(e.mirror_moved);
    EXPECT_EQ(e.stage, "rootfs");
    EXPECT_THAT(e.next_step, HasSubstr("try again later"));
    EXPECT_THAT(e.command, HasSubstr("apt-get"));
  }
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(said.events.size(), 1u);
}

TEST_F(MirrorRefresh, OtherFailuresDoNotTouchTheRecordedState) {
  fails = true;
  const std::string before = apt.state();
  RecordingStatus said;
  EXPECT_THROW(build_on_current_mirror(apt, said, [&] { build(); }), Error);
  EXPECT_TRUE(said.events.empty());
  EXPECT_EQ(apt.state(), before);
}

TEST_F(MirrorRefresh, AMirrorThatDoesNotAnswerHasNotMoved) {
  mirror.vanish();
  EXPECT_FALSE(apt.mirror_moved());
  EXPECT_EQ(apt.version("tool"), "1.0");
}

}  // namespace
}  // namespace starling::builder
