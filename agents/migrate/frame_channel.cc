// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/frame_channel.h"

#include <algorithm>
#include <cstring>

namespace starling::migrate {

static constexpr std::size_t kHead = 5;
static constexpr std::size_t kChunk = 256 * 1024;
// Up to here it is quicker to copy a message together than to seal it in two records.
static constexpr std::size_t kCopyLimit = 16 * 1024;

FrameChannel::FrameChannel(std::unique_ptr<ByteStream> stream)
    : stream_(std::move(stream)), in_(kChunk) {}

void FrameChannel::send(std::uint8_t type, Bytes body) {
  send(type, body, {});
}

void FrameChannel::send(std::uint8_t type, Bytes head, Bytes tail) {
  const std::size_t size = head.size() + tail.size();
  if (size > kMaxBody) throw ProtocolError("a message of " + std::to_string(size) + " bytes");
  out_.resize(kHead);
  const auto length = static_cast<std::uint32_t>(size);
  std::memcpy(out_.data(), &length, sizeof length);
  out_[4] = type;
  out_.insert(out_.end(), head.begin(), head.end());
  if (tail.size() <= kCopyLimit) {
    out_.insert(out_.end(), tail.begin(), tail.end());
    tail = {};
  }
  if (tail.empty()) {
    stream_->write(out_);
  } else {
    stream_->write(out_, tail);
  }
}

std::optional<Frame> FrameChannel::parse() {
  if (end_ - begin_ < kHead) return std::nullopt;
  std::uint32_t length;
  std::memcpy(&length, &in_[begin_], sizeof length);
  if (length > kMaxBody) {
    throw ProtocolError("the peer announced a message of " + std::to_string(length) + " bytes");
  }
  if (end_ - begin_ < kHead + length) {
    if (in_.size() - begin_ < kHead + length) {
      std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
                in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
      end_ -= begin_;
      begin_ = 0;
      in_.resize(std::max(in_.size(), kHead + length));
    }
    return std::nullopt;
  }
  Frame frame;
  frame.type = in_[begin_ + 4];
  const auto body = in_.begin() + static_cast<std::ptrdiff_t>(begin_ + kHead);
  frame.body.assign(body, body + length);
  begin_ += kHead + length;
  if (begin_ == end_) begin_ = end_ = 0;
  return frame;
}

MutableBytes FrameChannel::space() {
  if (end_ == in_.size()) {
    if (begin_ > 0) {
      std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_), in_.end(), in_.begin());
      end_ -= begin_;
      begin_ = 0;
    } else {
      in_.resize(in_.size() + kChunk);
    }
  }
  return {&in_[end_], in_.size() - end_};
}

Frame FrameChannel::receive() {
  while (true) {
    if (auto frame = parse()) return std::move(*frame);
    end_ += stream_->read(space());
  }
}

FrameChannel::Head FrameChannel::receive_head() {
  std::uint8_t head[kHead];
  take(head);
  std::uint32_t length;
  std::memcpy(&length, head, sizeof length);
  if (length > kMaxBody) {
    throw ProtocolError("the peer announced a message of " + std::to_string(length) + " bytes");
  }
  return {head[4], length};
}

void FrameChannel::take(MutableBytes to) {
  const std::size_t had = std::min(to.size(), end_ - begin_);
  std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(begin_), had, to.begin());
  begin_ += had;
  if (begin_ == end_) begin_ = end_ = 0;
  to = to.subspan(had);
  while (!to.empty()) to = to.subspan(stream_->read(to));
}

std::optional<Frame> FrameChannel::try_receive() {
  if (auto frame = parse()) return frame;
  const std::size_t n = stream_->try_read(space());
  if (n == 0) return std::nullopt;
  end_ += n;
  return receive();
}

bool FrameChannel::buffered() const {
  return end_ > begin_ || stream_->pending();
}

}  // namespace starling::migrate
