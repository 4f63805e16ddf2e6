// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/flock_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agents/common/key_schedule.h"
#include "tests/unit/temp_dir.h"

namespace starling {
namespace {

using testing::HasSubstr;

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

TEST(FlockKey, ReadsHexWithSpaceAroundIt) {
  EXPECT_EQ(to_hex(parse_flock_key(" " + kHex + "\n", "x").bytes()), kHex);
}

TEST(FlockKey, ErrorNamesTheOriginAndNeverTheKey) {
  const std::string secret(63, 'a');
  const std::string e = error_of([&] { parse_flock_key(secret, "somewhere"); });
  EXPECT_THAT(e, HasSubstr("somewhere"));
  EXPECT_THAT(e, HasSubstr("63 characters"));
  EXPECT_THAT(e, testing::Not(HasSubstr(secret)));
  EXPECT_NE(error_of([&] { parse_flock_key(kHex.substr(1) + "g", "x"); }), "");
}

TEST(FlockKey, RefusesAFileOthersMayRead) {
  TempDir dir;
  const auto path = dir.path() / "flock.key";
  std::ofstream(path) << kHex << "\n";
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(error_of([&] { load_flock_key(path); }), HasSubstr("chmod 600"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(to_hex(load_flock_key(path).bytes()), kHex);
}

TEST(FlockKey, MissingFileSaysHowToMakeOne) {
  TempDir dir;
  EXPECT_THAT(error_of([&] { load_flock_key(dir.path() / "none"); }), HasSubstr("openssl rand"));
  EXPECT_THAT(error_of([&] { load_flock_key(dir.path()); }), HasSubstr("not a plain file"));
}

TEST(KernelParameter, LastOneWinsAndPrefixesDoNotCount) {
  const std::string line = "quiet starling.flock=a xstarling.flock=b starling.flock=c\n";
  EXPECT_EQ(kernel_parameter(line, "starling.flock"), "c");
  EXPECT_EQ(kernel_parameter(line, "starling"), std::nullopt);
  EXPECT_EQ(kernel_parameter("starling.key=", "starling.key"), std::nullopt);
  EXPECT_EQ(kernel_parameter("", "starling.key"), std::nullopt);
}

TEST(FlockName, AllowsWhatCanStandInAFileNameAndARow) {
  EXPECT_NO_THROW(check_flock_name("lab-2.west_a", "x"));
  for (const char* bad : {"", "a b", "a/b", "ü", "012345678901234567890123456789012"}) {
    EXPECT_THROW(check_flock_name(bad, "x"), std::runtime_error) << bad;
  }
}

// RFC 5869 is OpenSSL's to get right; here: that names, keys and sessions all separate.
TEST(KeySchedule, NameKeyAndSessionEachChangeTheKeys) {
  const FlockKey key = parse_flock_key(kHex, "x");
  const FlockKey other = parse_flock_key("ff" + kHex.substr(2), "x");
  SessionId s1{};
  SessionId s2{};
  s2[15] = 1;
  const KeySchedule a(key, "one");
  const KeySchedule b(key, "two");
  const KeySchedule c(other, "one");
  EXPECT_NE(a.tag(), b.tag());
  EXPECT_NE(a.tag(), c.tag());
  EXPECT_NE(a.session_key(s1), b.session_key(s1));
  EXPECT_NE(a.session_key(s1), c.session_key(s1));
  EXPECT_NE(a.session_key(s1), a.session_key(s2));
  // A second derivation from one schedule must not depend on the first.
  const KeySchedule again(key, "one");
  EXPECT_EQ(again.session_key(s2), a.session_key(s2));
  EXPECT_EQ(again.tag(), a.tag());
}

// Computed with: openssl kdf -kdfopt digest:SHA256 -kdfopt hexkey:KEY
//   -kdfopt salt:"starling flock 1 one" -kdfopt info:"starling tag 1" -keylen 8 HKDF
TEST(KeySchedule, MatchesTheOpensslCommand) {
  const KeySchedule a(parse_flock_key(kHex, "x"), "one");
  EXPECT_EQ(to_hex(a.tag()), "ee99711cb3c4f561");
}

}  // namespace
}  // namespace starling
