// SPDX-License-Identifier: GPL-2.0-or-later
// The program itself: what people and scripts see of it.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "builder/core/command.h"
#include "builder/core/fingerprint.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class CliTest : public testing::Test {
 protected:
  // Runs `clusterbuild args`; standard output and error together in `text`.
  int run(std::vector<std::string> args) {
    std::string line;
    for (const auto& a : args) line += " " + shell_quote(a);
    text = Command({"sh", "-c", CLUSTERBUILD + line + " 2>&1; echo \"exit $?\""})
               .cwd(dir.path())
               .capture();
    const auto at = text.rfind("exit ");
    const int code = std::stoi(text.substr(at + 5));
    text.resize(at);
    return code;
  }
  static constexpr char kSource[] = "--source-dir=" STARLING_SOURCE_DIR;
  TempDir dir;
  std::string text;
};

TEST_F(CliTest, UsageHelpAndVersion) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(text, HasSubstr("verify"));
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_THAT(text, StartsWith("clusterbuild "));
  for (const char* verb : {"build", "plan", "check", "show", "verify", "clean", "boot", "test"}) {
    EXPECT_EQ(run({verb, "--help"}), 0) << verb;
    EXPECT_THAT(text, HasSubstr(std::string("Usage: clusterbuild ") + verb)) << verb;
  }
}

TEST_F(CliTest, MistakesOnTheCommandLine) {
  EXPECT_EQ(run({"biuld"}), 2);
  EXPECT_THAT(text, HasSubstr("did you mean `build'?"));
  EXPECT_EQ(run({"check", "--kernle=debian"}), 2);
  EXPECT_THAT(text, HasSubstr("did you mean `--kernel'?"));
  EXPECT_EQ(run({"check", "a.ini", "b.ini"}), 2);
  EXPECT_THAT(text, HasSubstr("one argument too many"));
  EXPECT_EQ(run({"check", "--explian"}), 2);
  EXPECT_EQ(run({"check", "--kern=debian", kSource}), 2) << "no abbreviations";
}

TEST_F(CliTest, CheckFindsAllMistakesOfAFile) {
  dir.write("bad.ini",
            "pakages = vim\nkernel = debian\nkernel-patches = none.patch\nvolume-label = x\n");
  EXPECT_EQ(run({"check", "bad.ini", kSource}), 2);
  EXPECT_THAT(text, HasSubstr("bad.ini:1: unknown option `pakages'; did you mean `packages'?"));
  EXPECT_THAT(text, HasSubstr("bad.ini:3: kernel-patches: "));
  EXPECT_THAT(text, HasSubstr("bad.ini:4: volume-label: "));
  EXPECT_EQ(run({"check", "bad.ini", "--json", kSource}), 2);
  EXPECT_EQ(json::parse(text).size(), 4u);
  EXPECT_EQ(run({"build", "bad.ini", kSource}), 2) << "found before any work starts";
  EXPECT_THAT(text, HasSubstr("4 problems"));
  EXPECT_EQ(run({"check", "none.ini", kSource}), 2);
}

TEST_F(CliTest, ShowTellsValuesAndOriginsAndCanBeReadAgain) {
  dir.write("my.ini", "profile = classroom\nhostname = pc\npassword = $6$starling$abcdefgh\n");
  EXPECT_EQ(run({"show", "my.ini", "--suite=forky", kSource}), 0);
  EXPECT_THAT(text, Not(HasSubstr("abcdefgh")));
  const std::string shown = text;
  EXPECT_EQ(run({"show", "my.ini", "--json", "--suite=forky", kSource}), 0);
  const json j = json::parse(text);
  EXPECT_EQ(j["hostname"]["value"], "pc");
  EXPECT_THAT(j["hostname"]["from"].get<std::string>(), testing::EndsWith("my.ini:2"));
  EXPECT_EQ(j["suite"]["from"], "command line");
  EXPECT_EQ(j["user"]["from"], "built in");
  EXPECT_EQ(j["password"]["value"], "(set)");
  EXPECT_GT(j["packages"].size(), 5u);

  dir.write("again.ini", shown + "packages =\npassword =\n");
  EXPECT_EQ(run({"show", "again.ini", "--json", kSource}), 0) << text;
  EXPECT_EQ(json::parse(text)["suite"]["value"], "forky");
}

TEST_F(CliTest, VerifySaysWhatIsWrong) {
  EXPECT_EQ(run({"verify", "nowhere"}), 2);
  dir.write("out/x.iso", "image");
  EXPECT_EQ(run({"verify", "out"}), 1);
  dir.write("out/SHA256SUMS", sha256_hex("image") + "  x.iso\n");
  EXPECT_EQ(run({"verify"}), 0);
  EXPECT_THAT(text, HasSubstr("1 files are as SHA256SUMS says; they are not signed"));
  EXPECT_EQ(run({"verify", "out", "--key", "none.pub"}), 1);

  Command({"openssl", "genpkey", "-algorithm", "ed25519", "-out", "k.pem"}).cwd(dir.path()).run();
  Command({"openssl", "pkey", "-in", "k.pem", "-pubout", "-out", "k.pub"}).cwd(dir.path()).run();
  Command({"openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "k.pem", "-in", "out/SHA256SUMS",
           "-out", "out/SHA256SUMS.sig"})
      .cwd(dir.path())
      .run();
  EXPECT_EQ(run({"verify", "out", "--key", "k.pub"}), 0);
  EXPECT_THAT(text, HasSubstr("the signature is good"));
  EXPECT_EQ(run({"verify", "out", "--json"}), 0);
  EXPECT_EQ(json::parse(text)["signature"], "unchecked");

  dir.write("out/SHA256SUMS", sha256_hex("imagf") + "  x.iso\n");
  dir.write("out/x.iso", "imagf");
  EXPECT_EQ(run({"verify", "out", "--key", "k.pub"}), 1)
      << "sums that fit, but not the signed ones";
  EXPECT_THAT(text, HasSubstr("SHA256SUMS.sig is not a signature by this key"));
}

TEST_F(CliTest, PlanAndCleanOnACacheThatIsNotThere) {
  const std::string cache = "--cache-dir=" + (dir / "cache").string();
  EXPECT_EQ(run({"plan", kSource, cache, "--json"}), 0);
  const json plan = json::parse(text);
  ASSERT_GT(plan.size(), 5u);
  for (const auto& stage : plan) EXPECT_FALSE(stage["cached"]) << stage;
  EXPECT_EQ(plan.back()["stage"], "manifest");
  EXPECT_EQ(run({"clean", kSource, cache}), 0);
  EXPECT_FALSE(std::filesystem::exists(dir / "cache"));
}

TEST_F(CliTest, BuildNeedsRootAndSaysSo) {
  if (geteuid() != 0) {
    EXPECT_EQ(run({"build", kSource}), 1);
  } else {
    // setpriv rather than su: no login machinery, only another user.
    text = Command({"sh", "-c",
                    "chmod 755 . && setpriv --reuid=65534 --clear-groups " CLUSTERBUILD " build " +
                        std::string(kSource) + " 2>&1; true"})
               .cwd(dir.path())
               .capture();
  }
  if (text.find("ermission denied") != std::string::npos)
    GTEST_SKIP() << "another user cannot reach the program: " << text;
  EXPECT_THAT(text, HasSubstr("needs root"));
}

}  // namespace
}  // namespace starling::builder
