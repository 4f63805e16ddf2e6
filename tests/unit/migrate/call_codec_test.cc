// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/call_codec.h"

#include <gtest/gtest.h>

#include <cstring>

namespace starling::migrate {
namespace {

ForwardedCall example() {
  ForwardedCall call{.tid = 4711, .cookie = 0x1122334455667788, .call = {}};
  call.call.nr = 47;
  call.call.args = {1, ~0ULL, 3, 1ULL << 63, 5, 6};
  call.call.may_block = true;
  call.call.in = {{{0x7fff0000}, {1, 2, 3}}, {{0x10}, {}}, {{~0ULL - 3}, {9, 9, 9}}};
  call.call.out = {{.at = {0x5000}, .capacity = 77},
                   {.at = {0x6000},
                    .capacity = 4096,
                    .when = OutSegment::When::always,
                    .length = OutSegment::Length::u64,
                    .min_result = -3,
                    .unit = 12,
                    .extra = 8,
                    .skip = 100,
                    .length_at = {0x7008}}};
  return call;
}

CallResult example_result() {
  return {.tid = 7,
          .cookie = 8,
          .result = -514,
          .flags = CallResult::kComeHome,
          .out = {{{0x1000}, {1, 2, 3, 4}}}};
}

template <typename T>
void put(std::vector<std::uint8_t>& bytes, std::size_t at, T value) {
  ASSERT_LE(at + sizeof value, bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

constexpr std::size_t kSegmentsAt = 4 + 8 + 4 + 1 + 48;  // in a call

TEST(CallCodec, CallsAndResultsSurvive) {
  EXPECT_EQ(decode_call(encode(example())), example());
  EXPECT_EQ(decode_call(encode(ForwardedCall{})), ForwardedCall{});
  EXPECT_EQ(decode_result(encode(example_result())), example_result());
  EXPECT_EQ(decode_result(encode(CallResult{})), CallResult{});
}

TEST(CallCodec, IsCompact) {
  ForwardedCall call;
  call.call.in = {{{0x1000}, {1, 2, 3, 4}}};
  EXPECT_EQ(encode(call).size(), kSegmentsAt + 4 + 12 + 4 + 4);
}

TEST(CallCodec, RefusesWhatIsCutShortOrTooLong) {
  const auto call = encode(example());
  for (std::size_t n = 0; n < call.size(); ++n) {
    EXPECT_THROW(decode_call(Bytes(call).first(n)), ProtocolError) << n;
  }
  const auto result = encode(example_result());
  for (std::size_t n = 0; n < result.size(); ++n) {
    EXPECT_THROW(decode_result(Bytes(result).first(n)), ProtocolError) << n;
  }
  auto more = call;
  more.push_back(0);
  EXPECT_THROW(decode_call(more), ProtocolError);
  more = result;
  more.push_back(0);
  EXPECT_THROW(decode_result(more), ProtocolError);
}

TEST(CallCodec, BelievesNoCountThatTheBytesDoNotBear) {
  for (const std::uint32_t n : {0xffffffffU, 0x10000U, 100U}) {
    auto call = encode(ForwardedCall{});
    put(call, kSegmentsAt, n);
    EXPECT_THROW(decode_call(call), ProtocolError);
    call = encode(ForwardedCall{});
    put(call, kSegmentsAt + 4, n);
    EXPECT_THROW(decode_call(call), ProtocolError);
    auto result = encode(CallResult{});
    put(result, 24, n);
    EXPECT_THROW(decode_result(result), ProtocolError);
  }
}

TEST(CallCodec, RefusesMoreThanACallMayCarry) {
  ForwardedCall call;
  call.call.out = {{.at = {0x1000}, .capacity = kMaxCallData}};
  EXPECT_EQ(decode_call(encode(call)), call);
  call.call.out.push_back({.at = {0x1000}, .capacity = 1});
  EXPECT_THROW(decode_call(encode(call)), ProtocolError);
  call.call.out.clear();
  call.call.in = {{{0x1000}, std::vector<std::uint8_t>(kMaxCallData)}};
  EXPECT_NO_THROW(decode_call(encode(call)));
  call.call.in.push_back({{0x1000}, {1}});
  EXPECT_THROW(decode_call(encode(call)), ProtocolError);
  call.call.in.assign(kMaxSegments + 1, {{0x1000}, {1}});
  EXPECT_THROW(decode_call(encode(call)), ProtocolError);
}

TEST(CallCodec, RefusesKindsAndRangesThatDoNotExist) {
  ForwardedCall call;
  call.call.out = {{.at = {0x1000}, .capacity = 1}};
  const std::size_t when = kSegmentsAt + 4 + 4 + 8 + 4;
  auto bytes = encode(call);
  put(bytes, when, std::uint8_t{4});
  EXPECT_THROW(decode_call(bytes), ProtocolError);
  bytes = encode(call);
  put(bytes, when + 1, std::uint8_t{4});
  EXPECT_THROW(decode_call(bytes), ProtocolError);
  bytes = encode(call);
  put(bytes, 16, std::uint8_t{2});  // may_block
  EXPECT_THROW(decode_call(bytes), ProtocolError);
  call.call.out = {{.at = {~0ULL}, .capacity = 2}};
  EXPECT_THROW(decode_call(encode(call)), ProtocolError);
}

}  // namespace
}  // namespace starling::migrate
