// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_wire.h"

#include <gtest/gtest.h>

#include "agents/migrate/frame_channel.h"

namespace starling::migrate {
namespace {

std::vector<std::uint8_t> whole(const PageAnswer& answer) {
  auto body = encode_head(answer);
  body.insert(body.end(), answer.data.begin(), answer.data.end());
  return body;
}

TEST(PageWire, RequestsComeOutAsTheyWentIn) {
  const PageRequest exact{PageRequest::Kind::exact, {{0x1000}, {0x5000}}};
  EXPECT_EQ(decode_page_request(encode(exact)), exact);
  const PageRequest next{PageRequest::Kind::next, {{0x7f0000000000}, {0x7fffffff0000}}, 65536};
  EXPECT_EQ(decode_page_request(encode(next)), next);
}

TEST(PageWire, RefusesRequestsThatMakeNoSense) {
  const PageRequest good{PageRequest::Kind::exact, {{0x1000}, {0x5000}}};
  const auto refuses = [](const PageRequest& request) {
    EXPECT_THROW(decode_page_request(encode(request)), ProtocolError);
  };
  PageRequest bad = good;
  bad.range = {{0x1001}, {0x5001}};
  refuses(bad);
  bad.range = {{0x1000}, {0x1000}};
  refuses(bad);
  bad.range = {{0x1000}, {0x1000 + PageRequest::kMaxData + kPage}};
  refuses(bad);
  bad.range = {{std::uint64_t{1} << 56}, {(std::uint64_t{1} << 56) + kPage}};
  refuses(bad);
  bad = good;
  bad.max_data = kPage + 1;
  refuses(bad);
  bad.max_data = 0;
  refuses(bad);
  auto bytes = encode(good);
  bytes[20] = 3;
  EXPECT_THROW(decode_page_request(bytes), ProtocolError);
  bytes.pop_back();
  EXPECT_THROW(decode_page_request(bytes), ProtocolError);
}

TEST(PageWire, AnswersComeOutAsTheyWentIn) {
  const std::vector<std::uint8_t> data(3 * kPage, 9);
  const PageAnswer answer{{0x10000},
                          {{PageRun::Kind::data, 2},
                           {PageRun::Kind::zero, std::uint64_t{1} << 30},
                           {PageRun::Kind::unreadable, 4},
                           {PageRun::Kind::data, 1}},
                          data};
  const auto body = whole(answer);
  const PageAnswer out = decode_page_answer(body);
  EXPECT_EQ(out.begin, answer.begin);
  EXPECT_EQ(out.runs, answer.runs);
  EXPECT_EQ(out.data.size(), data.size());
  EXPECT_EQ(out.covered().size(), ((std::uint64_t{1} << 30) + 7) * kPage);
}

TEST(PageWire, RefusesAnswersThatMakeNoSense) {
  const std::vector<std::uint8_t> data(2 * kPage, 9);
  const auto refuses = [](const PageAnswer& answer) {
    EXPECT_THROW(decode_page_answer(whole(answer)), ProtocolError);
  };
  refuses({{0x1000}, {}, {}});
  refuses({{0x1000}, {{PageRun::Kind::data, 1}}, data});                     // too long
  refuses({{0x1000}, {{PageRun::Kind::data, 3}}, data});                     // too short
  refuses({{0x1000}, {{PageRun::Kind::zero, 0}}, {}});                       // empty run
  refuses({{0x1000}, {{PageRun::Kind::zero, std::uint64_t{1} << 60}}, {}});  // beyond all
  refuses({{0x1001}, {{PageRun::Kind::zero, 1}}, {}});
  refuses({{0x1000}, {{static_cast<PageRun::Kind>(3), 1}}, {}});
  refuses({{0x1000}, std::vector<PageRun>(PageAnswer::kMaxRuns + 1, {PageRun::Kind::zero, 1}), {}});
  EXPECT_THROW(decode_page_answer({}), ProtocolError);
}

}  // namespace
}  // namespace starling::migrate
