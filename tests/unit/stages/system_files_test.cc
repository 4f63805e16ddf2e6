// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/system_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "builder/core/error.h"
#include "builder/stages/login.h"
#include "builder/stages/signature.h"
#include "builder/stages/tree.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;

struct Temporary {
  fs::path dir;
  Temporary() {
    std::string name = (fs::temp_directory_path() / "stages-XXXXXX").string();
    if (!mkdtemp(name.data())) throw Error("mkdtemp");
    dir = name;
  }
  ~Temporary() { fs::remove_all(dir); }
};

TEST(Shadow, FixesTheDayAndNothingElse) {
  EXPECT_EQ(with_fixed_ageing("root:*:20001:0:99999:7:::\nme:$6$a:b:1:2:3:4:::\nodd\nx::::::::\n", 19000),
            "root:*:19000:0:99999:7:::\nme:$6$a:19000:1:2:3:4:::\nodd\nx::::::::\n");
}

TEST(CleanTree, LeavesNothingOfTheBuildBehind) {
  Temporary t;
  for (const char* file :
       {"var/log/apt/history.log", "var/log/dpkg.log", "var/cache/apt/pkgcache.bin",
        "var/lib/apt/lists/x_InRelease", "etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key.pub",
        "etc/shadow-", "var/cache/ldconfig/aux-cache", "var/lib/dpkg/status-old", "tmp/x",
        "run/lock/y"})
    write_file(t.dir / file, "x");
  for (const char* file : {"etc/ssh/sshd_config", "var/lib/dpkg/status", "etc/passwd"})
    write_file(t.dir / file, "keep");
  write_file(t.dir / "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  write_file(t.dir / "etc/shadow", "root:*:20500:0:99999:7:::\n", 0640);
  clean_tree(t.dir, 86400L * 20000);

  std::set<std::string> files;
  for (const auto& e : fs::recursive_directory_iterator(t.dir))
    if (e.is_regular_file()) files.insert(fs::relative(e.path(), t.dir).string());
  EXPECT_EQ(files, (std::set<std::string>{"etc/machine-id", "etc/passwd", "etc/shadow",
                                          "etc/ssh/sshd_config", "var/lib/dpkg/status"}));
  EXPECT_EQ(read_file(t.dir / "etc/machine-id"), "");
  EXPECT_EQ(read_file(t.dir / "etc/shadow"), "root:*:20000:0:99999:7:::\n");
  EXPECT_EQ(fs::status(t.dir / "etc/shadow").permissions(), fs::perms(0640));
  EXPECT_TRUE(fs::is_directory(t.dir / "var/log/apt"));
}

TEST(Login, AutologinNamesTheUserOnce) {
  for (bool serial : {false, true}) {
    const std::string text = autologin_dropin("pat", serial);
    EXPECT_NE(text.find("\nExecStart=\nExecStart=-/sbin/agetty --autologin pat "), std::string::npos);
  }
}

// Keys made by OpenSSL for this test alone.
TEST(Signature, HoldsForItsTextAndKeyOnly) {
  Temporary t;
  const auto make = [&](const std::string& kind, const std::string& name) {
    const std::string key = (t.dir / name).string();
    ASSERT_EQ(system(("openssl genpkey " + kind + " -out " + key + " 2>/dev/null && openssl pkey -in " +
                      key + " -pubout -out " + key + ".pub").c_str()),
              0);
  };
  make("-algorithm ed25519", "ed");
  make("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "ec");
  const std::string text = "abc  starling.iso\n";
  for (const char* name : {"ed", "ec"}) {
    const std::string signature = sign_detached(text, t.dir / name);
    const fs::path pub = t.dir / (std::string(name) + ".pub");
    EXPECT_TRUE(verify_detached(text, signature, pub)) << name;
    EXPECT_FALSE(verify_detached(text + " ", signature, pub)) << name;
    std::string broken = signature;
    broken[8] = static_cast<char>(broken[8] ^ 1);
    EXPECT_FALSE(verify_detached(text, broken, pub)) << name;
    EXPECT_FALSE(verify_detached(text, "", pub)) << name;
  }
  EXPECT_FALSE(verify_detached(text, sign_detached(text, t.dir / "ed"), t.dir / "ec.pub"));
  write_file(t.dir / "junk", "not a key");
  EXPECT_THROW(sign_detached(text, t.dir / "junk"), Error);
  EXPECT_THROW(verify_detached(text, "x", t.dir / "junk"), Error);
}

TEST(Sha1, KnownAnswer) {
  Temporary t;
  write_file(t.dir / "abc", "abc");
  EXPECT_EQ(sha1_file(t.dir / "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace starling::builder
