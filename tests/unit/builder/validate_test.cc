// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/validate.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "builder/core/command.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kKey[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+Yx1dE1JbJ3cVb1v7vZ0yWmKQ1m1yG1nQ6Jr0X3k2B me@home";

class ValidateTest : public testing::Test {
 protected:
  ValidateTest() {
    fs::create_directories(dir / "src/kernel-config");
    c().source_dir = dir / "src";
    c().out_dir = dir / "out";
    c().cache_dir = dir / "cache";
  }
  Config& c() { return loaded.config; }
  // All faults as one text; starts afresh each time.
  std::string faults() {
    loaded.problems.clear();
    validate(loaded);
    std::string text;
    for (const auto& p : loaded.problems) text += p.file.string() + ": " + p.what() + "\n";
    return text;
  }
  TempDir dir;
  LoadedConfig loaded;
};

TEST_F(ValidateTest, DefaultsAreGood) {
  EXPECT_EQ(faults(), "");
}

TEST_F(ValidateTest, PlaceOfTheValueIsNamed) {
  c().volume_label = "lower";
  loaded.origins["volume-label"] = {"my.ini:7"};
  EXPECT_THAT(faults(), HasSubstr("my.ini:7: volume-label: `lower' is not a volume label"));
}

TEST_F(ValidateTest, VolumeLabel) {
  c().volume_label = std::string(33, 'A');
  EXPECT_THAT(faults(), HasSubstr("has 33 characters"));
  c().volume_label = "";
  EXPECT_NE(faults(), "");
  c().volume_label = std::string(32, 'A');
  EXPECT_EQ(faults(), "");
}

TEST_F(ValidateTest, Names) {
  for (const char* bad : {"-x", "a_b", "UPPER", "a.b", "", "pc-"}) {
    c().hostname = bad;
    EXPECT_THAT(faults(), HasSubstr("hostname: ")) << bad;
  }
  c().hostname = "pc-lab2";
  EXPECT_EQ(faults(), "");
  c().flock = "two words";
  EXPECT_THAT(faults(), HasSubstr("flock: "));
  c().flock = "room-101";
  c().user = "root";
  EXPECT_THAT(faults(), HasSubstr("user: "));
  c().user = "Bad User";
  EXPECT_THAT(faults(), HasSubstr("user: "));
  c().user = "";
  EXPECT_EQ(faults(), "");
  c().suite = "../etc";
  EXPECT_THAT(faults(), HasSubstr("suite: "));
  c().suite = "trixie";
  c().mirror = "deb http://x y";
  EXPECT_THAT(faults(), HasSubstr("mirror: "));
  c().mirror = "http://localhost/debian";
  EXPECT_EQ(faults(), "");
}

TEST_F(ValidateTest, PasswordMustBeAHashAndIsNotRepeated) {
  c().password = "open-sesame";
  EXPECT_THAT(faults(), HasSubstr("not a crypt(3) hash"));
  EXPECT_THAT(faults(), Not(HasSubstr("open-sesame")));
  c().password = "$6$salt$abc:def";
  EXPECT_NE(faults(), "") << "a colon would split the line of /etc/shadow";
  c().password = "$6$starling$Y0tpY0BxSGuVnTnS8fSz";
  EXPECT_EQ(faults(), "");
  c().user = "";
  EXPECT_THAT(faults(), HasSubstr("there is no user"));
}

TEST_F(ValidateTest, PackagesAndBootParameters) {
  for (const char* bad : {"Vim", "a", "x;rm", "--force-yes", "a b"}) {
    c().packages = {"vim", bad};
    EXPECT_THAT(faults(), HasSubstr("packages: ")) << bad;
  }
  c().packages = {"g++", "libc6:i386", "vim=2:9.0-1", "libstdc++6/trixie-updates", "0ad"};
  EXPECT_EQ(faults(), "");
  c().boot_parameters = {"ok=1", "bad\n"};
  EXPECT_THAT(faults(), HasSubstr("boot-parameters: "));
}

TEST_F(ValidateTest, DebianKernelExcludesPatchesAndConfig) {
  c().kernel = KernelKind::debian;
  c().kernel_patches = {dir.write("p.patch", "x")};
  EXPECT_THAT(faults(), HasSubstr("patches need kernel = patched"));
  c().kernel_patches.clear();
  c().kernel_config = {dir.write("c.config", "x")};
  EXPECT_THAT(faults(), HasSubstr("a config needs kernel = patched"));
  c().kernel = KernelKind::patched;
  EXPECT_EQ(faults(), "");
}

TEST_F(ValidateTest, CompressionLevelFitsTheCompression) {
  const std::pair<const char*, int> most[] = {{"zstd", 22}, {"gzip", 9}, {"xz", 0}, {"lz4", 0}};
  for (const auto& [kind, level] : most) {
    c().compression = kind;
    c().compression_level = level;
    EXPECT_EQ(faults(), "") << kind;
    c().compression_level = level + 1;
    EXPECT_THAT(faults(), HasSubstr("compression-level: ")) << kind;
  }
}

TEST_F(ValidateTest, MissingAndWrongPaths) {
  const auto file = dir.write("file", "");
  c().overlays = {dir / "none", file};
  c().hooks = {dir / "none", dir.path(), file};
  c().kernel_patches = {dir / "none"};
  c().live_build_config = dir / "none";
  const std::string text = faults();
  EXPECT_THAT(text, HasSubstr("overlays: " + (dir / "none").string() + " does not exist"));
  EXPECT_THAT(text, HasSubstr("overlays: " + file.string() + " is not a directory"));
  EXPECT_THAT(text, HasSubstr("hooks: " + (dir / "none").string() + " does not exist"));
  EXPECT_THAT(text, HasSubstr("hooks: " + dir.path().string() + " is not a file"));
  EXPECT_THAT(text, HasSubstr("hooks: " + file.string() + " is not executable"));
  EXPECT_THAT(text, HasSubstr("kernel-patches: "));
  EXPECT_THAT(text, HasSubstr("live-build-config: "));
  EXPECT_EQ(loaded.problems.size(), 7u);
}

TEST_F(ValidateTest, LiveBuildTreeMustLookLikeOne) {
  fs::create_directory(dir / "lb");
  c().live_build_config = dir / "lb";
  EXPECT_THAT(faults(), HasSubstr("none of live-build's"));
  fs::create_directory(dir / "lb/package-lists");
  EXPECT_EQ(faults(), "");
}

TEST_F(ValidateTest, DirectoriesMustNotContainEachOther) {
  c().out_dir = "/";
  EXPECT_THAT(faults(), HasSubstr("out-dir: "));
  c().out_dir = c().cache_dir / "out";
  EXPECT_THAT(faults(), HasSubstr("must not lie inside each other"));
  c().out_dir = dir / "cache-out";
  EXPECT_EQ(faults(), "");
  fs::create_directories(dir / "cache-out/ov");
  c().overlays = {dir.path()};
  EXPECT_THAT(faults(), HasSubstr("the image would hold itself"));
}

TEST_F(ValidateTest, FlockKey) {
  const std::string good = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
  EXPECT_EQ(flock_key_fault(good), "");
  EXPECT_EQ(flock_key_fault(good + "\n"), "");
  EXPECT_NE(flock_key_fault(good + "\n\n"), "");
  EXPECT_NE(flock_key_fault(good.substr(1)), "");
  EXPECT_NE(flock_key_fault("g" + good.substr(1)), "");
  EXPECT_NE(flock_key_fault(std::string(64, '0')), "");
  c().flock_key = dir.write("k", "secret but short");
  EXPECT_THAT(faults(), HasSubstr("must hold 64 hex digits, not 16"));
  EXPECT_THAT(faults(), Not(HasSubstr("secret")));
  c().flock_key = dir / "none";
  EXPECT_THAT(faults(), HasSubstr("does not exist"));
  c().flock_key = "";
  dir.write("out/flock.key", "damaged");
  EXPECT_THAT(faults(), HasSubstr("flock-key: ")) << "the generated key is looked at too";
}

TEST_F(ValidateTest, SshKeys) {
  const std::string key = kKey;
  EXPECT_EQ(ssh_key_fault(key), "");
  EXPECT_EQ(ssh_key_fault("no-pty,command=\"a b\" " + key), "");
  EXPECT_THAT(ssh_key_fault("-----BEGIN OPENSSH PRIVATE KEY-----"), HasSubstr("PRIVATE"));
  EXPECT_THAT(ssh_key_fault("hello"), HasSubstr("no known key type"));
  EXPECT_THAT(ssh_key_fault("ssh-ed25519"), HasSubstr("cut off"));
  EXPECT_THAT(ssh_key_fault(key.substr(0, 60)), HasSubstr("cut off"));
  EXPECT_THAT(ssh_key_fault("ssh-rsa" + key.substr(11)), HasSubstr("not of type ssh-rsa"));
  EXPECT_THAT(ssh_key_fault(key + "\n" + key), HasSubstr("one line"));
  EXPECT_NE(ssh_key_fault(std::string(100000, 'a')), "");
}

TEST_F(ValidateTest, SigningKey) {
  const auto pem = [&](const std::string& name, std::vector<std::string> how) {
    std::vector<std::string> argv = {"openssl", "genpkey", "-out", (dir / name).string()};
    argv.insert(argv.end(), how.begin(), how.end());
    Command(argv).run();
    return dir / name;
  };
  c().signing_key = pem("ed", {"-algorithm", "ed25519"});
  EXPECT_EQ(faults(), "");
  c().signing_key = pem("rsa", {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"});
  EXPECT_EQ(faults(), "");
  c().signing_key = pem("ec", {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"});
  EXPECT_EQ(faults(), "");
  c().signing_key = pem("x", {"-algorithm", "X25519"});
  EXPECT_THAT(faults(), HasSubstr("cannot sign"));
  c().signing_key = pem("locked", {"-algorithm", "ed25519", "-aes256", "-pass", "pass:x"});
  EXPECT_THAT(faults(), HasSubstr("without a pass phrase"));
  c().signing_key = dir.write("text", "not a key");
  EXPECT_THAT(faults(), HasSubstr("is not a PEM private key"));
}

TEST_F(ValidateTest, ProblemsAreThrownTogetherWithExitCode2) {
  EXPECT_NO_THROW(throw_problems(loaded));
  c().volume_label = "x";
  c().suite = "X";
  faults();
  try {
    throw_problems(loaded);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code, 2);
    EXPECT_THAT(e.what(), HasSubstr("2 problems"));
    EXPECT_THAT(e.what(), HasSubstr("volume-label"));
    EXPECT_THAT(e.what(), HasSubstr("suite"));
  }
}

TEST_F(ValidateTest, LongTextsDoNotOverflowTheStack) {
  const std::string longtext(1 << 20, 'a');
  c().mirror = "http://" + longtext;
  c().packages = {longtext};
  c().boot_parameters = {longtext};
  c().password = "$6$" + longtext;
  c().ssh_keys = {"ssh-rsa " + longtext};
  EXPECT_NE(faults(), "");
}

}  // namespace
}  // namespace starling::builder
