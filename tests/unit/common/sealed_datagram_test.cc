// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/sealed_datagram.h"

#include <gtest/gtest.h>

#include <vector>

#include "agents/common/flock_key.h"

namespace starling {
namespace {

KeySchedule& keys() {
  static KeySchedule schedule(FlockKey({1, 2, 3}), "test");
  return schedule;
}

std::vector<std::uint8_t> sealed(const Path& path, std::size_t payload) {
  Aead aead;
  DatagramSealer sealer(keys(), SessionId{9});
  std::vector<std::uint8_t> out(payload + kSealOverhead);
  const std::vector<std::uint8_t> plain(payload, 0x5a);
  EXPECT_EQ(sealer.seal(aead, SealedHeader::Kind::kData, path, plain, out), out.size());
  return out;
}

TEST(SealedDatagram, FitsTheSmallestIpv6Link) {
  EXPECT_EQ(kMaxDatagram + 48, 1280u);
  EXPECT_EQ(sealed({}, kMaxPayload).size(), kMaxDatagram);
  Aead aead;
  DatagramSealer sealer(keys(), SessionId{9});
  std::vector<std::uint8_t> out(2000);
  const std::vector<std::uint8_t> plain(kMaxPayload + 1);
  EXPECT_THROW(sealer.seal(aead, SealedHeader::Kind::kData, {}, plain, out), std::length_error);
}

TEST(SealedDatagram, HeaderFaultsAreToldApart) {
  SealedHeader h;
  const auto good = sealed({}, 10);
  EXPECT_EQ(read_header(good, keys().tag(), h), HeaderFault::kNone);
  EXPECT_EQ(h.session, SessionId{9});
  EXPECT_EQ(h.counter, 1u);
  EXPECT_EQ(read_header(Bytes(good).first(kSealOverhead - 1), keys().tag(), h),
            HeaderFault::kTooShort);
  EXPECT_EQ(read_header(std::vector<std::uint8_t>(kMaxDatagram + 1), keys().tag(), h),
            HeaderFault::kTooLong);
  auto bad = good;
  bad[0] = 2;
  EXPECT_EQ(read_header(bad, keys().tag(), h), HeaderFault::kVersion);
  bad = good;
  bad[4] ^= 1;
  EXPECT_EQ(read_header(bad, keys().tag(), h), HeaderFault::kForeignFlock);
  bad = good;
  bad[1] = 3;
  EXPECT_EQ(read_header(bad, keys().tag(), h), HeaderFault::kMalformed);
}

// Every single bit of the datagram and of the two addresses is authenticated.
TEST(SealedDatagram, NoBitCanBeChanged) {
  Path path;
  path.source[15] = 1;
  path.destination[15] = 2;
  const auto good = sealed(path, 24);
  Aead aead;
  const auto opens = [&](const std::vector<std::uint8_t>& d, const Path& p) {
    SealedHeader h;
    if (read_header(d, keys().tag(), h) != HeaderFault::kNone) return false;
    std::vector<std::uint8_t> plain(d.size() - kSealOverhead);
    return aead.open(keys().session_key(h.session), h.counter,
                     associated_data(Bytes(d).first(SealedHeader::kSize), p),
                     Bytes(d).subspan(SealedHeader::kSize), plain);
  };
  ASSERT_TRUE(opens(good, path));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(opens(bad, path)) << "bit " << bit;
  }
  for (std::size_t i = 0; i < 16; ++i) {
    Path other = path;
    other.source[i] ^= 0x10;
    EXPECT_FALSE(opens(good, other));
    other = path;
    other.destination[i] ^= 0x10;
    EXPECT_FALSE(opens(good, other));
  }
}

TEST(SealedDatagram, EmptyPayloadIsAuthenticatedToo) {
  auto d = sealed({}, 0);
  Aead aead;
  std::vector<std::uint8_t> none;
  const auto key = keys().session_key(SessionId{9});
  const auto aad = associated_data(Bytes(d).first(SealedHeader::kSize), {});
  EXPECT_TRUE(aead.open(key, 1, aad, Bytes(d).subspan(SealedHeader::kSize), none));
  EXPECT_FALSE(aead.open(key, 2, aad, Bytes(d).subspan(SealedHeader::kSize), none));
}

}  // namespace
}  // namespace starling
