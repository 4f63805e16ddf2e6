// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/frame_channel.h"

#include <gtest/gtest.h>

#include <thread>

namespace starling::migrate {
namespace {

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

TEST(FrameChannel, CarriesMessagesOfAllSizesInOrder) {
  auto [left, right] = stream_pair();
  FrameChannel a(std::move(left)), b(std::move(right));
  const std::size_t sizes[] = {0, 1, 4096, 65536, 300 * 1024, 3 * 1024 * 1024, 2};
  std::thread sender([&] {
    std::uint8_t type = 0;
    for (const std::size_t size : sizes) {
      const auto body = pattern(size);
      a.send(type++, Bytes(body).first(size / 3), Bytes(body).subspan(size / 3));
    }
  });
  std::uint8_t type = 0;
  for (const std::size_t size : sizes) {
    const Frame frame = b.receive();
    EXPECT_EQ(frame.type, type++);
    EXPECT_EQ(frame.body, pattern(size));
  }
  sender.join();
}

TEST(FrameChannel, TryReceiveGivesNothingUntilSomethingCame) {
  auto [left, right] = stream_pair();
  FrameChannel a(std::move(left)), b(std::move(right));
  EXPECT_FALSE(b.try_receive());
  a.send(9, pattern(10));
  a.send(8, {});
  const auto frame = b.try_receive();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, 9);
  EXPECT_EQ(frame->body, pattern(10));
  EXPECT_TRUE(b.buffered());
  EXPECT_EQ(b.try_receive()->type, 8);
  EXPECT_FALSE(b.buffered());
}

TEST(FrameChannel, RefusesAnAnnouncedLengthBeyondTheLimit) {
  auto [left, right] = stream_pair();
  FrameChannel b(std::move(right));
  const std::uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 1};
  left->write(head);
  EXPECT_THROW(b.receive(), ProtocolError);
}

TEST(FrameChannel, TellsTheEndOfTheStreamAlsoWithinAMessage) {
  auto [left, right] = stream_pair();
  FrameChannel b(std::move(right));
  const std::uint8_t head[] = {10, 0, 0, 0, 1, 42};
  left->write(head);
  left.reset();
  EXPECT_THROW(b.receive(), StreamClosed);
}

}  // namespace
}  // namespace starling::migrate
